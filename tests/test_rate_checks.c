#include "analysis/rate_checks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/quadratic_theory.h"
#include "core/rng.h"

enum { MAX_RUNS = 64, MAX_PROBES = 300 };
static probed_run runs[MAX_RUNS];
static double rounds[MAX_RUNS][MAX_PROBES], values[MAX_RUNS][MAX_PROBES];

static void probe_at(size_t run, size_t i, double round, double value) {
  runs[run].round = rounds[run];
  runs[run].value = values[run];
  runs[run].n = i + 1;
  rounds[run][i] = round;
  values[run][i] = value;
}

/* The descent of one run as theory has it, but with a step size wrong by a factor. */
static void descend(size_t run, double lr, double wrong) {
  runs[run] = (probed_run){.label = (char *)"sgd",
                           .is_dense = true,
                           .converges = true,
                           .seed = 1,
                           .workers = 4,
                           .batch = 1,
                           .steps = 256,
                           .lr = lr,
                           .dimension = 32,
                           .mu = 0.2,
                           .L = 2};
  const quadratic q = {32, 0.2, 2, lr * wrong, 0};
  for (size_t t = 0; t <= 256; t++) probe_at(run, t, (double)t, quadratic_gradient2(&q, (double)t));
}

static tally judge(enum status (*check)(const probed_run *, size_t, FILE *, tally *), size_t n) {
  tally verdicts = {{0}};
  char *text = NULL;
  size_t n_text = 0;
  FILE *out = open_memstream(&text, &n_text);
  cr_assert_eq(check(runs, n, out, &verdicts), STATUS_OK);
  fclose(out);
  cr_assert(n_text > 100);
  free(text);
  return verdicts;
}

Test(rate_checks, descent_is_confirmed_only_where_it_is_right) {
  const double lr[] = {0.5, 0.9, 0.975};
  for (size_t i = 0; i < 3; i++) descend(i, lr[i], 1);
  tally t = judge(check_descent, 3);
  cr_assert(t.n[VERDICT_CONFIRMED] == 6 && t.n[VERDICT_CONTRADICTED] == 0 && t.n[VERDICT_INCONCLUSIVE] == 0);
  descend(1, 0.9, 1.03); /* 3 % off: the factor moves by 2.6 %, the path by far more */
  t = judge(check_descent, 3);
  cr_assert(t.n[VERDICT_CONFIRMED] == 4 && t.n[VERDICT_CONTRADICTED] == 2);
  descend(1, 0.9, 1);
  values[1][3] *= 1.05; /* one wrong probe does not move the factor */
  t = judge(check_descent, 3);
  cr_assert(t.n[VERDICT_CONFIRMED] == 5 && t.n[VERDICT_CONTRADICTED] == 1);
  values[1][3] = NAN;
  t = judge(check_descent, 3);
  cr_assert(t.n[VERDICT_CONFIRMED] == 5 && t.n[VERDICT_INCONCLUSIVE] == 1);
}

/* Three methods, 4 lengths, 5 seeds: plain sgd as theory has it, times the seed's luck; the others follow T^slope. */
static size_t noise_runs(double level, double slope_with, double slope_without) {
  static const char *const labels[] = {"sgd", "gtopk", "gtopk(no memory)"};
  const double slopes[] = {0, slope_with, slope_without};
  size_t run = 0;
  for (size_t m = 0; m < 3; m++)
    for (int64_t seed = 5; seed >= 1; seed--)
      for (size_t l = 0; l < 4; l++, run++) {
        const double steps = 256 * pow(4, (double)l), lr = 0.5 / sqrt(steps);
        const double luck = 1 + 0.01 * (double)rng_normal_at(rng_stream((uint64_t)seed, RNG_TEST, (int)m, l), 0);
        runs[run] = (probed_run){.label = (char *)labels[m],
                                 .is_dense = m == 0,
                                 .converges = m < 2,
                                 .seed = seed,
                                 .workers = 4,
                                 .batch = 1,
                                 .steps = steps,
                                 .lr = lr,
                                 .dimension = 32,
                                 .mu = 0.5,
                                 .L = 2,
                                 .noise = 1};
        const quadratic q = {32, 0.5, 2, lr, 0.25};
        for (size_t i = 0; i <= 256; i++) {
          const double t = steps * (double)i / 256;
          probe_at(run, i, t, luck * (m == 0 ? level * quadratic_gradient2(&q, t) : 7 * pow(steps, slopes[m])));
        }
      }
  return run;
}

