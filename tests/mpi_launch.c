#include "tests/mpi_launch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/mpi/cases.h"

enum { OUTPUT_MAX = 1 << 16 };

/* Launchers that share a folder for their sessions remove it under each other's feet: each has its own. Open MPI leaks,
 * so that a sanitized program would fail at its end. */
static int launch(int n_ranks, const char *words, char *text) {
  char command[1024], dropped[512];
  snprintf(command, sizeof command,
           "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 "
           "TMPDIR=$(mktemp -d); timeout 120 mpirun -n %d --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 "
           "--mca pml ob1 --mca btl self,vader --mca osc ^ucx " MPI_CASES_PROGRAM
           " %s 2>&1 </dev/null; "
           "result=$?; rm -rf $TMPDIR; exit $result",
           n_ranks, words);
  FILE *pipe = popen(command, "r");
  cr_assert(pipe);
  const size_t n = fread(text, 1, OUTPUT_MAX - 1, pipe);
  text[n] = '\0';
  while (fread(dropped, 1, sizeof dropped, pipe) > 0) continue;
  return pclose(pipe);
}

/* A launcher that fails before the case has begun on any rank says nothing of the case: it is tried again, as the
 * runner does. */
char *mpi_launch(int n_ranks, const char *words) {
  static char text[OUTPUT_MAX];
  int end = 0;
  for (int attempt = 0; attempt < 3; attempt++) {
    end = launch(n_ranks, words, text);
    if (strstr(text, CASE_STARTED)) break;
    fprintf(stderr, "mpi_launch: %s at %d ranks did not start, attempt %d: %s\n", words, n_ranks, attempt + 1, text);
  }
  cr_assert(WIFEXITED(end) && WEXITSTATUS(end) == 0, "mpi_cases %s at %d ranks: status %d: %s", words, n_ranks, end,
            text);
  return strdup(text);
}

void mpi_compare_digests(const char *name, const int *n_ranks, int n_least) {
  char *alone = mpi_launch(1, name);
  for (; *n_ranks > 0; n_ranks++) {
    char *spread = mpi_launch(*n_ranks, name);
    int n_compared = 0;
    for (char *rest = spread, *line; (line = strsep(&rest, "\n"));)
      if (strncmp(line, "digest ", 7) == 0) {
        cr_assert(strstr(alone, line), "at %d ranks: %s, not what one rank gives", *n_ranks, line);
        n_compared++;
      }
    cr_assert(n_compared >= n_least, "only %d digests at %d ranks", n_compared, *n_ranks);
    free(spread);
  }
  free(alone);
}

void mpi_save_and_load(const char *name, int n_saving, const int *n_loading) {
  char folder[] = "/tmp/terse-moved-XXXXXX", words[600];
  cr_assert(mkdtemp(folder));
  snprintf(words, sizeof words, "%s save %s", name, folder);
  free(mpi_launch(n_saving, words));
  snprintf(words, sizeof words, "%s load %s", name, folder);
  for (; *n_loading > 0; n_loading++) free(mpi_launch(*n_loading, words));
  snprintf(words, sizeof words, "rm -rf '%s'", folder);
  cr_assert_eq(system(words), 0);
}
