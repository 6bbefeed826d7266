#include "runner/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runner/store_internal.h"

#define FIELD(name) "json_extract(?2,'$." name "')"

const char *const statement_sql[N_STATEMENTS] = {
    [STATEMENT_CLEAR_EXPERIMENT] = "UPDATE experiment_cell SET position = NULL WHERE experiment = ?1 AND tier = ?2",
    [STATEMENT_ADD_CELL] =
        "INSERT INTO cell (hash, config, label, method, compressor, model, dataset, workers, batch, seed, device)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        " ON CONFLICT (hash) DO UPDATE SET label = excluded.label",
    [STATEMENT_ADD_EXPERIMENT_CELL] =
        "INSERT INTO experiment_cell (experiment, tier, cell, position) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET position = excluded.position",
    [STATEMENT_FIND_LATEST] = "SELECT id, status, git_commit, coalesce(checkpoint_round, -1) FROM run WHERE cell = ?1"
                              " ORDER BY id DESC LIMIT 1",
    [STATEMENT_BEGIN_RUN] =
        "INSERT INTO run (cell, attempt, status, ranks, git_commit, git_dirty, flags, host, placement, versions,"
        " started_at)"
        " VALUES (?1, 1 + (SELECT count(*) FROM run WHERE cell = ?1), 'running', ?2, ?3, ?4, ?5, ?6, json(?7),"
        " json_object('sqlite', sqlite_version(), 'compiler', ?8), strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
    [STATEMENT_RESUME_RUN] =
        "UPDATE run SET status = 'running', reason = NULL, ended_at = NULL, ranks = ?2, git_commit = ?3,"
        " git_dirty = ?4, flags = ?5, host = ?6, placement = json(?7),"
        " versions = json_object('sqlite', sqlite_version(), 'compiler', ?8) WHERE id = ?1",
    [STATEMENT_RUN_MARKER] =
        "SELECT coalesce(checkpoint_round, 0), coalesce(checkpoint_line, 0) FROM run WHERE id = ?1",
    [STATEMENT_HELLO] =
        "UPDATE run SET ranks = " FIELD("ranks") ", hosts = " FIELD("hosts") ", device = " FIELD("description")
        ", n_params = " FIELD("n_params") ", planned_rounds = " FIELD("rounds") ", steps_per_epoch = "
        FIELD("steps_per_epoch") ", steps_per_round = " FIELD("steps_per_round") ", rounds = " FIELD("resumed_round")
        ", versions = json_set(versions, '$.mpi', " FIELD("mpi") ", '$.onednn', " FIELD("onednn") ")"
        ", checkpoint_round = nullif(?3, 0), checkpoint_line = nullif(?4, 0) WHERE id = ?1",
    [STATEMENT_DROP_CURVE] = "DELETE FROM curve_row WHERE run = ?1 AND line > ?2",
    [STATEMENT_DROP_PROBE] = "DELETE FROM probe WHERE run = ?1 AND line > ?2",
    [STATEMENT_DROP_EXCHANGE] = "DELETE FROM exchange WHERE run = ?1 AND line > ?2",
    [STATEMENT_CURVE] =
        "INSERT OR REPLACE INTO curve_row VALUES (?1, " FIELD("round") ", ?3, " FIELD("epoch") ", "
        FIELD("samples") ", " FIELD("lr") ", " FIELD("train_loss") ", " FIELD("test_loss") ", " FIELD("accuracy") ", "
        FIELD("payload_bits_up") ", " FIELD("payload_bits_down") ", " FIELD("payload_bits_peer") ", "
        FIELD("wire_bytes_up") ", " FIELD("wire_bytes_down") ", " FIELD("wire_bytes_peer") ", "
        FIELD("theory_bits_up") ", " FIELD("theory_bits_down") ", " FIELD("theory_bits_peer") ", "
        FIELD("messages") ", " FIELD("crossing_bytes") ", " FIELD("mpi_bytes") ", " FIELD("wall_ns") ", "
        FIELD("cpu_ns") ", " FIELD("compute_ns") ", " FIELD("encode_ns") ", " FIELD("exchange_ns") ", "
        FIELD("decode_ns") ", " FIELD("update_ns") ", " FIELD("other_ns") ")",
    [STATEMENT_PROBE] = "INSERT OR REPLACE INTO probe (run, name, worker, round, line, epoch, value) VALUES (?1, "
        FIELD("name") ", " FIELD("worker") ", " FIELD("round") ", ?3, " FIELD("epoch") ", " FIELD("value") ")",
    [STATEMENT_EXCHANGE] =
        "INSERT OR REPLACE INTO exchange VALUES (?1, " FIELD("first_round") ", " FIELD("sequence") ", ?3, "
        FIELD("n_rounds") ", " FIELD("operation") ", " FIELD("algorithm") ", " FIELD("participants") ", "
        FIELD("up_max_bytes") ", " FIELD("up_sum_bytes") ", "
        FIELD("up_max_payload_bits") ", " FIELD("up_sum_payload_bits") ", "
        FIELD("down_max_bytes") ", " FIELD("down_sum_bytes") ", "
        FIELD("down_max_payload_bits") ", " FIELD("down_sum_payload_bits") ", "
        FIELD("peer_max_bytes") ", " FIELD("peer_sum_bytes") ", "
        FIELD("peer_max_payload_bits") ", " FIELD("peer_sum_payload_bits") ")",
    [STATEMENT_CHECKPOINT] = "UPDATE run SET checkpoint_round = " FIELD("round") ", checkpoint_line = ?3, rounds = "
        FIELD("round") " WHERE id = ?1",
    [STATEMENT_DONE] = "UPDATE run SET digest = " FIELD("digest") ", rounds = max(coalesce(rounds, 0), " FIELD("round")
        ") WHERE id = ?1",
    [STATEMENT_END_RUN] =
        "UPDATE run SET status = ?2, reason = nullif(?3, ''), wall_s = wall_s + ?4, launches = launches + ?5,"
        " checkpoint_round = iif(?2 = 'interrupted', checkpoint_round, NULL),"
        " checkpoint_line = iif(?2 = 'interrupted', checkpoint_line, NULL),"
        " ended_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?1",
    [STATEMENT_DROP_CLAIMS] = "DELETE FROM claim WHERE experiment = ?1",
    [STATEMENT_ADD_CLAIM] = "INSERT INTO claim (experiment, id, position, statement, query, published, relation,"
                            " tolerance, standing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STATEMENT_DROP_VERDICTS] = "DELETE FROM verdict WHERE tier = coalesce(?1, tier)",
    [STATEMENT_VERDICT] = "INSERT OR REPLACE INTO verdict (experiment, id, tier, verdict, measured, low, high, seeds,"
                          " judged_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                          " strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
};

