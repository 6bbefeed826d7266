#include "algorithms/event_schedule.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/args.h"

static const param table[] = {EVENT_SCHEDULE_PARAMS, PARAM_END};

static event_schedule schedule_of(const char *speeds, const char *factor, uint64_t seed, int n_workers) {
  const char *keys[] = {"speeds", "straggler_factor", "stragglers"}, *values[] = {speeds, factor, "2"};
  args a;
  event_schedule s;
  cr_assert_eq(args_from_text(table, keys, values, 3, &a), STATUS_OK, "%s", status_detail());
  cr_assert_eq(event_schedule_create(&a, seed, n_workers, &s), STATUS_OK);
  args_free(&a);
  return s;
}

/* Poisson clocks: gaps between all events are exponential with mean 1/M, every worker and every partner equally often.
 * Each bound is four standard errors. */
Test(event_schedule, poisson_clocks_are_memoryless_and_fair) {
  enum { M = 8, N = 80000 };
  event_schedule s = schedule_of("exponential", "4", 3, M);
  double last = 0, sum = 0, squares = 0;
  int count[M][M] = {{0}}, n_long = 0, n_again = 0, before = -1;
  for (int n = 0; n < N; n++) {
    const schedule_event e = event_schedule_next(&s);
    const double gap = (e.time - last) * M;
    cr_assert(e.number == (uint64_t)n && gap >= 0);
    last = e.time;
    sum += gap;
    squares += gap * gap;
    n_long += gap > 1;
    n_again += e.worker == before;
    before = e.worker;
    count[e.worker][event_choice(&s, &e, M - 1)]++;
  }
  cr_assert_float_eq(sum / N, 1, 4 / sqrt(N));
  cr_assert_float_eq(squares / N, 2, 4 * sqrt(20.0 / N)); /* the variance of g^2 is 24 - 4 */
  cr_assert_float_eq(n_long / (double)N, exp(-1), 4 * sqrt(exp(-1) * (1 - exp(-1)) / N));
  cr_assert_float_eq(n_again / (double)N, 1.0 / M, 4 * sqrt((M - 1.0) / M / M / N));
  double chi2 = 0;
  const double expected = (double)N / (M * (M - 1));
  for (int i = 0; i < M; i++)
    for (int j = 0; j < M - 1; j++) chi2 += pow(count[i][j] - expected, 2) / expected;
  cr_assert_float_eq(chi2, M * (M - 1) - 1, 4 * sqrt(2 * (M * (M - 1) - 1)));
  event_schedule_destroy(&s);
}

Test(event_schedule, geometric_steps_have_their_mean_and_start_at_one) {
  enum { N = 50000 };
  const double means[] = {1, 1.5, 4, 20};
  event_schedule s = schedule_of("exponential", "4", 5, 4);
  for (int k = 0; k < 4; k++) {
    const double p = 1 / means[k];
    double sum = 0;
    int n_one = 0;
    for (int n = 0; n < N; n++) {
      const schedule_event e = event_schedule_next(&s);
      const uint64_t steps = event_geometric(&s, &e, e.worker, means[k]);
      cr_assert_geq(steps, 1);
      sum += (double)steps;
      n_one += steps == 1;
    }
    cr_assert_float_eq(sum / N, means[k], 4 * sqrt((1 - p) / p / p / N) + 1e-12);
    cr_assert_float_eq(n_one / (double)N, p, 4 * sqrt(p * (1 - p) / N) + 1e-12);
  }
  event_schedule_destroy(&s);
}

Test(event_schedule, declared_speeds_are_kept) {
  event_schedule s = schedule_of("equal", "4", 1, 5);
  for (int n = 0; n < 50; n++) {
    const schedule_event e = event_schedule_next(&s);
    cr_assert(e.worker == n % 5 && e.time == n / 5 + 1);
  }
  event_schedule_destroy(&s);
  s = schedule_of("stragglers", "2.5", 1, 6);
  int n_of[6] = {0};
  for (int n = 0; n < 480; n++) n_of[event_schedule_next(&s).worker]++; /* 100 units: 4 x 100 + 2 x 40 */
  for (int w = 0; w < 6; w++) cr_assert_eq(n_of[w], w < 2 ? 40 : 100, "worker %d: %d", w, n_of[w]);
  event_schedule_destroy(&s);
}

/* Another seed gives other events, the same the same; and one that is saved goes on as if it had not been. */
Test(event_schedule, a_seed_and_the_archive_fix_every_event) {
  char folder[] = "/tmp/terse-events-XXXXXX", command[64];
  cr_assert(mkdtemp(folder));
  strcat(strcpy(command, "rm -rf "), folder);
  cr_assert_eq(system(command), 0);
  event_schedule a = schedule_of("exponential", "4", 1, 7), b = schedule_of("exponential", "4", 1, 7);
  event_schedule other = schedule_of("exponential", "4", 2, 7), loaded = schedule_of("exponential", "4", 1, 7);
  archive *file;
  int n_same = 0;
  for (int n = 0; n < 400; n++) {
    if (n == 100) {
      cr_assert_eq(archive_save_begin(folder, 0, NULL, &file), STATUS_OK);
      cr_assert_eq(event_schedule_archive(&a, file), STATUS_OK);
      cr_assert_eq(archive_end(file), STATUS_OK);
      cr_assert_eq(archive_load_begin(folder, NULL, &file), STATUS_OK);
      cr_assert_eq(event_schedule_archive(&loaded, file), STATUS_OK);
      cr_assert_eq(archive_end(file), STATUS_OK);
    }
    const schedule_event x = event_schedule_next(&a), y = event_schedule_next(&b), z = event_schedule_next(&other);
    cr_assert(x.worker == y.worker && x.time == y.time && event_choice(&a, &x, 6) == event_choice(&b, &y, 6));
    n_same += x.worker == z.worker && event_choice(&a, &x, 6) == event_choice(&other, &z, 6);
    if (n < 100) continue;
    const schedule_event l = event_schedule_next(&loaded);
    cr_assert(l.number == x.number && l.worker == x.worker && l.time == x.time);
  }
  cr_assert_lt(n_same, 40);
  cr_assert_eq(system(command), 0);
  event_schedule_destroy(&a);
  event_schedule_destroy(&b);
  event_schedule_destroy(&other);
  event_schedule_destroy(&loaded);
}
