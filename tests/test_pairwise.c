/* The pairwise methods on one rank and on several; the work is in tests/mpi/pairwise.c. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi_launch.h"

typedef struct case_at {
  int n_ranks;
  char name[32];
} case_at;

ParameterizedTestParameters(pairwise, cases) {
  static case_at cases[] = {{1, "pairwise-simulation"}, {1, "pairwise-spread"},   {1, "pairwise-counts"},
                            {3, "pairwise-counts"},     {1, "pairwise-failures"}, {3, "pairwise-failures"}};
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, pairwise, cases, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(pairwise, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  const int n_ranks[] = {2, 3, 8};
  char *alone = mpi_launch(1, "pairwise-digests");
  for (int k = 0; k < 3; k++) {
    char *spread = mpi_launch(n_ranks[k], "pairwise-digests");
    int n_compared = 0;
    for (char *rest = spread, *line; (line = strsep(&rest, "\n"));)
      if (strncmp(line, "digest ", 7) == 0) {
        cr_assert(strstr(alone, line), "at %d ranks: %s, not what one rank gives", n_ranks[k], line);
        n_compared++;
      }
    cr_assert(n_compared >= 8, "only %d digests at %d ranks", n_compared, n_ranks[k]);
    free(spread);
  }
  free(alone);
}

Test(pairwise, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 300) {
  char folder[] = "/tmp/terse-pairwise-XXXXXX", words[600];
  cr_assert(mkdtemp(folder));
  snprintf(words, sizeof words, "pairwise-resume save %s", folder);
  free(mpi_launch(3, words));
  snprintf(words, sizeof words, "pairwise-resume load %s", folder);
  free(mpi_launch(2, words));
  snprintf(words, sizeof words, "rm -rf '%s'", folder);
  cr_assert_eq(system(words), 0);
}

Test(pairwise, free_workers_lose_nothing_and_need_a_rank_each, .timeout = 300) {
  const int n_ranks[] = {2, 4};
  for (int k = 0; k < 2; k++) {
    char folder[] = "/tmp/terse-pairwise-XXXXXX", words[600];
    cr_assert(mkdtemp(folder));
    snprintf(words, sizeof words, "pairwise-free %s", folder);
    free(mpi_launch(n_ranks[k], words));
    snprintf(words, sizeof words, "rm -rf '%s'", folder);
    cr_assert_eq(system(words), 0);
  }
}
