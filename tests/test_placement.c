/* A run gives the same bits however its workers are spread over ranks, and may be saved at one number of ranks and
 * loaded at another. The work is done by tests/mpi/method.c under mpirun. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 16 };

/* What the case printed; the caller frees it. Launchers that share a folder for their sessions remove it under each
 * other's feet: each has its own. */
static char *run_case(int n_ranks, const char *words) {
  char command[1024];
  snprintf(command, sizeof command,
           "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR=$(mktemp -d); "
           "timeout 120 mpirun -n %d --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 --mca pml ob1 "
           "--mca btl self,vader --mca osc ^ucx " MPI_CASES_PROGRAM " %s 2>&1; result=$?; rm -rf $TMPDIR; exit $result",
           n_ranks, words);
  char *text = malloc(OUTPUT_MAX);
  FILE *pipe = popen(command, "r");
  cr_assert(text && pipe);
  const size_t n = fread(text, 1, OUTPUT_MAX - 1, pipe);
  text[n] = '\0';
  const int end = pclose(pipe);
  cr_assert(WIFEXITED(end) && WEXITSTATUS(end) == 0, "%s at %d ranks: %s", words, n_ranks, text);
  return text;
}

Test(placement, digests_do_not_depend_on_the_number_of_ranks, .timeout = 300) {
  char *alone = run_case(1, "method-digests");
  for (int n_ranks = 2; n_ranks <= 4; n_ranks++) {
    char *spread = run_case(n_ranks, "method-digests");
    int n_compared = 0;
    for (char *rest = spread, *line; (line = strsep(&rest, "\n"));)
      if (strncmp(line, "digest ", 7) == 0) {
        cr_assert(strstr(alone, line), "at %d ranks: %s, not what one rank gives", n_ranks, line);
        n_compared++;
      }
    cr_assert(n_compared > 40, "only %d digests at %d ranks", n_compared, n_ranks);
    free(spread);
  }
  free(alone);
}

Test(placement, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 150) {
  const int moves[][2] = {{3, 2}, {1, 4}};
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
    char folder[] = "/tmp/terse-placement-XXXXXX", words[600];
    cr_assert(mkdtemp(folder));
    snprintf(words, sizeof words, "method-resume save %s", folder);
    free(run_case(moves[i][0], words));
    snprintf(words, sizeof words, "method-resume load %s", folder);
    free(run_case(moves[i][1], words));
    snprintf(words, sizeof words, "rm -rf '%s'", folder);
    cr_assert_eq(system(words), 0);
  }
}
