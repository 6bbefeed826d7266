/* `terse bench overhead`: what accounting, clocks, polls and records cost, as a fraction of a LeNet-5 step.
 *
 * Each piece is timed alone, many times, between LeNet-5 steps of the same process, so that both see the same machine;
 * medians are compared. The pieces are charged as one worker and step of a 4-worker all-gather method pays for them. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/statistics.h"
#include "runner/bench_overhead.h"
#include "runner/measure.h"

enum { SAMPLES = 20, STEPS = 20, REPEATS = 200, PARTICIPANTS = 4 };

static const char lenet_cell[] =
    "{\"model\":\"lenet5\",\"dataset\":\"fashion-mnist\",\"method\":\"sgd\",\"workers\":1,\"batch\":32,\"epochs\":1,"
    "\"optimizer\":{\"lr\":0.05,\"momentum\":0.9},\"seed\":1,\"device\":\"cpu\"}";

typedef struct bench {
  trial t;
  measure m;
  traffic *account;
  uint64_t round;
} bench;

/* One piece of what a run does beside training; `per_step` is how often a worker's step pays for it. */
typedef struct piece {
  const char *name;
  double per_step;
  enum status (*run)(bench *b);
} piece;

static enum status train_step(bench *b) { return b->t.cell->method->round(b->t.state, b->round++); }

static enum status account_exchange(bench *b) {
  traffic_begin_round(b->account, b->round++);
  traffic_begin(b->account, OPERATION_ALLGATHER, "direct", PARTICIPANTS);
  for (int w = 0; w < PARTICIPANTS; w++)
    for (int other = 1; other < PARTICIPANTS; other++) traffic_add(b->account, w, DIRECTION_PEER, 39488, 4952, 39488);
  TRY_RETURN(traffic_end(b->account));
  const exchange *rows = NULL;
  traffic_take(b->account, &rows);
  return STATUS_OK;
}

static enum status switch_phases(bench *b) {
  for (int p = 0; p < N_PHASES; p++) stopwatch_enter(&b->t.watch, (enum phase)p);
  return STATUS_OK;
}

static enum status poll_and_report(bench *b) {
  TRY_RETURN(trial_read_accounts(&b->t));
  uint64_t offer[4] = {1, 1, 1, 1};
  TRY_RETURN(comm_control_u64(b->t.comm, CONTROL_MIN, offer, 4));
  b->m.progress_ns = 0; /* always due */
  measure_progress(&b->m, b->round);
  return STATUS_OK;
}

static enum status gather_record(bench *b) {
  totals now;
  TRY_RETURN(measure_totals(&b->m, &now));
  return measure_exchanges(&b->m);
}

static enum status time_calls(bench *b, enum status (*run)(bench *), int n, double *ns) {
  const uint64_t start = clock_now_ns();
  for (int i = 0; i < n; i++) TRY_RETURN(run(b));
  *ns = (double)(clock_now_ns() - start) / n;
  return STATUS_OK;
}

static enum status measure_pieces(bench *b) {
  const double steps_per_record = (double)b->t.env.steps_per_epoch;
  const piece pieces[] = {{"accounting of a 4-worker all-gather, per worker", 1.0 / PARTICIPANTS, account_exchange},
                          {"clocks: six phases", 1, switch_phases},
                          {"poll and progress record (every 64 rounds)", 1.0 / 64, poll_and_report},
                          {"gathering a curve record (once an epoch)", 1 / steps_per_record, gather_record}};
  enum { N = sizeof pieces / sizeof *pieces };
  double step[SAMPLES], cost[N][SAMPLES], total = 0;
  for (int w = 0; w < STEPS; w++) TRY_RETURN(train_step(b));
  for (int s = 0; s < SAMPLES; s++) {
    TRY_RETURN(time_calls(b, train_step, STEPS, &step[s]));
    for (size_t i = 0; i < N; i++) TRY_RETURN(time_calls(b, pieces[i].run, REPEATS, &cost[i][s]));
  }
  const double step_ns = median(step, SAMPLES);
  printf("%-52s %10.1f us\n", "LeNet-5 step, batch 32 (median of 20)", step_ns / 1e3);
  for (size_t i = 0; i < N; i++) {
    const double share = median(cost[i], SAMPLES) * pieces[i].per_step / step_ns;
    total += share;
    printf("%-52s %10.3f us  %7.3f %% of a step\n", pieces[i].name, median(cost[i], SAMPLES) / 1e3, 100 * share);
  }
  printf("%-52s %13s  %7.3f %% of a step (goal: < 2 %%)\n", "overhead", "", 100 * total);
  return total < 0.02 ? STATUS_OK : FAIL(STATUS_UNSUPPORTED, "the overhead misses its goal of 2 %% of a step");
}

enum status bench_overhead(const char *data_folder) {
  enum status status = STATUS_OK;
  bool skipped = false;
  cell *c = NULL;
  bench *b = calloc(1, sizeof *b);
  if (!b) return FAIL(STATUS_NO_MEMORY, "no memory for the benchmark");
  MPI_Init(NULL, NULL);
  TRY(cell_from_json(lenet_cell, &c));
  TRY(trial_create(c, data_folder, &b->t, &skipped));
  TRY(traffic_create(PARTICIPANTS, &b->account));
  b->m = (measure){.t = &b->t, .out = fopen("/dev/null", "w")};
  stopwatch_start(&b->t.watch);
  TRY(measure_pieces(b));
exit:
  if (b->m.out) fclose(b->m.out);
  traffic_destroy(b->account);
  trial_destroy(&b->t);
  cell_destroy(c);
  free(b);
  MPI_Finalize();
  return status;
}
