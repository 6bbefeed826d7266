#include "runner/result_table.h"

#include <stdlib.h>

#include "runner/table.h"

enum { TEXT_DIGITS = 5 };

/* One value; a blob becomes its hexadecimal digits, as SQLite's X'…'. */
static void add_value(table *t, sqlite3_stmt *s, int column) {
  switch (sqlite3_column_type(s, column)) {
    case SQLITE_INTEGER:
      table_integer(t, sqlite3_column_int64(s, column));
      break;
    case SQLITE_FLOAT:
      table_real(t, sqlite3_column_double(s, column), TEXT_DIGITS);
      break;
    case SQLITE_TEXT:
      table_text(t, (const char *)sqlite3_column_text(s, column));
      break;
    case SQLITE_BLOB: {
      const unsigned char *bytes = sqlite3_column_blob(s, column);
      const int n = sqlite3_column_bytes(s, column);
      char *text = malloc(2 * (size_t)n + 1);
      for (int i = 0; text && i < n; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
      if (text) text[2 * n] = '\0';
      table_text(t, text);
      free(text);
      break;
    }
    default:
      table_null(t);
  }
}

enum status statement_table(sqlite3_stmt *statement, enum table_format format, FILE *out) {
  const int n = sqlite3_column_count(statement);
  const char **names = calloc((size_t)n, sizeof *names);
  table *t = NULL;
  enum status status = STATUS_OK;
  if (!names) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d columns", n);
  for (int i = 0; i < n; i++) names[i] = sqlite3_column_name(statement, i);
  TRY(table_begin(out, format, names, (size_t)n, &t));
  int code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW)
    for (int i = 0; i < n; i++) add_value(t, statement, i);
  if (code == SQLITE_DONE) {
    status = table_end(t);
  } else {
    table_abandon(t);
    sqlite3 *connection = sqlite3_db_handle(statement);
    status = code == SQLITE_INTERRUPT
                 ? FAIL(STATUS_BAD_INPUT, "the query took too long and was stopped: --timeout S gives it more")
                 : FAIL(STATUS_BAD_INPUT, "the query failed: %s", sqlite3_errmsg(connection));
  }
exit:
  free(names);
  return status;
}

enum status result_table(sqlite3 *connection, const char *experiment, const char *tier, FILE *out) {
  static const char sql[] =
      "SELECT c.label AS cell, c.seed, coalesce(r.status, 'not run') AS status, f.accuracy,"
      " f.test_loss AS \"test loss\", f.payload_bits / 1e6 AS \"payload Mbit\", f.wire_bits / 1e6 AS \"wire Mbit\","
      " f.reduction, r.wall_s AS \"time s\""
      " FROM experiment_cell AS e JOIN cell AS c ON c.hash = e.cell"
      " LEFT JOIN run AS r ON r.id = (SELECT max(id) FROM run WHERE cell = e.cell)"
      " LEFT JOIN final AS f ON f.run = r.id AND f.experiment = e.experiment AND f.tier = e.tier"
      " WHERE e.experiment = ?1 AND e.tier = ?2 AND e.position IS NOT NULL ORDER BY e.position";
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(connection, sql, -1, &statement, NULL) != SQLITE_OK)
    return FAIL(STATUS_STORE, "cannot read the results: %s", sqlite3_errmsg(connection));
  sqlite3_bind_text(statement, 1, experiment, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, tier, -1, SQLITE_STATIC);
  const enum status status = statement_table(statement, TABLE_TEXT, out);
  sqlite3_finalize(statement);
  return status;
}
