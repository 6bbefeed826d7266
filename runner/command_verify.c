/* `terse verify`: the same cell again, and its digest beside the stored one. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/cell.h"
#include "runner/clock.h"
#include "runner/commands.h"
#include "runner/interrupt.h"
#include "runner/launch.h"
#include "runner/mpirun.h"
#include "runner/options.h"
#include "runner/progress.h"
#include "runner/record.h"
#include "runner/store.h"
#include "runner/version.h"

enum { MAX_STARTS = 4 };

typedef struct verify_options {
  const char *database;
  int ranks;
  bool quiet;
} verify_options;

/* The stored run. */
typedef struct stored {
  char *config;
  char digest[17], status[24], commit[41], device[160]; /* digest "": none */
  int ranks;
} stored;

/* The repetition. */
typedef struct repetition {
  record_reader *reader;
  progress *progress;
  record done;
  double now_s;
  bool interrupted;
  char failure[1100];
} repetition;

static enum status read_stored(const char *file, int64_t run, stored *out) {
  enum status status = STATUS_OK;
  sqlite3 *connection = NULL;
  sqlite3_stmt *s = NULL;
  char remark[512];
  TRY(store_open_to_read(file, &connection, remark, sizeof remark));
  static const char sql[] =
      "SELECT c.config, r.digest, r.git_commit, coalesce(r.device, ''), r.ranks, r.status"
      " FROM run AS r JOIN cell AS c ON c.hash = r.cell WHERE r.id = ?1";
  if (sqlite3_prepare_v2(connection, sql, -1, &s, NULL) != SQLITE_OK) {
    status = FAIL(STATUS_STORE, "%s: %s", file, sqlite3_errmsg(connection));
    goto exit;
  }
  sqlite3_bind_int64(s, 1, run);
  if (sqlite3_step(s) != SQLITE_ROW) {
    status = FAIL(STATUS_BAD_INPUT, "there is no run %lld in %s", (long long)run, file);
  } else {
    const char *digest = (const char *)sqlite3_column_text(s, 1);
    out->config = strdup((const char *)sqlite3_column_text(s, 0));
    snprintf(out->digest, sizeof out->digest, "%s", digest ? digest : "");
    snprintf(out->status, sizeof out->status, "%s", (const char *)sqlite3_column_text(s, 5));
    snprintf(out->commit, sizeof out->commit, "%s", (const char *)sqlite3_column_text(s, 2));
    snprintf(out->device, sizeof out->device, "%s", (const char *)sqlite3_column_text(s, 3));
    out->ranks = sqlite3_column_int(s, 4);
    if (!out->config) status = FAIL(STATUS_NO_MEMORY, "no memory for a configuration");
  }
exit:
  sqlite3_finalize(s);
  sqlite3_close(connection);
  return status;
}

/* Whether there is something that a repetition could agree with. */
static enum status check_repeats(int64_t run, const stored *s, const cell *c) {
  const char *reason = c->wavers ? "deterministic: false lets a GPU's bits differ from run to run"
                                 : method_unrepeatable(c->method, &c->method_spec.args);
  if (reason) return FAIL(STATUS_BAD_INPUT, "run %lld does not repeat: %s", (long long)run, reason);
  if (s->digest[0]) return STATUS_OK;
  return FAIL(STATUS_BAD_INPUT, "run %lld has no digest to compare with: its status is %s", (long long)run, s->status);
}

static enum launch_line take_line(void *context, const char *line, size_t n) {
  repetition *r = context;
  record heard;
  if (record_read(r->reader, line, n, &heard) != STATUS_OK) {
    snprintf(r->failure, sizeof r->failure, "%s", status_detail());
    return LAUNCH_LINE_REFUSED;
  }
  progress_record(r->progress, 0, &heard, r->now_s);
  if (heard.kind == RECORD_FOREIGN) return LAUNCH_LINE_FOREIGN;
  if (heard.kind == RECORD_HELLO) return LAUNCH_LINE_HELLO;
  if (heard.kind != RECORD_DONE) return LAUNCH_LINE_TAKEN;
  r->done = heard;
  return LAUNCH_LINE_DONE;
}

static void wait_for_end(launch *l, repetition *r, int signals) {
  struct pollfd polled[1 + LAUNCH_N_POLL] = {{.fd = signals, .events = POLLIN}};
  do {
    launch_poll(l, polled + 1);
    (void)poll(polled, 1 + LAUNCH_N_POLL, 100);
    r->now_s = (double)clock_now_ns() * 1e-9;
    if (interrupt_count(signals) > 0) {
      r->interrupted = true;
      launch_kill(l, r->now_s); /* there is nothing to keep */
    }
    progress_tick(r->progress, r->now_s);
  } while (launch_service(l, r->now_s) == LAUNCH_RUNNING);
  if (r->failure[0] || r->interrupted) return;
  if (!launch_said_done(l))
    snprintf(r->failure, sizeof r->failure, "%s", launch_reason(l));
  else if (strcmp(r->done.status, "finished") != 0)
    snprintf(r->failure, sizeof r->failure, "it %s: %s", r->done.status, r->done.reason);
}

