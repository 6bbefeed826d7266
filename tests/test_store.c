#include "runner/store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/embedded.h"

static char folder[64], file[96];

static void make_folder(void) {
  strcpy(folder, "/tmp/terse-store-XXXXXX");
  cr_assert_not_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/r.db", folder);
}

static void remove_folder(void) {
  static const char *const names[] = {"r.db",     "r.db-wal",   "r.db-shm",       "r.db.lock",
                                      "a/b/r.db", "a?b#%20.db", "a?b#%20.db-wal", "a?b#%20.db-shm"};
  char path[200];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/a/b", folder);
  rmdir(path);
  snprintf(path, sizeof path, "%s/a", folder);
  rmdir(path);
  cr_expect_eq(rmdir(folder), 0, "%s: %s", folder, strerror(errno));
}

TestSuite(store, .init = make_folder, .fini = remove_folder, .timeout = 30);

static const store_start start = {
    .ranks = 2, .commit = "c0ffee", .flags = "-O3", .host = "h", .compiler = "gcc", .dirty = true, .placement = "{}"};

static store *opened(void) {
  store *s = NULL;
  cr_assert_eq(store_open(file, &s), STATUS_OK, "%s", status_detail());
  return s;
}

static void add_cell(store *s, const char *experiment, int64_t position, const char *hash, const char *method) {
  const store_cell c = {.hash = hash,
                        .config = "{\"lr\":0.5}",
                        .label = method,
                        .method = method,
                        .compressor = "none",
                        .model = "m",
                        .dataset = "d",
                        .device = "cpu",
                        .workers = 4,
                        .batch = 8,
                        .seed = 1};
  cr_assert_eq(store_add_cell(s, experiment, "smoke", position, &c), STATUS_OK, "%s", status_detail());
}

static enum status take(store *s, int64_t run, const char *line, bool *stale) {
  record r;
  return store_take(s, run, line, strlen(line), &r, stale);
}

static void accept(store *s, int64_t run, const char *line) {
  bool stale;
  cr_assert_eq(take(s, run, line, &stale), STATUS_OK, "%s: %s", line, status_detail());
  cr_assert(!stale);
}

static void accept_hello(store *s, int64_t run, int resumed_round) {
  char line[300];
  snprintf(
      line, sizeof line,
      "{\"t\":\"hello\",\"ranks\":2,\"hosts\":[\"x\",\"y\"],\"device\":\"cpu\",\"description\":\"a CPU\",\"mpi\":\"M\","
      "\"onednn\":\"2\",\"n_params\":10,\"rounds\":20,\"steps_per_epoch\":5,\"steps_per_round\":1,\"resumed_round\":%"
      "d}",
      resumed_round);
  accept(s, run, line);
}

/* A curve record at `round` whose counts are round * scale. */
static void accept_curve(store *s, int64_t run, int round, int scale) {
  char line[900];
  snprintf(
      line, sizeof line,
      "{\"t\":\"curve\",\"round\":%d,\"epoch\":%g,\"samples\":%d,\"lr\":0.5,\"train_loss\":null,\"test_loss\":%g,"
      "\"accuracy\":0.5,\"payload_bits_up\":%d,\"payload_bits_down\":0,\"payload_bits_peer\":0,\"wire_bytes_up\":%d,"
      "\"wire_bytes_down\":0,\"wire_bytes_peer\":0,\"theory_bits_up\":1,\"theory_bits_down\":0,\"theory_bits_peer\":0,"
      "\"messages\":3,\"crossing_bytes\":1,\"mpi_bytes\":1,\"wall_ns\":1500000000,\"cpu_ns\":2,\"compute_ns\":1,"
      "\"encode_ns\":1,\"exchange_ns\":1,\"decode_ns\":1,\"update_ns\":1,\"other_ns\":1}",
      round, 0.2 * round, 100 * round, 1.0 / (1 + round), scale * round, scale * round);
  accept(s, run, line);
}

