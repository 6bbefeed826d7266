#include "analysis/probed_runs.h"

#include <criterion/criterion.h>
#include <math.h>

#include "tests/scratch_database.h"

static const char *const config =
    "{\"dataset\":{\"name\":\"quadratic\",\"dimension\":32,\"L\":2,\"mu\":0.5,\"noise\":1.5},"
    "\"model\":{\"name\":\"softmax\",\"l2\":0.25},"
    "\"method\":{\"name\":\"gtopk\",\"memory\":false,\"density\":0.5},\"batch\":3,\"steps\":40,\"optimizer\":{\"lr\":0."
    "125}}";

static void add_probes(scratch_database *s, int run, int n, double scale) {
  for (int i = 0; i < n; i++)
    scratch_database_execute(s,
                             "INSERT INTO probe (run, name, worker, round, line, epoch, value) VALUES"
                             " (%d, 'gradient_norm2', -1, %d, %d, 0, %f), (%d, 'other', -1, %d, %d, 0, 99)",
                             run, 2 * i, 2 * i, scale * (i + 1), run, 2 * i, 2 * i + 1);
}

Test(probed_runs, reads_what_the_runs_are_and_their_probes) {
  scratch_database s;
  probed_run *list;
  size_t n;
  scratch_database_open(&s);
  scratch_database_add_run(&s, 2, "rates", "gtopk(no memory)", "gtopk", 4, 7, config);
  scratch_database_add_run(&s, 1, "rates", "sgd", "sgd", 2, 8,
                           "{\"dataset\":{\"dimension\":4},\"method\":{\"name\":\"sgd\"},"
                           "\"batch\":1,\"steps\":9,\"optimizer\":{\"lr\":0.5}}");
  scratch_database_add_run(&s, 3, "elsewhere", "sgd", "sgd", 2, 8, config);
  scratch_database_add_run(&s, 4, "rates", "gtopk", "gtopk", 2, 9, config);
  add_probes(&s, 1, 3, 1);
  add_probes(&s, 2, 9, 10);
  add_probes(&s, 3, 9, 10);
  add_probes(&s, 4, 9, 10);
  scratch_database_execute(&s, "UPDATE run SET status = 'failed' WHERE id = 4");

  /* A value for each worker: the mean counts. */
  scratch_database_execute(&s,
                           "INSERT INTO probe (run, name, worker, round, line, epoch, value) VALUES"
                           " (2, 'residual', 0, 4, 100, 0, 3), (2, 'residual', 1, 4, 101, 0, 5)");
  cr_assert_eq(probed_runs_load(s.path, "rates", "residual", &list, &n), STATUS_OK);
  cr_assert(n == 1 && list[0].n == 1 && list[0].round[0] == 4 && list[0].value[0] == 4);
  probed_runs_free(list, n);

  cr_assert_eq(probed_runs_load(s.path, "rates", "gradient_norm2", &list, &n), STATUS_OK);
  cr_assert_eq(n, 2);
  cr_assert_str_eq(list[0].label, "sgd");
  cr_assert(list[0].is_dense && list[0].converges && list[0].n == 3 && list[0].seed == 8);
  cr_assert(list[0].dimension == 4 && isnan(list[0].mu) && isnan(list[0].noise) && isnan(list[0].density));
  const probed_run *g = &list[1];
  cr_assert(!g->is_dense && !g->converges && g->n == 9 && g->seed == 7 && g->workers == 4 && g->batch == 3);
  cr_assert(g->steps == 40 && g->lr == 0.125 && g->dimension == 32 && g->mu == 0.5 && g->L == 2 && g->noise == 1.5);
  cr_assert(g->density == 0.5 && g->l2 == 0.25);
  for (size_t i = 0; i < 9; i++) cr_assert(g->round[i] == 2.0 * (double)i && g->value[i] == 10.0 * (double)(i + 1));
  probed_runs_free(list, n);

  cr_assert_eq(probed_runs_load(s.path, "never-run", "gradient_norm2", &list, &n), STATUS_BAD_INPUT);
  cr_assert(list == NULL && n == 0);
  scratch_database_execute(&s, "UPDATE probe SET value = NULL WHERE run = 2 AND round = 8");
  cr_assert_eq(probed_runs_load(s.path, "rates", "gradient_norm2", &list, &n), STATUS_BAD_INPUT);
  scratch_database_execute(&s, "UPDATE cell SET config = '{}'");
  cr_assert_eq(probed_runs_load(s.path, "rates", "gradient_norm2", &list, &n), STATUS_BAD_INPUT);
  scratch_database_execute(&s, "DROP VIEW probes");
  cr_assert_eq(probed_runs_load(s.path, "rates", "gradient_norm2", &list, &n), STATUS_STORE);
  scratch_database_close(&s);
  cr_assert_eq(probed_runs_load(s.path, "rates", "gradient_norm2", &list, &n), STATUS_STORE);
  probed_runs_free(NULL, 0);
}

Test(probed_runs, mean_is_the_integral_over_rounds) {
  const double round[] = {0, 1, 3, 10}, flat[] = {5, 5, 5, 5}, slope[] = {0, 2, 6, 20};
  cr_assert_eq(mean_over_rounds(round, flat, 4), 5);
  cr_assert_eq(mean_over_rounds(round, slope, 4), 10); /* exact for a straight line, however the rounds lie */
  cr_assert(isnan(mean_over_rounds(round, flat, 1)));
  cr_assert(isnan(mean_over_rounds(round, flat, 0)));
}
