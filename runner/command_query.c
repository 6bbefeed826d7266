/* `terse query`: SQL on the results database, which it cannot change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner/clock.h"
#include "runner/commands.h"
#include "runner/options.h"
#include "runner/read_only.h"
#include "runner/result_table.h"
#include "runner/store.h"

typedef struct query_options {
  const char *database, *format, *file;
  double timeout_s;
} query_options;

/* The whole of a file, or of standard input for "-"; the caller frees it. */
static enum status read_text(const char *name, char **out) {
  const bool is_input = strcmp(name, "-") == 0;
  FILE *in = is_input ? stdin : fopen(name, "r");
  size_t n = 0;
  if (!in) return FAIL(STATUS_BAD_INPUT, "cannot read %s: %s", name, strerror(errno));
  *out = NULL;
  const bool complete = getdelim(out, &n, '\0', in) >= 0 || feof(in);
  if (!is_input) fclose(in);
  if (complete && *out) return STATUS_OK;
  free(*out);
  return FAIL(STATUS_BAD_INPUT, "%s holds no query", name);
}

/* What follows a query may be comments and semicolons, not another query. */
static bool is_more(sqlite3 *connection, const char *rest) {
  while (*rest) {
    sqlite3_stmt *statement = NULL;
    const int code = sqlite3_prepare_v2(connection, rest, -1, &statement, &rest);
    sqlite3_finalize(statement);
    if (code != SQLITE_OK || statement) return true;
  }
  return false;
}

static enum status run_query(sqlite3 *connection, const char *sql, enum table_format format) {
  sqlite3_stmt *statement = NULL;
  const char *rest = NULL;
  if (sqlite3_prepare_v2(connection, sql, -1, &statement, &rest) != SQLITE_OK) {
    const bool denied = sqlite3_errcode(connection) == SQLITE_AUTH;
    return FAIL(STATUS_BAD_INPUT, "%s%s", sqlite3_errmsg(connection),
                denied ? ": `terse query` only reads; the sqlite3 program can change what it must"
                       : " (`terse query --help` names the views)");
  }
  enum status status = STATUS_OK;
  if (!statement)
    status = FAIL(STATUS_BAD_INPUT, "there is no query: `terse query --help`");
  else if (is_more(connection, rest))
    status = FAIL(STATUS_BAD_INPUT, "one query at a time: what follows is '%.60s'", rest);
  else
    status = statement_table(statement, format, stdout);
  sqlite3_finalize(statement);
  return status;
}

static enum status query(const query_options *o, const text_list *words) {
  enum status status = STATUS_OK;
  enum table_format format;
  sqlite3 *connection = NULL;
  char *text = NULL, remark[512];
  uint64_t deadline_ns = clock_now_ns() + (uint64_t)(1e9 * o->timeout_s);
  if ((o->file != NULL) == (words->n > 0)) {
    status = FAIL(STATUS_BAD_INPUT, "a query is needed, as one argument or by --file FILE: `terse query --help`");
    goto exit;
  }
  TRY(table_format_from(o->format, &format));
  if (o->file || strcmp(words->items[0], "-") == 0) TRY(read_text(o->file ? o->file : "-", &text));
  TRY(store_open_to_read(o->database, &connection, remark, sizeof remark));
  if (*remark) fprintf(stderr, "terse: %s\n", remark);
  read_only_guard(connection, o->timeout_s > 0 ? &deadline_ns : NULL);
  TRY(run_query(connection, text ? text : words->items[0], format));
exit:
  free(text);
  sqlite3_close(connection);
  return status;
}

int command_query(const environment *e, int argc, char **argv) {
  (void)e;
  query_options o = {.database = DEFAULT_DATABASE, .format = "table", .timeout_s = 60};
  const option_spec options[] = {
      {"format", OPTION_TEXT, &o.format, "F", "table, csv or json (default table)", 0},
      {"file", OPTION_TEXT, &o.file, "FILE", "read the query from a file", 0},
      {"timeout", OPTION_REAL, &o.timeout_s, "S", "seconds it may take (default 60; 0: any time)", 0},
      {"db", OPTION_TEXT, &o.database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0},
      {0}};
  const command_spec c = {
      .name = "query",
      .usage = "SQL [options]",
      .help =
          "Answers one SQL query (`-`: from standard input) about the results. It cannot change them, and works while\n"
          "`terse run` writes and in folders that cannot be written. Views:\n"
          "  runs       every run: id, experiment, tier, label, method, seed, status, reason, digest, wall_s, "
          "git_commit, …\n"
          "  final      the last evaluation of each cell: accuracy, test_loss, payload_bits, wire_bits, reduction, …\n"
          "  curve      all evaluations: run, label, seed, round, epoch, samples, train_loss, test_loss, bits, times\n"
          "  probes     named series of the methods: run, name, worker, round, value\n"
          "  exchanges  what each round exchanged: operation, algorithm, participants, bytes\n"
          "  modelled   seconds each cell would take on links of 10 Mbit/s to 10 Gbit/s: network, compute_s, total_s, …\n"
          "  claims     published statements and their verdicts, as `terse claims` last gave them\n"
          "Bits are means per worker since the start. `final`, `curve`, `probes` and `exchanges` show the latest "
          "result\n"
          "of each cell of an experiment as last run; json_extract(config, '$.optimizer.lr') reads any setting.",
      .options = options,
      .after =
          "Examples\n  terse query 'SELECT label, avg(accuracy), avg(reduction) FROM final GROUP BY label'\n"
          "  terse query \"PRAGMA table_info(final)\"\n"
          "  terse query 'SELECT * FROM curve' --format csv > curve.csv\n\n"
          "Exit status: 0 all well, 2 bad input.",
      .max_words = 1};
  command_line l;
  enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK)
    status = query(&o, &l.words);
  command_line_free(&c, &l);
  return status == STATUS_OK ? 0 : command_failed(status);
}
