#include "runner/record.h"

#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record_reader {
  sqlite3 *connection; /* in memory and empty: only its functions are used */
  sqlite3_stmt *read;
};

static const char read_sql[] =
    "SELECT json_extract(?1,'$.t'), json_extract(?1,'$.round'), json_extract(?1,'$.rounds'),"
    " json_extract(?1,'$.resumed_round'), json_extract(?1,'$.epoch'),"
    " coalesce(json_extract(?1,'$.loss'), json_extract(?1,'$.train_loss'), json_extract(?1,'$.test_loss')),"
    " json_extract(?1,'$.wire_bytes_up') + json_extract(?1,'$.wire_bytes_down') + json_extract(?1,'$.wire_bytes_peer'),"
    " json_extract(?1,'$.status'), json_extract(?1,'$.digest'), json_extract(?1,'$.reason')";
enum {
  READ_KIND,
  READ_ROUND,
  READ_ROUNDS,
  READ_RESUMED,
  READ_EPOCH,
  READ_LOSS,
  READ_BYTES,
  READ_STATUS,
  READ_DIGEST,
  READ_REASON
};

enum status record_reader_create(record_reader **out) {
  record_reader *r = calloc(1, sizeof *r);
  *out = NULL;
  if (!r) return FAIL(STATUS_NO_MEMORY, "no memory for reading records");
  if (sqlite3_open_v2(":memory:", &r->connection, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
      sqlite3_prepare_v3(r->connection, read_sql, -1, SQLITE_PREPARE_PERSISTENT, &r->read, NULL) != SQLITE_OK) {
    const enum status status = FAIL(STATUS_LIBRARY, "SQLite cannot read JSON here: %s", sqlite3_errmsg(r->connection));
    record_reader_destroy(r);
    return status;
  }
  *out = r;
  return STATUS_OK;
}

void record_reader_destroy(record_reader *r) {
  if (!r) return;
  sqlite3_finalize(r->read);
  sqlite3_close(r->connection);
  free(r);
}

static double column_or_nan(sqlite3_stmt *s, int column) {
  return sqlite3_column_type(s, column) == SQLITE_NULL ? NAN : sqlite3_column_double(s, column);
}

static void column_words(sqlite3_stmt *s, int column, char *out, size_t n) {
  const unsigned char *text = sqlite3_column_text(s, column);
  snprintf(out, n, "%s", text ? (const char *)text : "");
}

static enum record_kind kind_of(const char *word) {
  static const char *const words[] = {"hello", "progress", "curve", "probe", "exchange", "checkpoint", "done"};
  for (size_t i = 0; word && i < sizeof words / sizeof words[0]; i++)
    if (strcmp(word, words[i]) == 0) return RECORD_HELLO + (enum record_kind)i;
  return RECORD_FOREIGN;
}

static enum status not_understood(const char *line, size_t n) {
  return FAIL(STATUS_BAD_MESSAGE, "the worker wrote a line that is no record: %.*s", (int)(n < 200 ? n : 200), line);
}

enum status record_read(record_reader *r, const char *line, size_t n, record *out) {
  *out = (record){.epoch = NAN, .loss = NAN};
  if (n == 0 || line[0] != '{') return STATUS_OK;
  enum status status = STATUS_OK;
  sqlite3_stmt *s = r->read;
  if (sqlite3_bind_text(s, 1, line, (int)n, SQLITE_STATIC) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
    status = not_understood(line, n);
    goto exit;
  }
  out->kind = kind_of((const char *)sqlite3_column_text(s, READ_KIND));
  out->round = sqlite3_column_int64(s, READ_ROUND);
  out->n_rounds = sqlite3_column_int64(s, READ_ROUNDS);
  out->resumed_round = sqlite3_column_int64(s, READ_RESUMED);
  out->epoch = column_or_nan(s, READ_EPOCH);
  out->loss = column_or_nan(s, READ_LOSS);
  out->wire_bytes = sqlite3_column_double(s, READ_BYTES);
  column_words(s, READ_STATUS, out->status, sizeof out->status);
  column_words(s, READ_DIGEST, out->digest, sizeof out->digest);
  column_words(s, READ_REASON, out->reason, sizeof out->reason);
  static const char *const ends[] = {"finished", "diverged", "interrupted", "skipped", "failed"};
  bool known_end = out->kind != RECORD_DONE;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) known_end |= strcmp(out->status, ends[i]) == 0;
  if (out->kind == RECORD_FOREIGN || !known_end) status = not_understood(line, n);
exit:
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  return status;
}
