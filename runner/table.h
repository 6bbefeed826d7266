/* Rows for people and programs: aligned text, CSV (RFC 4180) or a JSON array of objects. */
#ifndef TERSE_RUNNER_TABLE_H
#define TERSE_RUNNER_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

enum table_format { TABLE_TEXT, TABLE_CSV, TABLE_JSON };

typedef struct table table;

/* "table", "csv" or "json"; anything else is STATUS_BAD_INPUT. */
enum status table_format_from(const char *word, enum table_format *out) WARN_UNUSED;

/* A table of n >= 1 columns (names are copied). CSV and JSON rows are written as they become complete; text waits for
 * table_end, which knows the widths. `out` is lent until then. */
enum status table_begin(FILE *out, enum table_format format, const char *const *names, size_t n,
                        table **created) WARN_UNUSED;

/* The next cell, row by row from the left. A failure sticks and comes out of table_end.
 * Text: NULL shows as "-", control characters as escapes, so that no cell can move the cursor. CSV: NULL is empty, an
 * empty string is "". JSON: numbers that are not finite are null; bytes that are not UTF-8 become U+FFFD. */
void table_null(table *t);
void table_integer(table *t, int64_t value);
/* Text shows `digits` significant digits; CSV and JSON as many as give the same double again. */
void table_real(table *t, double value, int digits);
void table_text(table *t, const char *text); /* NULL: as table_null */

/* Writes what is left and frees the table, on failure too. STATUS_IO where `out` does not take it. */
enum status table_end(table *t) WARN_UNUSED;
/* Frees without writing more; NULL is ignored. */
void table_abandon(table *t);

#endif
