/* mpi_cases NAME [ARGUMENT…]: runs one case on every rank. Without a name it lists the cases. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/mpi/cases.h"

static const mpi_case *const tables[] = {comm_cases,
                                         failure_cases,
                                         archive_cases,
                                         method_cases,
                                         worker_state_cases,
                                         gossip_cases,
                                         pairwise_cases,
                                         central_cases,
                                         central_fact_cases,
                                         quantized_means_cases,
                                         pairwise_simulation_cases,
                                         batch_norm_cases};
enum { N_TABLES = sizeof tables / sizeof *tables };

uint64_t case_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const mpi_case *find(const char *name) {
  for (size_t i = 0; i < N_TABLES; i++)
    for (const mpi_case *c = tables[i]; c->name; c++)
      if (strcmp(c->name, name) == 0) return c;
  return NULL;
}

int main(int argc, char **argv) {
  const mpi_case *found = argc > 1 ? find(argv[1]) : NULL;
  if (!found) {
    for (size_t i = 0; i < N_TABLES; i++)
      for (const mpi_case *c = tables[i]; c->name; c++) fprintf(stderr, "%s\n", c->name);
    return 2;
  }
  MPI_Init(&argc, &argv);
  fputs(CASE_STARTED, stderr);
  const int result = found->run(argc - 2, argv + 2);
  if (result != 0) MPI_Abort(MPI_COMM_WORLD, 1); /* the others would wait for this rank */
  MPI_Finalize();
  return result;
}
