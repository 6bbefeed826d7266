/* The methods with servers and Quantized-PR-SGD on one rank and on several. The work is in tests/mpi/central*.c and
 * tests/mpi/quantized_means.c. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "tests/mpi_launch.h"

typedef struct case_at {
  int n_ranks;
  char name[32];
} case_at;

ParameterizedTestParameters(central, methods) {
  static case_at cases[] = {
      {1, "central-equalities"}, {3, "central-equalities"}, {1, "central-invariants"}, {3, "central-invariants"},
      {1, "central-bits"},       {5, "central-bits"},       {1, "quantized-means"},    {5, "central-free"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, central, methods, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(central, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  mpi_compare_digests("central-digests", (const int[]){2, 3, 5, 8, 0}, 16);
}

Test(central, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 500) {
  mpi_save_and_load("central-resume", 3, (const int[]){2, 0});
}
