/* Shared by store.c and store_open.c. */
#ifndef TERSE_RUNNER_STORE_INTERNAL_H
#define TERSE_RUNNER_STORE_INTERNAL_H

#include "runner/store.h"

enum { SCHEMA_VERSION = 2 };

/* Every statement the writer uses, prepared once. */
enum statement {
  STATEMENT_CLEAR_EXPERIMENT,
  STATEMENT_ADD_CELL,
  STATEMENT_ADD_EXPERIMENT_CELL,
  STATEMENT_FIND_LATEST,
  STATEMENT_BEGIN_RUN,
  STATEMENT_RESUME_RUN,
  STATEMENT_RUN_MARKER,
  STATEMENT_HELLO,
  STATEMENT_DROP_CURVE,
  STATEMENT_DROP_PROBE,
  STATEMENT_DROP_EXCHANGE,
  STATEMENT_CURVE,
  STATEMENT_PROBE,
  STATEMENT_EXCHANGE,
  STATEMENT_CHECKPOINT,
  STATEMENT_DONE,
  STATEMENT_END_RUN,
  STATEMENT_DROP_CLAIMS,
  STATEMENT_ADD_CLAIM,
  STATEMENT_DROP_VERDICTS,
  STATEMENT_VERDICT,
  N_STATEMENTS
};

struct store {
  char *file;
  char *lock_name; /* FILE.lock */
  int lock;        /* its descriptor, or -1 */
  sqlite3 *connection;
  sqlite3_stmt *statements[N_STATEMENTS];
  record_reader *reader;
  int64_t line; /* the number of the last record; never below the line of a checkpoint a run goes on from */
  bool in_transaction;
};

extern const char *const statement_sql[N_STATEMENTS];

/* A failed call on the database as STATUS_STORE: file, SQLite's words and what to do. */
enum status store_failure(sqlite3 *connection, const char *file, const char *doing);

#endif