static enum status repeat(const environment *e, const verify_options *o, const stored *s, const cell *c,
                          repetition *r) {
  enum status status = STATUS_OK;
  mpirun command = {0};
  launch *l = NULL;
  int signals = -1, ranks = o->ranks > 0 ? o->ranks : s->ranks;
  if (ranks > c->workers) ranks = c->workers;
  char label[160];
  cell_label(c, label, sizeof label);
  const worker_options w = {.data_folder = e->data_folder};
  const progress_options p = {.out = stderr,
                              .live = e->stderr_is_terminal,
                              .quiet = o->quiet,
                              .columns = e->columns,
                              .n_cells = 1,
                              .n_slots = 1};
  TRY(record_reader_create(&r->reader));
  TRY(progress_create(&p, &r->progress));
  TRY(mpirun_worker(e, ranks, &w, &command));
  TRY(interrupt_open(&signals));
  const launch_options options = {.command = command.command,
                                  .variables = command.variables,
                                  .request = s->config,
                                  .hello_timeout_s = 20 + ranks,
                                  .max_starts = MAX_STARTS,
                                  .take = take_line,
                                  .context = r};
  r->now_s = (double)clock_now_ns() * 1e-9;
  progress_start(r->progress, 0, label, c->workers, c->epochs, r->now_s);
  TRY(launch_start(&options, r->now_s, &l));
  wait_for_end(l, r, signals);
exit:
  launch_destroy(l);
  interrupt_close(signals);
  mpirun_free(&command);
  progress_destroy(r->progress);
  record_reader_destroy(r->reader);
  return status;
}

static int compare(const stored *s, const repetition *r) {
  if (r->interrupted) return 130;
  if (r->failure[0]) {
    fprintf(stderr, "terse: the repetition did not finish: %s\n", r->failure);
    return 1;
  }
  printf("stored    %s  at commit %.12s on %s\nrepeated  %s  at commit %.12s%s\n", s->digest, s->commit, s->device,
         r->done.digest, version.commit, version.dirty ? " with changes" : "");
  if (strcmp(s->digest, r->done.digest) == 0) {
    printf("identical: parameters and state agree bit for bit\n");
    return 0;
  }
  printf(
      "DIFFERENT: another commit, compiler flag or kind of CPU (oneDNN chooses its code by it) may explain it;\n"
      "on the same machine with the same build it is a defect. `terse show RUN` prints what the run was made with.\n");
  return 1;
}

static int verify(const environment *e, const verify_options *o, const char *word) {
  enum status status = STATUS_OK;
  stored s = {0};
  repetition *r = calloc(1, sizeof *r);
  cell *c = NULL;
  int64_t run;
  int code = 0;
  if (!r) return command_failed(FAIL(STATUS_NO_MEMORY, "no memory for a repetition"));
  TRY(run_number(word, &run));
  TRY(read_stored(o->database, run, &s));
  TRY(cell_from_json(s.config, &c));
  TRY(check_repeats(run, &s, c));
  TRY(repeat(e, o, &s, c, r));
  code = compare(&s, r);
exit:
  cell_destroy(c);
  free(s.config);
  free(r);
  return status == STATUS_OK ? code : command_failed(status);
}

int command_verify(const environment *e, int argc, char **argv) {
  verify_options o = {.database = DEFAULT_DATABASE};
  const option_spec options[] = {
      {"ranks", OPTION_INT, &o.ranks, "R", "MPI processes, at most the workers (default: as stored); must not matter",
       1},
      {"db", OPTION_TEXT, &o.database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0},
      {"quiet", OPTION_FLAG, &o.quiet, NULL, "no progress", 0},
      {0}};
  const command_spec c = {
      .name = "verify",
      .usage = "RUN [options]",
      .help =
          "Repeats a finished run with its stored configuration and compares the digests of the final parameters and\n"
          "state. Nothing is written to the database. RUN is the id of view `runs`.",
      .options = options,
      .after =
          "Example\n  terse verify 1 --ranks 1\n\nExit status: 0 identical, 1 different or not finished, 2 bad input, "
          "130 "
          "interrupted.",
      .min_words = 1,
      .max_words = 1};
  command_line l;
  int code = 0;
  const enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK)
    code = verify(e, &o, l.words.items[0]);
  command_line_free(&c, &l);
  return status == STATUS_OK ? code : command_failed(status);
}
