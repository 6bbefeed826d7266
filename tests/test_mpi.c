/* Runs the cases of tests/mpi, which need several ranks, under mpirun at several R. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MPI_CASES_PROGRAM
#define MPI_CASES_PROGRAM "build/mpi_cases"
#endif

/* Exit status of `mpirun -n R mpi_cases CASE`; what it printed stands in *output (to be freed). */
static int run(int n_ranks, const char *mpi_case, char **output) {
  char command[1024];
  snprintf(command, sizeof command,
           "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 "
           "timeout 60 mpirun --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 --mca pml ob1 "
           "--mca btl self,vader --mca osc ^ucx -n %d %s %s 2>&1 </dev/null",
           n_ranks, MPI_CASES_PROGRAM, mpi_case);
  enum { LIMIT = 20000 };
  *output = (char *)calloc(LIMIT + 1, 1);
  FILE *pipe = popen(command, "r");
  cr_assert(*output && pipe);
  size_t n = 0;
  char block[512];
  for (size_t got = 0; (got = fread(block, 1, sizeof block, pipe)) > 0;) { /* to the end, whatever is kept */
    const size_t kept = got < LIMIT - n ? got : LIMIT - n;
    memcpy(*output + n, block, kept);
    n += kept;
  }
  const int result = pclose(pipe);
  return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

static void check(int n_ranks, const char *mpi_case) {
  char *output = NULL;
  const int result = run(n_ranks, mpi_case, &output);
  cr_assert_eq(result, 0, "mpirun -n %d mpi_cases %s: exit status %d%s\n%s", n_ranks, mpi_case, result,
               result == 124 ? " (60 s have passed)" : "", output);
  free(output);
}

typedef struct mpi_run {
  int n_ranks;
  char mpi_case[32];
} mpi_run;

ParameterizedTestParameters(mpi, comm) {
  static mpi_run runs[] = {
      {1, "exchanges"},  {2, "exchanges"},  {3, "exchanges"},  {4, "exchanges"}, {5, "exchanges"}, {8, "exchanges"},
      {1, "allreduce"},  {2, "allreduce"},  {3, "allreduce"},  {4, "allreduce"}, {5, "allreduce"}, {8, "allreduce"},
      {1, "control"},    {3, "control"},    {5, "control"},    {1, "collection"}, {2, "collection"}, {5, "collection"},
      {1, "reuse"},      {3, "reuse"},      {2, "mismatch"},   {3, "mismatch"},  {4, "mismatch"},  {2, "late"},
      {3, "late"},       {2, "gone"},       {3, "oversize"},   {3, "hostile"},   {2, "crowded"},
  };
  return cr_make_param_array(mpi_run, runs, sizeof runs / sizeof *runs);
}
ParameterizedTest(mpi_run *r, mpi, comm, .timeout = 90) { check(r->n_ranks, r->mpi_case); }

/* What R ranks save, any other number of ranks loads. */
Test(mpi, archive_at_another_number_of_ranks, .timeout = 300) {
  char folder[] = "/tmp/terse-mpi-XXXXXX", command[128];
  cr_assert(mkdtemp(folder));
  snprintf(command, sizeof command, "archive save %s/saved", folder);
  check(3, command);
  snprintf(command, sizeof command, "archive load %s/saved", folder);
  for (int n_ranks = 1; n_ranks <= 5; n_ranks++) check(n_ranks, command);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  cr_assert_eq(system(command), 0);
}