static void accept_others(store *s, int64_t run, int round) {
  char line[700];
  snprintf(
      line, sizeof line,
      "{\"t\":\"exchange\",\"first_round\":%d,\"n_rounds\":1,\"sequence\":0,\"operation\":\"allreduce\",\"algorithm\":"
      "\"ring\",\"participants\":4,\"up_max_bytes\":1,\"up_sum_bytes\":2,\"up_max_payload_bits\":3,"
      "\"up_sum_payload_bits\":4,\"down_max_bytes\":0,\"down_sum_bytes\":0,\"down_max_payload_bits\":0,"
      "\"down_sum_payload_bits\":0,\"peer_max_bytes\":0,\"peer_sum_bytes\":0,\"peer_max_payload_bits\":0,"
      "\"peer_sum_payload_bits\":0}",
      round - 1);
  accept(s, run, line);
  snprintf(line, sizeof line, "{\"t\":\"probe\",\"round\":%d,\"epoch\":1,\"name\":\"p\",\"worker\":-1,\"value\":null}",
           round);
  accept(s, run, line);
}

static void finish(store *s, int64_t run, const char *status) {
  char line[200];
  const store_end end = {.status = status, .reason = "", .wall_s = 2, .launches = 1};
  snprintf(line, sizeof line, "{\"t\":\"done\",\"status\":\"%s\",\"reason\":null,\"round\":20,\"digest\":\"00ff\"}",
           status);
  accept(s, run, line);
  cr_assert_eq(store_end_run(s, run, &end), STATUS_OK, "%s", status_detail());
}

static int64_t begin(store *s, const char *hash) {
  int64_t run = 0;
  cr_assert_eq(store_begin_run(s, hash, &start, &run), STATUS_OK, "%s", status_detail());
  return run;
}

