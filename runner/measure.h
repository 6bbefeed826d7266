/* What a run reports: records on rank 0's standard output (runner/protocol.md), gathered between rounds, outside bits and
 * time. Every function but the first two is collective. */
#ifndef TERSE_RUNNER_MEASURE_H
#define TERSE_RUNNER_MEASURE_H

#include <stdio.h>

#include "runner/trial.h"

/* Sums over all participants since the start of the run; saved in checkpoints. */
typedef struct totals {
  uint64_t payload_bits[N_DIRECTIONS], wire_bytes[N_DIRECTIONS], messages, crossing_bytes, mpi_bytes;
  double theory_bits[N_DIRECTIONS];
  uint64_t wall_ns, cpu_ns, phase_cpu_ns[N_PHASES]; /* the slowest rank's */
  double loss_sum; /* of mini-batch losses, in worker order */
  uint64_t n_steps;
} totals;

typedef struct measure {
  trial *t;
  FILE *out;        /* rank 0's; NULL elsewhere */
  totals base;      /* what earlier attempts of a resumed run brought */
  double loss_sum;  /* at the last curve record */
  uint64_t n_steps;
  uint64_t progress_ns, progress_steps; /* of the last progress record: time, and the local workers' account */
  double progress_sum;
} measure;

/* A number as JSON; null where it is not finite. */
void write_json_number(FILE *out, double x);

enum status measure_totals(measure *m, totals *out) WARN_UNUSED;
/* Evaluates the mean iterate and writes exchange records and a curve record. */
enum status measure_curve(measure *m, uint64_t round) WARN_UNUSED;
/* Writes the training loss of the mean iterate, its gradient norm and the method's own series. */
enum status measure_probes(measure *m, uint64_t round) WARN_UNUSED;
/* Writes the method's constants, as probes of round 0. */
enum status measure_facts(measure *m) WARN_UNUSED;
enum status measure_exchanges(measure *m) WARN_UNUSED;
/* Rank 0 alone, from trial_read_accounts; at most four a second. */
void measure_progress(measure *m, uint64_t round);

#endif
