/* The closing table of `terse run`. */
#ifndef TERSE_RUNNER_RESULT_TABLE_H
#define TERSE_RUNNER_RESULT_TABLE_H

#include <sqlite3.h>
#include <stdio.h>

#include "core/status.h"
#include "runner/table.h"

/* The cells of an experiment's tier with their last run and, where it has one, its result. */
enum status result_table(sqlite3 *connection, const char *experiment, const char *tier, FILE *out) WARN_UNUSED;

/* Prints the rows of a prepared statement, column names from the statement. */

enum status statement_table(sqlite3_stmt *statement, enum table_format format, FILE *out) WARN_UNUSED;

#endif
