/* The pairwise methods on one rank and on several; the work is in tests/mpi/pairwise.c. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

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
  mpi_compare_digests("pairwise-digests", (const int[]){2, 3, 8, 0}, 8);
}

Test(pairwise, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 300) {
  mpi_save_and_load("pairwise-resume", 3, (const int[]){2, 0});
}

Test(pairwise, free_workers_lose_nothing_and_need_a_rank_each, .timeout = 300) {
  free(mpi_launch(4, "pairwise-free"));
  free(mpi_launch(2, "pairwise-free"));
}
