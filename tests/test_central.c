/* The methods with servers and Quantized-PR-SGD on one rank and on several. The work is in tests/mpi/central*.c and
 * tests/mpi/quantized_means.c. */
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

ParameterizedTestParameters(central, methods) {
  static case_at cases[] = {
      {1, "central-equalities"}, {3, "central-equalities"}, {1, "central-invariants"}, {3, "central-invariants"},
      {1, "central-bits"},       {5, "central-bits"},       {1, "quantized-means"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, central, methods, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(central, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  static const int ranks[] = {2, 3, 5, 8};
  char *alone = mpi_launch(1, "central-digests");
  for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
    char *spread = mpi_launch(ranks[i], "central-digests");
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

Test(central, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 500) {
  char folder[] = "/tmp/terse-central-XXXXXX", words[600];
  cr_assert(mkdtemp(folder));
  snprintf(words, sizeof words, "central-resume save %s", folder);
  free(mpi_launch(3, words));
  snprintf(words, sizeof words, "central-resume load %s", folder);
  free(mpi_launch(2, words));
  snprintf(words, sizeof words, "rm -rf '%s'", folder);
  cr_assert_eq(system(words), 0);
}
