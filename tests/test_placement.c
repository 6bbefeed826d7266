/* Methods on one rank and on several: what they compute is right everywhere, the bits do not depend on how the workers
 * are spread, and a run may be saved at one number of ranks and loaded at another. The work is in tests/mpi. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "algorithms/method.h"
#include "tests/mpi_launch.h"

typedef struct case_at {
  int n_ranks;
  char name[32];
} case_at;

ParameterizedTestParameters(placement, methods) {
  static case_at cases[] = {
      {1, "gtopk-aggregates"},   {2, "gtopk-aggregates"},   {3, "gtopk-aggregates"},  {4, "gtopk-aggregates"},
      {1, "gtopk-warmup"},       {1, "gtopk-momentum"},     {3, "gtopk-warmup"},      {1, "gtopk-assumption"},
      {3, "gtopk-assumption"},   {1, "gtopk-tree-loss"},    {4, "gtopk-tree-loss"},   {1, "method-simulation"},
      {3, "method-simulation"},  {1, "method-equalities"},  {2, "method-equalities"}, {4, "method-equalities"},
      {1, "method-large-batch"}, {2, "method-large-batch"}, {1, "method-probes"},     {3, "method-probes"},
      {2, "method-resume"},      {1, "worker-state"},       {3, "worker-state"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(case_at *c, placement, methods, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

Test(placement, digests_do_not_depend_on_the_number_of_ranks, .timeout = 500) {
  mpi_compare_digests("method-digests", (const int[]){2, 3, 4, 0}, 41);
}

/* Every method, in its default form, with the eight workers that the papers mostly have. */
Test(placement, batch_norm_sees_one_worker_at_every_number_of_ranks, .timeout = 500) {
  int n_methods = 0;
  while (method_registry[n_methods]) n_methods++;
  mpi_compare_digests("batch-norm-digests", (const int[]){2, 3, 5, 8, 0}, n_methods);
}

Test(placement, a_run_saved_at_three_ranks_goes_on_at_two, .timeout = 500) {
  mpi_save_and_load("method-resume", 3, (const int[]){2, 0});
  mpi_save_and_load("method-resume", 1, (const int[]){4, 0});
}
