#include "runner/clock.h"

#include <criterion/criterion.h>

static void spin(uint64_t ns) {
  const uint64_t end = clock_now_ns() + ns;
  while (clock_now_ns() < end) continue;
}

Test(clock, probing_is_not_part_of_the_run) {
  stopwatch w = {0};
  stopwatch_enter(&w, PHASE_COMPUTE); /* ignored while standing */
  cr_expect_eq(stopwatch_cpu_ns(&w), 0);
  const uint64_t began = clock_now_ns();
  stopwatch_start(&w);
  stopwatch_enter(&w, PHASE_COMPUTE);
  spin(2000000);
  stopwatch_enter(&w, PHASE_PROBE);
  spin(30000000);
  stopwatch_enter(&w, PHASE_PROBE);
  spin(30000000);
  stopwatch_enter(&w, PHASE_UPDATE);
  spin(2000000);
  stopwatch_enter(&w, PHASE_PROBE); /* a run may end in it */
  spin(30000000);
  stopwatch_stop(&w);
  const uint64_t whole = clock_now_ns() - began;
  cr_expect_geq(w.wall_ns, 4000000);
  cr_expect_leq(w.wall_ns, whole - 90000000);
  cr_expect_leq(stopwatch_cpu_ns(&w), w.wall_ns);
  cr_expect_gt(w.phase_cpu_ns[PHASE_COMPUTE], 0);
  cr_expect_gt(w.phase_cpu_ns[PHASE_UPDATE], 0);
}