Test(rate_checks, noise_slopes_are_judged) {
  const struct {
    double level, with, without;
    int confirmed, contradicted;
  } cases[] = {
      {1, -0.5, -0.2, 4, 0},   /* as theory has it */
      {1.1, -0.5, -0.2, 3, 1}, /* sgd's noise is off by a tenth */
      {1, -0.3, -0.2, 3, 1},   /* the residual does not work */
      {1, -0.5, -0.5, 3, 1},   /* leaving it out changes nothing */
      {1, -0.7, -0.51, 2, 2},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const tally t = judge(check_noise, noise_runs(cases[c].level, cases[c].with, cases[c].without));
    cr_assert(t.n[VERDICT_CONFIRMED] == cases[c].confirmed && t.n[VERDICT_CONTRADICTED] == cases[c].contradicted &&
                  t.n[VERDICT_INCONCLUSIVE] == 0,
              "case %zu: %d, %d, %d", c, t.n[0], t.n[1], t.n[2]);
  }
  const tally near = judge(check_noise, noise_runs(1, -0.55, -0.45)); /* on the edge of the tolerance */
  cr_assert(near.n[VERDICT_CONFIRMED] == 2 && near.n[VERDICT_INCONCLUSIVE] == 2);
}

Test(rate_checks, incomplete_noise_is_refused) {
  tally verdicts = {{0}};
  char *text = NULL;
  size_t n_text = 0;
  FILE *out = open_memstream(&text, &n_text);
  const size_t n = noise_runs(1, -0.5, -0.2);
  cr_assert_eq(check_noise(runs, n - 1, out, &verdicts), STATUS_BAD_INPUT); /* one run is missing */
  runs[n - 1].steps = 1000;
  cr_assert_eq(check_noise(runs, n, out, &verdicts), STATUS_BAD_INPUT); /* one seed has another length */
  cr_assert_eq(check_noise(runs, 4, out, &verdicts), STATUS_BAD_INPUT); /* one seed has no interval */
  fclose(out);
  free(text);
}

/* 5 seeds of one method at M = 1, 2, 4, 8, 16: a transient, then level M^slope times the seed's luck. */
static size_t speedup_runs(double slope) {
  size_t run = 0;
  for (int64_t seed = 1; seed <= 5; seed++)
    for (int workers = 1; workers <= 16; workers *= 2, run++) {
      const double luck = 1 + 0.02 * (double)rng_normal_at(rng_stream((uint64_t)seed, RNG_TEST, workers, 0), 0);
      runs[run] = (probed_run){
          .label = (char *)"gtopk", .converges = true, .seed = seed, .workers = workers, .steps = 64, .mu = NAN};
      for (size_t i = 0; i <= 64; i++) probe_at(run, i, (double)i, luck * (i < 32 ? 1 : pow(workers, slope)));
    }
  return run;
}

Test(rate_checks, speedup_is_that_of_the_second_half) {
  tally t = judge(check_speedup, speedup_runs(-1));
  cr_assert(t.n[VERDICT_CONFIRMED] == 1 && t.n[VERDICT_CONTRADICTED] + t.n[VERDICT_INCONCLUSIVE] == 0);
  t = judge(check_speedup, speedup_runs(-0.8));
  cr_assert(t.n[VERDICT_CONTRADICTED] == 1);
  t = judge(check_speedup, speedup_runs(-0.9));
  cr_assert(t.n[VERDICT_INCONCLUSIVE] == 1);
}

