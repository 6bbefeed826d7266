#include "tests/mpi_launch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { OUTPUT_MAX = 1 << 16 };

/* Launchers that share a folder for their sessions remove it under each other's feet: each has its own. Open MPI leaks,
 * so that a sanitized program would fail at its end. */
char *mpi_launch(int n_ranks, const char *words) {
  char command[1024], dropped[512];
  snprintf(command, sizeof command,
           "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 "
           "TMPDIR=$(mktemp -d); timeout 120 mpirun -n %d --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 "
           "--mca pml ob1 --mca btl self,vader --mca osc ^ucx " MPI_CASES_PROGRAM
           " %s 2>&1 </dev/null; "
           "result=$?; rm -rf $TMPDIR; exit $result",
           n_ranks, words);
  char *text = malloc(OUTPUT_MAX);
  FILE *pipe = popen(command, "r");
  cr_assert(text && pipe);
  const size_t n = fread(text, 1, OUTPUT_MAX - 1, pipe);
  text[n] = '\0';
  while (fread(dropped, 1, sizeof dropped, pipe) > 0) continue;
  const int end = pclose(pipe);
  cr_assert(WIFEXITED(end) && WEXITSTATUS(end) == 0, "mpi_cases %s at %d ranks: %s", words, n_ranks, text);
  return text;
}
