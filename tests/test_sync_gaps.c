#include <criterion/criterion.h>
#include <math.h>

#include "algorithms/sync_gaps.h"
#include "core/args.h"

static const param table[] = {SYNC_GAPS_PARAMS("fixed"), PARAM_END};

static void open_gaps(uint64_t seed, const char *steps, const char *gap, int n, sync_gaps *out) {
  const char *keys[] = {"steps", "gap"}, *values[] = {steps, gap};
  const method_env env = {.seed = seed};
  args a;
  cr_assert_eq(args_from_text(table, keys, values, 2, &a), STATUS_OK, "%s", status_detail());
  cr_assert_eq(sync_gaps_create(&env, &a, n, out), STATUS_OK);
  args_free(&a);
}

Test(sync_gaps, fixed_gaps_are_all_the_same) {
  sync_gaps g;
  open_gaps(1, "4", "fixed", 2, &g);
  for (uint64_t step = 1; step <= 40; step++)
    for (int i = 0; i < 2; i++) cr_assert_eq(sync_gaps_take(&g, i, step), step % 4 == 0);
  sync_gaps_destroy(&g);
}

/* 1 to 5, each a fifth of the times within 5 standard errors; the sequences differ, and so do seeds. */
Test(sync_gaps, random_gaps_are_uniform_from_one_to_h) {
  enum { N = 3, H = 5, STEPS = 30000 };
  unsigned times[N][H + 1] = {{0}}, together = 0, gaps[N] = {0};
  uint64_t last[N] = {0};
  sync_gaps g, other, same;
  open_gaps(1, "5", "random", N, &g);
  open_gaps(2, "5", "random", N, &other);
  open_gaps(1, "5", "random", N, &same);
  unsigned other_differs = 0;
  for (uint64_t step = 1; step <= STEPS; step++) {
    unsigned due = 0;
    for (int i = 0; i < N; i++) {
      const bool is_due = sync_gaps_take(&g, i, step);
      other_differs += is_due != sync_gaps_take(&other, i, step);
      cr_assert_eq(is_due, sync_gaps_take(&same, i, step));
      if (!is_due) continue;
      const uint64_t gap = step - last[i];
      cr_assert(gap >= 1 && gap <= H, "a gap of %llu", (unsigned long long)gap);
      times[i][gap]++;
      gaps[i]++;
      last[i] = step;
      due++;
    }
    together += due == N;
  }
  for (int i = 0; i < N; i++)
    for (int gap = 1; gap <= H; gap++)
      cr_expect_float_eq(times[i][gap], gaps[i] / 5.0, 5 * sqrt(gaps[i] * 0.16), "sequence %d, gap %d", i, gap);
  /* independent sequences with a mean gap of 3 are due together in a 27th of the steps */
  cr_expect_float_eq(together, STEPS / 27.0, 6 * sqrt(STEPS / 27.0));
  cr_expect_gt(other_differs, STEPS / 10);
  sync_gaps_destroy(&g);
  sync_gaps_destroy(&other);
  sync_gaps_destroy(&same);
}
