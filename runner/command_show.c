/* `terse show`: one run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runner/commands.h"
#include "runner/options.h"
#include "runner/result_table.h"
#include "runner/store.h"

enum status run_number(const char *word, int64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoll(word, &end, 10);
  if (end == word || *end || errno || *out < 1)
    return FAIL(STATUS_BAD_INPUT,
                "'%s' is no run: runs are numbered from 1, `terse query 'SELECT id, label FROM runs'`", word);
  return STATUS_OK;
}

static enum status prepare(sqlite3 *connection, const char *sql, int64_t run, sqlite3_stmt **out) {
  if (sqlite3_prepare_v2(connection, sql, -1, out, NULL) != SQLITE_OK)
    return FAIL(STATUS_STORE, "the database cannot be read: %s", sqlite3_errmsg(connection));
  sqlite3_bind_int64(*out, 1, run);
  return STATUS_OK;
}

/* One fact a line, those without a value left out. */
static enum status print_facts(sqlite3 *connection, int64_t run) {
  static const char sql[] =
      "SELECT r.id AS run, c.label AS cell, c.seed, c.hash, (SELECT group_concat(experiment || iif(tier = '', '', ' (' "
      "|| tier"
      " || ')'), ', ') FROM experiment_cell WHERE cell = c.hash) AS experiments, r.status, r.reason, r.attempt, "
      "r.digest,"
      " c.model, c.dataset, c.workers, r.ranks, c.batch AS \"batch per worker\", r.n_params AS parameters,"
      " r.rounds || ' of ' || r.planned_rounds AS rounds, r.checkpoint_round AS \"checkpoint at round\","
      " r.started_at AS started, r.ended_at AS ended, round(r.wall_s, 2) || ' s' AS time, r.launches,"
      " r.git_commit || iif(r.git_dirty, ' with changes', '') AS \"commit\", r.flags AS \"built by\", r.host, r.hosts,"
      " coalesce(r.device, c.device) AS device, r.versions, r.placement, c.config"
      " FROM run AS r JOIN cell AS c ON c.hash = r.cell WHERE r.id = ?1";
  sqlite3_stmt *s = NULL;
  TRY_RETURN(prepare(connection, sql, run, &s));
  const bool found = sqlite3_step(s) == SQLITE_ROW;
  for (int i = 0; found && i < sqlite3_column_count(s); i++)
    if (sqlite3_column_type(s, i) != SQLITE_NULL)
      printf("%-20s %s\n", sqlite3_column_name(s, i), (const char *)sqlite3_column_text(s, i));
  sqlite3_finalize(s);
  if (found) return STATUS_OK;
  return FAIL(STATUS_BAD_INPUT, "there is no run %lld: `terse query 'SELECT id, label, status FROM runs'` lists them",
              (long long)run);
}

static enum status print_curve(sqlite3 *connection, int64_t run) {
  static const char sql[] =
      "SELECT w.round, w.epoch, w.lr, w.train_loss AS \"train loss\", w.test_loss AS \"test loss\", w.accuracy,"
      " (w.payload_bits_up + w.payload_bits_down + w.payload_bits_peer) / 1e6 / c.workers AS \"payload Mbit\","
      " 8 * (w.wire_bytes_up + w.wire_bytes_down + w.wire_bytes_peer) / 1e6 / c.workers AS \"wire Mbit\","
      " w.wall_ns / 1e9 AS \"time s\", w.cpu_ns / 1e9 AS \"cpu s\""
      " FROM curve_row AS w JOIN run AS r ON r.id = w.run JOIN cell AS c ON c.hash = r.cell WHERE w.run = ?1 ORDER BY "
      "w.round";
  sqlite3_stmt *s = NULL;
  TRY_RETURN(prepare(connection, sql, run, &s));
  const enum status status = statement_table(s, TABLE_TEXT, stdout);
  sqlite3_finalize(s);
  return status;
}

static enum status show(const char *file, const char *word) {
  enum status status = STATUS_OK;
  sqlite3 *connection = NULL;
  char remark[512];
  int64_t run;
  TRY(run_number(word, &run));
  TRY(store_open_to_read(file, &connection, remark, sizeof remark));
  if (*remark) fprintf(stderr, "terse: %s\n", remark);
  TRY(print_facts(connection, run));
  printf("\nEvaluations (bits are means per worker, times of training alone on the slowest rank)\n");
  TRY(print_curve(connection, run));
exit:
  sqlite3_close(connection);
  return status;
}

int command_show(const environment *e, int argc, char **argv) {
  (void)e;
  const char *database = DEFAULT_DATABASE;
  const option_spec options[] = {
      {"db", OPTION_TEXT, &database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0}, {0}};
  const command_spec c = {
      .name = "show",
      .usage = "RUN [options]",
      .help =
          "Prints all that is stored of a run: where it comes from, how it ended, its configuration and its\n"
          "evaluations. RUN is the id of view `runs`.",
      .options = options,
      .after = "Example\n  terse show 1\n\nExit status: 0 all well, 2 bad input.",
      .min_words = 1,
      .max_words = 1};
  command_line l;
  enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK)
    status = show(database, l.words.items[0]);
  command_line_free(&c, &l);
  return status == STATUS_OK ? 0 : command_failed(status);
}