/* The one number a query gives; fails where there is no row. */
static double number(sqlite3 *connection, const char *sql) {
  sqlite3_stmt *statement = NULL;
  cr_assert_eq(sqlite3_prepare_v2(connection, sql, -1, &statement, NULL), SQLITE_OK, "%s", sqlite3_errmsg(connection));
  cr_assert_eq(sqlite3_step(statement), SQLITE_ROW, "%s", sql);
  const double value = sqlite3_column_double(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

Test(store, a_run_from_start_to_end) {
  store *s = opened();
  add_cell(s, "e", 0, "aaaa", "sgd");
  add_cell(s, "e", 1, "bbbb", "gtopk");
  add_cell(s, "f", 0, "bbbb", "gtopk");
  const int64_t dense = begin(s, "aaaa"), sparse = begin(s, "bbbb");
  accept_hello(s, dense, 0);
  accept_hello(s, sparse, 0); /* two at once share a transaction */
  for (int round = 0; round <= 20; round += 10) {
    accept_curve(s, dense, round, 8000);
    accept_curve(s, sparse, round, 400);
    if (round) accept_others(s, sparse, round);
  }
  accept(s, sparse, "a line of a library");
  accept(s, sparse, "{\"t\":\"progress\",\"round\":20,\"epoch\":4,\"loss\":0.1}");
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve"), 0, "unfinished runs are not shown");
  finish(s, dense, "finished");
  finish(s, sparse, "finished");
  sqlite3 *c = store_connection(s);
  cr_expect_eq(number(c, "SELECT count(*) FROM runs WHERE status = 'finished' AND digest = '00ff' AND rounds = 20"), 3);
  cr_expect_eq(number(c, "SELECT count(*) FROM curve WHERE experiment = 'e'"), 6);
  cr_expect_eq(number(c, "SELECT payload_bits FROM final WHERE cell = 'bbbb' AND experiment = 'e'"), 400 * 20 / 4);
  cr_expect_eq(number(c, "SELECT wire_bits FROM final WHERE cell = 'bbbb' AND experiment = 'e'"), 8 * 400 * 20 / 4);
  cr_expect_eq(number(c, "SELECT reduction FROM final WHERE cell = 'bbbb' AND experiment = 'e'"), 20);
  cr_expect_eq(number(c, "SELECT reduction IS NULL FROM final WHERE experiment = 'f'"), 1, "f has no sgd");
  cr_expect_eq(number(c, "SELECT wall_s FROM final WHERE cell = 'aaaa'"), 1.5);
  cr_expect_eq(number(c, "SELECT sum(n_rounds) FROM exchanges WHERE experiment = 'e'"), 2);
  cr_expect_eq(number(c, "SELECT count(*) FROM probes WHERE value IS NULL AND worker = -1 AND experiment = 'f'"), 2);
  cr_expect_eq(number(c,
                      "SELECT json_extract(versions, '$.onednn') = '2' AND json_extract(hosts, '$[1]') = 'y'"
                      " AND device_description = 'a CPU' FROM runs WHERE id = 1"),
               1);
  store_close(s);
}

Test(store, a_resumed_run_drops_what_came_after_its_checkpoint) {
  store *s = opened();
  bool stale;
  store_latest latest;
  add_cell(s, "e", 0, "aaaa", "sgd");
  const int64_t run = begin(s, "aaaa");
  accept_hello(s, run, 0);
  accept_curve(s, run, 0, 1);
  accept_others(s, run, 5);
  accept_curve(s, run, 5, 1);
  accept(s, run, "{\"t\":\"checkpoint\",\"round\":5}");
  accept_curve(s, run, 10, 1);
  accept_others(s, run, 10);
  cr_assert_eq(store_commit(s), STATUS_OK);
  store_close(s); /* as after a crash */
  s = opened();
  cr_assert_eq(store_find_latest(s, "aaaa", &latest), STATUS_OK);
  cr_expect(latest.run == run && latest.checkpoint_round == 5 && strcmp(latest.status, "running") == 0);
  cr_assert_eq(store_resume_run(s, run, &start), STATUS_OK);
  cr_expect_eq(take(s, run, "{\"t\":\"hello\",\"resumed_round\":7}", &stale), STATUS_OK);
  cr_expect(stale, "a checkpoint the rows do not belong to");
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve_row"), 3, "and nothing is changed");
  accept_hello(s, run, 5);
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve_row WHERE round <= 5"), 2);
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve_row"), 2);
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM exchange"), 1);
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM probe"), 1);
  accept_curve(s, run, 10, 1);
  accept(s, run, "{\"t\":\"checkpoint\",\"round\":10}");
  accept_curve(s, run, 20, 1);
  cr_assert_eq(store_resume_run(s, run, &start), STATUS_OK);
  accept_hello(s, run, 10); /* the second resume in one session keeps the rows of the first */
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve_row"), 3);
  accept_hello(s, run, 0); /* from scratch: nothing stays */
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve_row"), 0);
  accept_curve(s, run, 20, 1);
  finish(s, run, "interrupted");
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM latest"), 0);
  finish(s, run, "finished");
  cr_expect_eq(number(store_connection(s), "SELECT wall_s + 10 * launches FROM run"), 24, "sessions add up");
  cr_expect_eq(number(store_connection(s), "SELECT checkpoint_round IS NULL FROM run"), 1);
  store_close(s);
}

Test(store, only_the_latest_result_of_the_matrix_as_last_run_is_shown) {
  store *s = opened();
  sqlite3 *c = store_connection(s);
  static const char *const ends[] = {"finished", "diverged", "failed"};
  add_cell(s, "e", 0, "aaaa", "sgd");
  add_cell(s, "e", 1, "bbbb", "gtopk");
  for (int i = 0; i < 3; i++) {
    const int64_t run = begin(s, "aaaa");
    accept_hello(s, run, 0);
    accept_curve(s, run, 10, 1 + i);
    finish(s, run, ends[i]);
  }
  cr_expect_eq(number(c, "SELECT count(*) FROM runs"), 3);
  cr_expect_eq(number(c, "SELECT run FROM final WHERE status = 'diverged'"), 2);
  cr_expect_eq(number(c, "SELECT count(*) FROM curve"), 1);
  cr_expect_eq(number(c, "SELECT attempt FROM runs WHERE id = 3"), 3);
  cr_assert_eq(store_clear_experiment(s, "e", "smoke"), STATUS_OK);
  add_cell(s, "e", 0, "bbbb", "gtopk");
  cr_expect_eq(number(c, "SELECT count(*) FROM final"), 0);
  cr_expect_eq(number(c, "SELECT count(*) FROM runs"), 3);
  add_cell(s, "e", 1, "aaaa", "sgd");
  cr_expect_eq(number(c, "SELECT count(*) FROM final"), 1, "back again, with its result");
  store_close(s);
}

Test(store, incomplete_records_are_the_workers_fault) {
  store *s = opened();
  bool stale;
  add_cell(s, "e", 0, "aaaa", "sgd");
  const int64_t run = begin(s, "aaaa");
  accept_hello(s, run, 0);
  static const char *const broken[] = {
      "{\"t\":\"curve\",\"round\":1}",
      "{\"t\":\"probe\",\"round\":1,\"epoch\":1,\"name\":\"p\",\"worker\":\"one\",\"value\":1}",
      "{\"t\":\"exchange\",\"first_round\":0}", "{\"t\":\"curve\",\"round\":", "{\"t\":\"what\"}"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    cr_expect_eq(take(s, run, broken[i], &stale), STATUS_BAD_MESSAGE, "%s", broken[i]);
  accept_curve(s, run, 1, 1);
  finish(s, run, "finished");
  cr_expect_eq(number(store_connection(s), "SELECT count(*) FROM curve"), 1);
  store_close(s);
}

static void expect_refused(const char *said) {
  store *s = NULL;
  cr_expect_eq(store_open(file, &s), STATUS_STORE);
  cr_expect_null(s);
  cr_expect(strstr(status_detail(), said) && strstr(status_detail(), file), "%s", status_detail());
}

static void execute(const char *sql) {
  sqlite3 *c = NULL;
  cr_assert_eq(sqlite3_open(file, &c), SQLITE_OK);
  cr_assert_eq(sqlite3_exec(c, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(c));
  sqlite3_close(c);
}

Test(store, files_that_are_not_ours_are_left_alone) {
  FILE *out = fopen(file, "w");
  for (int i = 0; i < 500; i++) fputs("no database at all\n", out);
  fclose(out);
  expect_refused("not an intact SQLite database");
  unlink(file);
  execute("CREATE TABLE other (x)");
  expect_refused("not one of terse");
  unlink(file);
  store_close(opened());
  execute("PRAGMA user_version = 3");
  expect_refused("version 3");
  execute("PRAGMA user_version = 2; DROP VIEW final; DROP TABLE probe");
  expect_refused("probe");
}

/* Version 1 had the same tables and fewer views. */
Test(store, older_databases_get_the_new_views) {
  char note[512];
  sqlite3 *reader = NULL;
  store_close(opened());
  execute("DROP VIEW modelled; DROP VIEW network; DROP VIEW final; CREATE VIEW final AS SELECT 1 AS old; "
          "INSERT INTO claim VALUES ('e', 'kept', 0, 's', 'q', 1, 'equal', 0, 'mem'); PRAGMA user_version = 1");
  cr_assert_eq(store_open_to_read(file, &reader, note, sizeof note), STATUS_OK);
  cr_assert(strstr(note, "older terse"), "%s", note);
  sqlite3_close(reader);
  store_close(opened());
  execute("SELECT accuracy FROM final; SELECT total_s FROM modelled");
  cr_assert_eq(store_open_to_read(file, &reader, note, sizeof note), STATUS_OK);
  cr_assert_str_empty(note);
  sqlite3_stmt *row = NULL;
  cr_assert_eq(sqlite3_prepare_v2(reader, "SELECT id FROM claim", -1, &row, NULL), SQLITE_OK);
  cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
  cr_assert_str_eq((const char *)sqlite3_column_text(row, 0), "kept");
  sqlite3_finalize(row);
  sqlite3_close(reader);
}

static void add_exchange(sqlite3 *c, int sequence, const char *operation, const char *algorithm, int participants,
                         const char *up, const char *down, const char *peer) {
  char sql[400];
  snprintf(sql, sizeof sql, "INSERT INTO exchange VALUES (1, 0, %d, 0, 10, '%s', '%s', %d, %s, 0, 0, %s, 0, 0, %s, 0, 0)",
           sequence, operation, algorithm, participants, up, down, peer);
  cr_assert_eq(sqlite3_exec(c, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(c));
}

/* 4 workers, 10 rounds of every operation, at 100 Mbit/s (80 ns a byte) and 50 us. */
Test(store, modelled_time) {
  store *s = opened();
  sqlite3 *c = store_connection(s);
  add_cell(s, "e", 0, "aaaa", "m");
  const int64_t run = begin(s, "aaaa");
  accept_hello(s, run, 0);
  accept_curve(s, run, 10, 1);
  finish(s, run, "finished");
  const char *total = "SELECT communication_s FROM modelled WHERE network = '100 Mbit/s'";
  cr_expect_eq(number(c, total), 0);
  cr_expect_float_eq(number(c, "SELECT compute_s FROM modelled"), 1e-9 * 2 / 4, 1e-15, "2 ranks host 4 workers");
  double expected = 0;
  const double alpha = 50e-6, byte = 80e-9;
  add_exchange(c, 0, "allgather", "direct", 4, "0, 0", "0, 0", "3000, 12000"); /* each receives 3,000 bytes */
  expected += 10 * (alpha + 3000 * byte);
  cr_expect_float_eq(number(c, total), expected, 1e-9);
  add_exchange(c, 1, "allreduce", "reduce-scatter", 4, "0, 0", "0, 0", "600, 2400");
  expected += 10 * (2 * alpha + 600 * byte);
  cr_expect_float_eq(number(c, total), expected, 1e-9);
  add_exchange(c, 2, "gather", "star", 5, "100, 400", "0, 0", "0, 0"); /* all over the server's link */
  expected += 10 * (alpha + 400 * byte);
  cr_expect_float_eq(number(c, total), expected, 1e-9);
  add_exchange(c, 3, "broadcast", "star", 5, "0, 0", "400, 400", "0, 0");
  expected += 10 * (alpha + 400 * byte);
  cr_expect_float_eq(number(c, total), expected, 1e-9);
  add_exchange(c, 4, "broadcast", "binomial", 5, "0, 0", "100, 400", "0, 0"); /* three stages of 100 bytes */
  expected += 10 * (3 * alpha + 300 * byte);
  cr_expect_float_eq(number(c, total), expected, 1e-9);
  add_exchange(c, 5, "transfer", "pairs", 2, "0, 0", "0, 0", "500, 1000"); /* the other two workers go on */
  expected += 10 * 0.5 * (alpha + 500 * byte);
  cr_expect_float_eq(number(c, total), expected, 1e-9);
  cr_expect_float_eq(number(c, "SELECT total_s - communication_s - compute_s FROM modelled"), 0, 1e-12);
  store_close(s);
}

Test(store, one_writer_at_a_time) {
  store *s = opened();
  expect_refused("another terse is writing it");
  store_close(s);
  store_close(opened());
}

Test(store, folders_are_made) {
  snprintf(file, sizeof file, "%s/a/b/r.db", folder);
  store_close(opened());
  cr_expect_eq(access(file, R_OK), 0);
  snprintf(file, sizeof file, "%s/a/b/r.db/c/r.db", folder);
  expect_refused("cannot create the folder");
}

/* A file-size limit stands in for a full disk. */
static void limit_file_size(rlim_t n_bytes) {
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = n_bytes, .rlim_max = RLIM_INFINITY}), 0);
}

Test(store, a_disk_that_fills_up) {
  store *s = NULL;
  limit_file_size(20000); /* too small for the schema */
  cr_expect_eq(store_open(file, &s), STATUS_STORE);
  cr_expect_not_null(strstr(status_detail(), "--db FILE"), "%s", status_detail());
  limit_file_size(RLIM_INFINITY);
  s = opened();
  add_cell(s, "e", 0, "aaaa", "sgd");
  const int64_t run = begin(s, "aaaa");
  accept_hello(s, run, 0);
  cr_assert_eq(store_commit(s), STATUS_OK);
  limit_file_size(400000);
  enum status status = STATUS_OK;
  for (int round = 0; round < 5000 && status == STATUS_OK; round++) {
    accept_curve(s, run, round, 1);
    if (round % 100 == 0) status = store_commit(s);
  }
  cr_expect_eq(status, STATUS_STORE);
  store_close(s);
  limit_file_size(RLIM_INFINITY);
  s = opened(); /* what was committed is whole */
  cr_expect_eq(number(store_connection(s), "SELECT count(*) > 0 AND count(*) % 100 = 1 FROM curve_row"), 1);
  store_close(s);
}

Test(store, reading_beside_and_without_a_writer) {
  char note[300];
  sqlite3 *reader = NULL;
  cr_expect_eq(store_open_to_read(file, &reader, note, sizeof note), STATUS_BAD_INPUT, "none there");
  store *s = opened();
  add_cell(s, "e", 0, "aaaa", "sgd");
  cr_assert_eq(store_commit(s), STATUS_OK);
  cr_assert_eq(store_open_to_read(file, &reader, note, sizeof note), STATUS_OK, "%s", status_detail());
  cr_expect_eq(number(reader, "SELECT count(*) FROM cell"), 1, "rows that are only in the log");
  cr_expect_neq(sqlite3_exec(reader, "DELETE FROM cell", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(reader);
  store_close(s);
  char odd[160];
  snprintf(odd, sizeof odd, "%s/a?b#%%20.db", folder);
  cr_assert_eq(rename(file, odd), 0);
  cr_assert_eq(store_open_to_read(odd, &reader, note, sizeof note), STATUS_OK, "%s", status_detail());
  cr_expect_eq(number(reader, "SELECT count(*) FROM cell"), 1);
  cr_expect_str_empty(note);
  sqlite3_close(reader);
}