/* Runs a statement that gives no rows, and makes it ready for the next time. A record that does not fit its table is
 * the worker's mistake, not the database's. */
static enum status finish(store *s, enum statement which, const char *line) {
  sqlite3_stmt *statement = s->statements[which];
  enum status status = STATUS_OK;
  const int code = sqlite3_step(statement);
  if (line && (code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH))
    status = FAIL(STATUS_BAD_MESSAGE, "the worker wrote an incomplete record (%s): %.200s",
                  sqlite3_errmsg(s->connection), line);
  else if (code != SQLITE_DONE && code != SQLITE_ROW)
    status = store_failure(s->connection, s->file, "store a result");
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return status;
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text) {
  sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static enum status begin(store *s) {
  if (s->in_transaction) return STATUS_OK;
  if (sqlite3_exec(s->connection, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
    return store_failure(s->connection, s->file, "write it");
  s->in_transaction = true;
  return STATUS_OK;
}

enum status store_commit(store *s) {
  if (!s->in_transaction) return STATUS_OK;
  if (sqlite3_exec(s->connection, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
    return store_failure(s->connection, s->file, "store results");
  s->in_transaction = false;
  return STATUS_OK;
}

enum status store_clear_experiment(store *s, const char *experiment, const char *tier) {
  TRY_RETURN(begin(s));
  bind_text(s->statements[STATEMENT_CLEAR_EXPERIMENT], 1, experiment);
  bind_text(s->statements[STATEMENT_CLEAR_EXPERIMENT], 2, tier);
  return finish(s, STATEMENT_CLEAR_EXPERIMENT, NULL);
}

enum status store_add_cell(store *s, const char *experiment, const char *tier, int64_t position, const store_cell *c) {
  TRY_RETURN(begin(s));
  sqlite3_stmt *cell = s->statements[STATEMENT_ADD_CELL], *member = s->statements[STATEMENT_ADD_EXPERIMENT_CELL];
  const char *const words[] = {c->hash, c->config, c->label, c->method, c->compressor, c->model, c->dataset};
  for (int i = 0; i < 7; i++) bind_text(cell, i + 1, words[i]);
  sqlite3_bind_int64(cell, 8, c->workers);
  sqlite3_bind_int64(cell, 9, c->batch);
  sqlite3_bind_int64(cell, 10, c->seed);
  bind_text(cell, 11, c->device);
  TRY_RETURN(finish(s, STATEMENT_ADD_CELL, NULL));
  bind_text(member, 1, experiment);
  bind_text(member, 2, tier);
  bind_text(member, 3, c->hash);
  sqlite3_bind_int64(member, 4, position);
  return finish(s, STATEMENT_ADD_EXPERIMENT_CELL, NULL);
}

enum status store_find_latest(store *s, const char *hash, store_latest *out) {
  sqlite3_stmt *find = s->statements[STATEMENT_FIND_LATEST];
  *out = (store_latest){.checkpoint_round = -1};
  bind_text(find, 1, hash);
  const int code = sqlite3_step(find);
  if (code == SQLITE_ROW) {
    out->run = sqlite3_column_int64(find, 0);
    snprintf(out->status, sizeof out->status, "%s", (const char *)sqlite3_column_text(find, 1));
    snprintf(out->commit, sizeof out->commit, "%s", (const char *)sqlite3_column_text(find, 2));
    out->checkpoint_round = sqlite3_column_int64(find, 3);
  }
  sqlite3_reset(find);
  if (code != SQLITE_ROW && code != SQLITE_DONE) return store_failure(s->connection, s->file, "read it");
  return STATUS_OK;
}

static void bind_start(sqlite3_stmt *statement, const store_start *start) {
  sqlite3_bind_int(statement, 2, start->ranks);
  bind_text(statement, 3, start->commit);
  sqlite3_bind_int(statement, 4, start->dirty);
  bind_text(statement, 5, start->flags);
  bind_text(statement, 6, start->host);
  bind_text(statement, 7, start->placement);
  bind_text(statement, 8, start->compiler);
}

enum status store_begin_run(store *s, const char *hash, const store_start *start, int64_t *run) {
  TRY_RETURN(begin(s));
  bind_text(s->statements[STATEMENT_BEGIN_RUN], 1, hash);
  bind_start(s->statements[STATEMENT_BEGIN_RUN], start);
  TRY_RETURN(finish(s, STATEMENT_BEGIN_RUN, NULL));
  *run = sqlite3_last_insert_rowid(s->connection);
  return store_commit(s);
}

/* The checkpoint the database knows of: its round and the line it was announced in; zeros without one. */
static enum status read_marker(store *s, int64_t run, int64_t *round, int64_t *line) {
  sqlite3_stmt *marker = s->statements[STATEMENT_RUN_MARKER];
  sqlite3_bind_int64(marker, 1, run);
  const bool found = sqlite3_step(marker) == SQLITE_ROW;
  *round = found ? sqlite3_column_int64(marker, 0) : 0;
  *line = found ? sqlite3_column_int64(marker, 1) : 0;
  sqlite3_reset(marker);
  return found ? STATUS_OK : store_failure(s->connection, s->file, "find the run");
}

enum status store_resume_run(store *s, int64_t run, const store_start *start) {
  int64_t round, line;
  TRY_RETURN(begin(s));
  TRY_RETURN(read_marker(s, run, &round, &line));
  if (line > s->line) s->line = line;
  sqlite3_bind_int64(s->statements[STATEMENT_RESUME_RUN], 1, run);
  bind_start(s->statements[STATEMENT_RESUME_RUN], start);
  TRY_RETURN(finish(s, STATEMENT_RESUME_RUN, NULL));
  return store_commit(s);
}

static enum status drop_after(store *s, enum statement which, int64_t run, int64_t line) {
  sqlite3_bind_int64(s->statements[which], 1, run);
  sqlite3_bind_int64(s->statements[which], 2, line);
  return finish(s, which, NULL);
}

/* One statement over the line of a record: ?1 run, ?2 the line, ?3 and ?4 as given. */
static enum status take(store *s, enum statement which, int64_t run, const char *line, size_t n, int64_t third,
                        int64_t fourth) {
  sqlite3_stmt *statement = s->statements[which];
  sqlite3_bind_int64(statement, 1, run);
  sqlite3_bind_text(statement, 2, line, (int)n, SQLITE_STATIC);
  if (sqlite3_bind_parameter_count(statement) >= 3) sqlite3_bind_int64(statement, 3, third);
  if (sqlite3_bind_parameter_count(statement) >= 4) sqlite3_bind_int64(statement, 4, fourth);
  return finish(s, which, line);
}

static enum status take_hello(store *s, int64_t run, const char *line, size_t n, const record *r, bool *stale) {
  int64_t marker_round, marker_line;
  TRY_RETURN(read_marker(s, run, &marker_round, &marker_line));
  *stale = r->resumed_round != 0 && r->resumed_round != marker_round;
  if (*stale) return STATUS_OK;
  if (r->resumed_round == 0) marker_round = marker_line = 0;
  TRY_RETURN(begin(s));
  TRY_RETURN(drop_after(s, STATEMENT_DROP_CURVE, run, marker_line));
  TRY_RETURN(drop_after(s, STATEMENT_DROP_PROBE, run, marker_line));
  TRY_RETURN(drop_after(s, STATEMENT_DROP_EXCHANGE, run, marker_line));
  return take(s, STATEMENT_HELLO, run, line, n, marker_round, marker_line);
}

enum status store_take(store *s, int64_t run, const char *line, size_t n, record *r, bool *stale) {
  *stale = false;
  TRY_RETURN(record_read(s->reader, line, n, r));
  if (r->kind == RECORD_FOREIGN || r->kind == RECORD_PROGRESS) return STATUS_OK;
  if (r->kind == RECORD_HELLO) return take_hello(s, run, line, n, r, stale);
  TRY_RETURN(begin(s));
  s->line++;
  switch (r->kind) {
    case RECORD_CURVE:
      return take(s, STATEMENT_CURVE, run, line, n, s->line, 0);
    case RECORD_PROBE:
      return take(s, STATEMENT_PROBE, run, line, n, s->line, 0);
    case RECORD_EXCHANGE:
      return take(s, STATEMENT_EXCHANGE, run, line, n, s->line, 0);
    case RECORD_CHECKPOINT:
      TRY_RETURN(take(s, STATEMENT_CHECKPOINT, run, line, n, s->line, 0));
      return store_commit(s);
    default:
      return take(s, STATEMENT_DONE, run, line, n, 0, 0);
  }
}

enum status store_end_run(store *s, int64_t run, const store_end *end) {
  TRY_RETURN(begin(s));
  sqlite3_stmt *statement = s->statements[STATEMENT_END_RUN];
  sqlite3_bind_int64(statement, 1, run);
  bind_text(statement, 2, end->status);
  bind_text(statement, 3, end->reason);
  sqlite3_bind_double(statement, 4, end->wall_s);
  sqlite3_bind_int(statement, 5, end->launches);
  TRY_RETURN(finish(s, STATEMENT_END_RUN, NULL));
  return store_commit(s);
}

enum status store_set_claims(store *s, const char *experiment, const claim *list, size_t n) {
  TRY_RETURN(begin(s));
  bind_text(s->statements[STATEMENT_DROP_CLAIMS], 1, experiment);
  TRY_RETURN(finish(s, STATEMENT_DROP_CLAIMS, NULL));
  for (size_t i = 0; i < n; i++) {
    sqlite3_stmt *add = s->statements[STATEMENT_ADD_CLAIM];
    const char *const words[] = {experiment, list[i].id, NULL, list[i].statement, list[i].query};
    for (int k = 0; k < 5; k++)
      if (k != 2) bind_text(add, k + 1, words[k]);
    sqlite3_bind_int64(add, 3, (int64_t)i);
    sqlite3_bind_double(add, 6, list[i].published);
    bind_text(add, 7, list[i].relation);
    sqlite3_bind_double(add, 8, list[i].tolerance);
    bind_text(add, 9, list[i].standing);
    TRY_RETURN(finish(s, STATEMENT_ADD_CLAIM, NULL));
  }
  return STATUS_OK;
}

enum status store_clear_verdicts(store *s, const char *tier) {
  TRY_RETURN(begin(s));
  if (tier) bind_text(s->statements[STATEMENT_DROP_VERDICTS], 1, tier);
  return finish(s, STATEMENT_DROP_VERDICTS, NULL);
}

static void bind_finite(sqlite3_stmt *statement, int index, double value) {
  if (isfinite(value)) sqlite3_bind_double(statement, index, value);
}

enum status store_set_verdict(store *s, const char *experiment, const char *id, const char *tier, const judgement *j) {
  TRY_RETURN(begin(s));
  sqlite3_stmt *set = s->statements[STATEMENT_VERDICT];
  const char *const words[] = {experiment, id, tier, verdict_name(j->verdict)};
  for (int k = 0; k < 4; k++) bind_text(set, k + 1, words[k]);
  bind_finite(set, 5, j->measured);
  bind_finite(set, 6, j->interval.low);
  bind_finite(set, 7, j->interval.high);
  sqlite3_bind_int64(set, 8, (int64_t)j->n_seeds);
  return finish(s, STATEMENT_VERDICT, NULL);
}
