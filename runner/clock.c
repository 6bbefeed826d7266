#include "runner/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_now_ns(void) { return read_ns(CLOCK_MONOTONIC); }
uint64_t clock_cpu_ns(void) { return read_ns(CLOCK_THREAD_CPUTIME_ID); }

void stopwatch_start(stopwatch *w) {
  w->running = true;
  w->phase = PHASE_OTHER;
  w->wall_since = clock_now_ns();
  w->cpu_since = clock_cpu_ns();
}

void stopwatch_enter(void *watch, enum phase p) {
  stopwatch *w = (stopwatch *)watch;
  if (!w->running) return;
  const uint64_t now = clock_cpu_ns();
  if (w->phase != PHASE_PROBE) w->phase_cpu_ns[w->phase] += now - w->cpu_since;
  if (p == PHASE_PROBE && w->phase != PHASE_PROBE) w->wall_ns += clock_now_ns() - w->wall_since;
  if (w->phase == PHASE_PROBE && p != PHASE_PROBE) w->wall_since = clock_now_ns();
  w->cpu_since = now;
  w->phase = p;
}

void stopwatch_stop(stopwatch *w) {
  stopwatch_enter(w, PHASE_OTHER);
  w->wall_ns += clock_now_ns() - w->wall_since;
  w->running = false;
}

uint64_t stopwatch_cpu_ns(const stopwatch *w) {
  uint64_t sum = 0;
  for (int p = 0; p < N_PHASES; p++) sum += w->phase_cpu_ns[p];
  return sum;
}
