#include "analysis/grid.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 12 };
static double rounds[] = {0, 10, 20, 30};
static double values[N][4];
static probed_run runs[N];

static double steps_of(const probed_run *s) { return s->steps; }

/* Two labels, three seeds, two lengths, in no order; seed s of length l has values 0, 0, s, l. */
static void fill(void) {
  static const int order[N] = {7, 2, 9, 0, 11, 4, 1, 10, 3, 8, 5, 6};
  for (int i = 0; i < N; i++) {
    const int k = order[i], seed = 1 + k / 2 % 3, length = 100 + 100 * (k % 2);
    runs[i] = (probed_run){.label = (char *)(k < 6 ? "a" : "b"), .seed = seed, .steps = length, .n = 4};
    runs[i].round = rounds;
    runs[i].value = values[i];
    values[i][2] = seed;
    values[i][3] = length;
  }
}

Test(grid, a_row_a_seed_and_a_column_a_length) {
  grid g;
  fill();
  cr_assert_eq(grid_fill(runs, N, "b", steps_of, 0, &g), STATUS_OK);
  cr_assert(g.n_columns == 2 && g.n_seeds == 3 && g.x[0] == 100 && g.x[1] == 200);
  for (size_t s = 0; s < 3; s++)
    for (size_t c = 0; c < 2; c++) {
      const double seed = (double)s + 1, length = 100 * (double)(c + 1);
      cr_assert(g.seeds[s] == (int64_t)seed && g.first[c]->seed == 1 && strcmp(g.first[c]->label, "b") == 0);
      cr_assert_float_eq(g.values[s * 2 + c], (seed / 2 + (seed + length) / 2) / 3, 1e-12);
    }
  cr_assert_float_eq(grid_mean(&g, 1), (2 + 100) / 3.0, 1e-12);

  cr_assert_eq(grid_fill(runs, N, "b", steps_of, 0.5, &g), STATUS_OK); /* from round 15 on: 20 and 30 */
  cr_assert_float_eq(g.values[1], (1 + 200) / 2.0, 1e-12);
  cr_assert_eq(grid_fill(runs, N, "b", steps_of, 1, &g), STATUS_OK); /* one probe has no mean over rounds */
  cr_assert(isnan(g.values[0]));
}

Test(grid, incomplete_grids_are_refused) {
  grid g;
  fill();
  cr_assert_eq(grid_fill(runs, N, "c", steps_of, 0, &g), STATUS_BAD_INPUT);
  cr_assert_eq(grid_fill(runs, N - 1, "b", steps_of, 0, &g), STATUS_BAD_INPUT); /* the last is one of b's */
  cr_assert_eq(grid_fill(runs, N - 1, "a", steps_of, 0, &g), STATUS_OK);
  runs[N - 1].steps = 300;
  cr_assert_eq(grid_fill(runs, N, "b", steps_of, 0, &g), STATUS_BAD_INPUT);
}
