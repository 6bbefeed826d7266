/* A results database of the current schema in a folder of its own, for tests that read results. */
#ifndef TERSE_TESTS_SCRATCH_DATABASE_H
#define TERSE_TESTS_SCRATCH_DATABASE_H

#include <sqlite3.h>

typedef struct scratch_database {
  char folder[64], path[96];
  sqlite3 *db;
} scratch_database;

/* Fails the test where it cannot be made. */
void scratch_database_open(scratch_database *s);
/* Runs SQL written like a printf format (%Q quotes a text) and fails the test where SQLite refuses it. */
void scratch_database_execute(scratch_database *s, const char *format, ...);
/* A finished run number `id` at `position` of an experiment's base tier; config is JSON. */
void scratch_database_add_run(scratch_database *s, int id, const char *experiment, const char *label,
                              const char *method, int workers, int seed, const char *config);
/* Closes and deletes it. */
void scratch_database_close(scratch_database *s);

#endif
