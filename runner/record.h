/* The lines a run's rank 0 writes (protocol.md), read by SQLite's JSON functions. */
#ifndef TERSE_RUNNER_RECORD_H
#define TERSE_RUNNER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum record_kind {
  RECORD_FOREIGN, /* not the protocol's: something a library printed. For the log */
  RECORD_HELLO,
  RECORD_PROGRESS,
  RECORD_CURVE,
  RECORD_PROBE,
  RECORD_EXCHANGE,
  RECORD_CHECKPOINT,
  RECORD_DONE,
};

/* What the front process itself needs of a line; the rest goes from the line straight into the database. Fields that
 * the kind does not have are 0, NaN or "". */
typedef struct record {
  enum record_kind kind;
  int64_t round;
  int64_t n_rounds, resumed_round; /* hello */
  double epoch;
  double loss;       /* progress, curve: of training where there is one, else of the test set */
  double wire_bytes; /* curve: all participants, all directions */
  char status[16];   /* done */
  char digest[17];   /* done */
  char reason[1024]; /* done */
} record;

typedef struct record_reader record_reader;
enum status record_reader_create(record_reader **out) WARN_UNUSED;
void record_reader_destroy(record_reader *r); /* NULL is ignored */

/* Reads one line of n bytes. A line that begins with `{` but is no record of the protocol is STATUS_BAD_MESSAGE; any
 * other line is RECORD_FOREIGN. */
enum status record_read(record_reader *r, const char *line, size_t n, record *out) WARN_UNUSED;

#endif
