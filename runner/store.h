/* The results database (schema.sql), written by the front process alone.
 *
 * Records are collected in transactions that the caller ends with store_commit, about once a second; a checkpoint and
 * the end of a run commit at once, so that rows and markers are on disk together. */
#ifndef TERSE_RUNNER_STORE_H
#define TERSE_RUNNER_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "runner/claim.h"
#include "runner/record.h"

typedef struct store store;

/* Opens or creates the database and takes it for this process: a second writer is STATUS_STORE. Missing folders are
 * created. A file that is no database of this program, one of a newer schema, a full disk or a folder that cannot be
 * written: STATUS_STORE with file and remedy, and nothing is changed. */
enum status store_open(const char *file, store **out) WARN_UNUSED;
/* Commits, checkpoints the log and closes; NULL is ignored. */
void store_close(store *s);
/* For reading beside the writer's own transaction. */
sqlite3 *store_connection(store *s);

typedef struct store_cell {
  const char *hash, *config, *label, *method, *compressor, *model, *dataset, *device;
  int64_t workers, batch, seed;
} store_cell;
/* Takes all cells out of an experiment's tier: before its present ones are entered. They stay in the database. */
enum status store_clear_experiment(store *s, const char *experiment, const char *tier) WARN_UNUSED;
/* Enters a cell as number `position` of an experiment's tier; known ones stay, with the label of today. */
enum status store_add_cell(store *s, const char *experiment, const char *tier, int64_t position,
                           const store_cell *c) WARN_UNUSED;

/* A cell's latest run. */
typedef struct store_latest {
  int64_t run;     /* 0: there is none */
  char status[16]; /* one of schema.sql's; "" without a run */
  char commit[41];
  int64_t checkpoint_round; /* -1: no checkpoint */
} store_latest;
enum status store_find_latest(store *s, const char *hash, store_latest *out) WARN_UNUSED;

/* What is known before a run says hello. */
typedef struct store_start {
  int ranks;
  const char *commit, *flags, *host, *compiler;
  bool dirty;
  const char *placement; /* JSON object */
} store_start;
/* A new run of a cell, status running. */
enum status store_begin_run(store *s, const char *hash, const store_start *start, int64_t *run) WARN_UNUSED;
/* An unfinished run goes on: status running again. */
enum status store_resume_run(store *s, int64_t run, const store_start *start) WARN_UNUSED;

/* Takes one line of a run, read by the store's own reader into `r`. Progress and foreign lines leave no row.
 * hello: the rows after the checkpoint the run goes on from are deleted with it (all of them without one); *stale is
 * set where the worker's checkpoint is not the one the rows belong to, and then nothing is changed: start from scratch.
 * checkpoint and done commit. A record that lacks a field is STATUS_BAD_MESSAGE; a failing database is STATUS_STORE. */
enum status store_take(store *s, int64_t run, const char *line, size_t n, record *r, bool *stale) WARN_UNUSED;

/* How a run ended. */
typedef struct store_end {
  const char *status, *reason; /* reason "" is none */
  double wall_s;               /* of this session; added up */
  int launches;                /* of this session; added up */
} store_end;
/* Commits. Only an interrupted run keeps its checkpoint. */
enum status store_end_run(store *s, int64_t run, const store_end *end) WARN_UNUSED;

/* The claims of an experiment, in the place of those it had; their verdicts go with them. */
enum status store_set_claims(store *s, const char *experiment, const claim *list, size_t n) WARN_UNUSED;
/* Drops the verdicts on a tier's results; NULL: on all. */
enum status store_clear_verdicts(store *s, const char *tier) WARN_UNUSED;
enum status store_set_verdict(store *s, const char *experiment, const char *id, const char *tier,
                              const judgement *j) WARN_UNUSED;

enum status store_commit(store *s) WARN_UNUSED;

/* A connection that cannot write, also where the folder cannot be written. *note is "", or what the reader should know.
 * STATUS_BAD_INPUT where there is no such database. Close with sqlite3_close. */
enum status store_open_to_read(const char *file, sqlite3 **out, char *note, size_t n_note) WARN_UNUSED;

#endif
