/* Clocks: wall time, and thread CPU time by phase. The CPU time of a rank stays true when ranks share cores. */
#ifndef TERSE_RUNNER_CLOCK_H
#define TERSE_RUNNER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "algorithms/method.h"

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t clock_now_ns(void);
/* CPU time of the calling thread. */
uint64_t clock_cpu_ns(void);

/* A stopwatch that runs while training and stands while evaluating and in PHASE_PROBE. Zero-initialise. */
typedef struct stopwatch {
  bool running;
  enum phase phase;
  uint64_t wall_since, cpu_since;
  uint64_t wall_ns; /* while running */
  uint64_t phase_cpu_ns[N_PHASES];
} stopwatch;

void stopwatch_start(stopwatch *w);
void stopwatch_stop(stopwatch *w);
/* What follows belongs to phase p. A method_env's `enter`; ignored while standing. */
void stopwatch_enter(void *w, enum phase p);
uint64_t stopwatch_cpu_ns(const stopwatch *w);

#endif
