/* Methods on one rank and on several: what they compute is right everywhere, the bits do not depend on how the workers
 * are spread, and a run may be saved at one number of ranks and loaded at another. The work is in tests/mpi. */
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

ParameterizedTestParameters(placement, methods) {
  static case_at cases[] = {
      {1, "gtopk-aggregates"},   {2, "gtopk-aggregates"},  {3, "gtopk-aggregates"},  {4, "gtopk-aggregates"},
      {1, "gtopk-warmup"},       {3, "gtopk-warmup"},      {1, "gtopk-assumption"},  {3, "gtopk-assumption"},
      {1, "gtopk-tree-loss"},    {4, "gtopk-tree-loss"},   {1, "method-simulation"}, {3, "method-simulation"},
      {1, "method-equalities"},  {2, "method-equalities"}, {4, "method-equalities"}, {1, "method-large-batch"},
      {2, "method-large-batch"}, {1, "method-probes"},     {3, "method-probes"},     {2, "method-resume"},
      {1, "worker-state"},       {3, "worker-state"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, placement, methods, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(placement, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  char *alone = mpi_launch(1, "method-digests");
  for (int n_ranks = 2; n_ranks <= 4; n_ranks++) {
    char *spread = mpi_launch(n_ranks, "method-digests");
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

Test(placement, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 500) {
  const int moves[][2] = {{3, 2}, {1, 4}};
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
    char folder[] = "/tmp/terse-placement-XXXXXX", words[600];
    cr_assert(mkdtemp(folder));
    snprintf(words, sizeof words, "method-resume save %s", folder);
    free(mpi_launch(moves[i][0], words));
    snprintf(words, sizeof words, "method-resume load %s", folder);
    free(mpi_launch(moves[i][1], words));
    snprintf(words, sizeof words, "rm -rf '%s'", folder);
    cr_assert_eq(system(words), 0);
  }
}