static probed_run residuals[MAX_RUNS];
static double residual_values[MAX_RUNS];

/* 3 seeds at c = first, 2, 4, 8: gradients (1 + excess c^power) / 10, residuals `share` of their bound. */
static size_t compression_runs(double first, double excess, double power, double share) {
  const double all[] = {first, 2, 4, 8};
  size_t run = 0;
  for (int64_t seed = 1; seed <= 3; seed++)
    for (size_t i = 0; i < 4; i++, run++) {
      const double c = all[i], luck = 1 + 0.01 * (double)seed;
      runs[run] = (probed_run){.label = (char *)"gtopk", .seed = seed, .workers = 4, .batch = 2, .steps = 64};
      runs[run].density = 1 / c;
      runs[run].dimension = 6;
      runs[run].noise = 1;
      for (size_t k = 0; k < 3; k++) probe_at(run, k, (double)k, luck * (1 + (c > 1 ? excess * pow(c, power) : 0)));
      residuals[run] = runs[run];
      residual_values[run] = share * (c * c * c - c) * (values[run][0] + 6.0 / 2);
      residuals[run].n = 1;
      residuals[run].value = &residual_values[run];
    }
  return run;
}

static enum status check_both(const probed_run *gradients, size_t n, FILE *out, tally *verdicts) {
  return check_compression(gradients, residuals, n, out, verdicts);
}

Test(rate_checks, compression_costs_no_more_than_theory_has_it) {
  const struct {
    double excess, power, share;
    int confirmed, contradicted;
  } cases[] = {
      {0.01, 2, 0.5, 7, 0},   /* 3 steps of c, the power, 3 bounds */
      {0.01, 3.2, 0.5, 6, 1}, /* it costs more */
      {0.01, 2, 1.1, 4, 3},   /* residuals out of bounds: with the luckiest seed's B^2 */
      {1, -1, 0.5, 5, 2},     /* larger c costs less */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const tally t = judge(check_both, compression_runs(1, cases[i].excess, cases[i].power, cases[i].share));
    cr_assert(t.n[VERDICT_CONFIRMED] == cases[i].confirmed && t.n[VERDICT_CONTRADICTED] == cases[i].contradicted &&
                  t.n[VERDICT_INCONCLUSIVE] == 0,
              "case %zu: %d, %d, %d", i, t.n[0], t.n[1], t.n[2]);
  }
  tally unused = {{0}};
  const size_t n = compression_runs(1.5, 0.01, 2, 0.5); /* nothing to compare with */
  FILE *nowhere = fopen("/dev/null", "w");
  cr_assert_eq(check_both(runs, n, nowhere, &unused), STATUS_BAD_INPUT);
  fclose(nowhere);
}

Test(rate_checks, an_optimum_is_taken_only_from_a_descent_that_arrived) {
  double objective_values[] = {1.5, 0.875}, gradient_values[] = {1, 1e-12}, optimum = 0;
  const probed_run objective = {.n = 2, .value = objective_values};
  const probed_run gradient = {.n = 2, .value = gradient_values, .l2 = 0.5};
  FILE *nowhere = fopen("/dev/null", "w");
  cr_assert_eq(find_optimum(&objective, &gradient, nowhere, &optimum), STATUS_OK);
  cr_assert_eq(optimum, 0.875);
  gradient_values[1] = 1e-5;
  cr_assert_eq(find_optimum(&objective, &gradient, nowhere, &optimum), STATUS_BAD_INPUT);
  gradient_values[1] = 1e-12;
  const probed_run without = {.n = 2, .value = gradient_values, .l2 = NAN};
  cr_assert_eq(find_optimum(&objective, &without, nowhere, &optimum), STATUS_BAD_INPUT);
  fclose(nowhere);
}
