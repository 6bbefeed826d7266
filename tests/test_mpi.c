/* comm on several ranks: the cases of tests/mpi/comm.c and failures.c at several R, and archives from one R to another.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/mpi_launch.h"

typedef struct case_at {
  int n_ranks;
  char name[32];
} case_at;

ParameterizedTestParameters(mpi, comm) {
  static case_at cases[] = {
      {1, "exchanges"}, {2, "exchanges"},  {3, "exchanges"},  {4, "exchanges"},  {8, "exchanges"}, {1, "allreduce"},
      {2, "allreduce"}, {3, "allreduce"},  {4, "allreduce"},  {8, "allreduce"},  {1, "control"},   {3, "control"},
      {5, "control"},   {1, "collection"}, {2, "collection"}, {5, "collection"}, {1, "reuse"},     {3, "reuse"},
      {1, "run-ahead"}, {3, "run-ahead"},  {2, "mismatch"},   {3, "mismatch"},   {4, "mismatch"},  {2, "late"},
      {3, "late"},      {2, "gone"},       {3, "oversize"},   {3, "hostile"},    {2, "crowded"},
  };
  return cr_make_param_array(case_at, cases, sizeof cases / sizeof *cases);
}

ParameterizedTest(case_at *c, mpi, comm, .timeout = 150) { free(mpi_launch(c->n_ranks, c->name)); }

/* What three ranks save, any other number of ranks loads. */
Test(mpi, archive_at_another_number_of_ranks, .timeout = 500) {
  char folder[] = "/tmp/terse-mpi-XXXXXX", words[128];
  cr_assert(mkdtemp(folder));
  snprintf(words, sizeof words, "archive save %s/saved", folder);
  free(mpi_launch(3, words));
  snprintf(words, sizeof words, "archive load %s/saved", folder);
  for (int n_ranks = 1; n_ranks <= 5; n_ranks++) free(mpi_launch(n_ranks, words));
  snprintf(words, sizeof words, "rm -rf %s", folder);
  cr_assert_eq(system(words), 0);
}
