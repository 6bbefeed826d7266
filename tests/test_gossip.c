/* Decentralised, synchronous methods on one rank and on several. The work is in tests/mpi/gossip.c. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "tests/mpi_launch.h"

typedef struct case_at {
  int n_ranks;
  char name[32];
} case_at;

ParameterizedTestParameters(gossip, methods) {
  static case_at cases[] = {
      {1, "gossip-reductions"}, {3, "gossip-reductions"}, {1, "gossip-averaging"}, {3, "gossip-averaging"},
      {2, "gossip-copies"},     {8, "gossip-copies"},     {3, "gossip-push-sum"},  {3, "gossip-facts"},
      {1, "gossip-bits"},       {5, "gossip-bits"},       {1, "gossip-moniqua"},   {1, "gossip-direct"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, gossip, methods, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(gossip, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  mpi_compare_digests("gossip-digests", (const int[]){2, 3, 5, 8, 0}, 16);
}

Test(gossip, a_run_saved_at_three_ranks_goes_on_at_two_and_at_eight, .timeout = 500) {
  mpi_save_and_load("gossip-resume", 3, (const int[]){2, 8, 0});
}
