/* Decentralised, synchronous methods on one rank and on several. The work is in tests/mpi/gossip.c. */
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

ParameterizedTestParameters(gossip, methods) {
  static case_at cases[] = {
      {1, "gossip-reductions"}, {3, "gossip-reductions"}, {1, "gossip-averaging"}, {3, "gossip-averaging"},
      {2, "gossip-copies"},     {8, "gossip-copies"},     {3, "gossip-push-sum"},  {3, "gossip-facts"},
      {1, "gossip-bits"},       {5, "gossip-bits"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, gossip, methods, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(gossip, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  static const int ranks[] = {2, 3, 5, 8};
  char *alone = mpi_launch(1, "gossip-digests");
  for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
    char *spread = mpi_launch(ranks[i], "gossip-digests");
    int n_compared = 0;
    for (char *rest = spread, *line; (line = strsep(&rest, "\n"));)
      if (strncmp(line, "digest ", 7) == 0) {
        cr_assert(strstr(alone, line), "at %d ranks: %s, not what one rank gives", ranks[i], line);
        n_compared++;
      }
    cr_assert(n_compared > 15, "only %d digests at %d ranks", n_compared, ranks[i]);
    free(spread);
  }
  free(alone);
}

Test(gossip, a_run_saved_at_three_ranks_goes_on_at_two_and_at_eight, .timeout = 500) {
  char folder[] = "/tmp/terse-gossip-XXXXXX", words[600];
  cr_assert(mkdtemp(folder));
  snprintf(words, sizeof words, "gossip-resume save %s", folder);
  free(mpi_launch(3, words));
  snprintf(words, sizeof words, "gossip-resume load %s", folder);
  free(mpi_launch(2, words));
  free(mpi_launch(8, words));
  snprintf(words, sizeof words, "rm -rf '%s'", folder);
  cr_assert_eq(system(words), 0);
}
