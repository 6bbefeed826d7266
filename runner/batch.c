#include "runner/batch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/clock.h"
#include "runner/folder.h"
#include "runner/interrupt.h"
#include "runner/launch.h"
#include "runner/launch_reason.h"
#include "runner/mpirun.h"
#include "runner/progress.h"
#include "runner/version.h"

enum { MAX_STARTS = 4, MAX_LABEL = 160 };
static const double HELLO_TIMEOUT_S = 20, COMMIT_EVERY_S = 1, STOP_PATIENCE_S = 10;

typedef struct batch batch;

/* A place for one running cell. */
typedef struct slot {
  batch *batch;
  const task *task; /* NULL: free */
  int64_t run;
  launch *launch;
  launch_options launch_options;
  mpirun command;
  char *log_file, *checkpoint;
  double started_s;
  int starts; /* of launches before this one: from a stale checkpoint */
  bool stale;
  record done;
  char refusal[1024]; /* why we ended it */
} slot;

struct batch {
  store *store;
  const batch_options *options;
  progress *progress;
  slot *slots;
  size_t n_slots;
  double now_s, committed_s, stop_s; /* stop_s 0: nothing asked us to stop */
  struct stat program;               /* as it was at the start */
  enum status store_status;
  char store_failure[1024];
  bool rebuilt;
  batch_result *result;
};

static double now(void) { return (double)clock_now_ns() * 1e-9; }

char *beside_database(const char *database, const char *folder, int64_t run, const char *suffix) {
  const char *slash = strrchr(database, '/'), *name = slash ? slash + 1 : database, *dot = strrchr(name, '.');
  const int stem = (int)(dot && dot > name ? dot - name : (long)strlen(name));
  char *path = NULL;
  const int n = asprintf(&path, "%.*s%s/%.*s-%lld%s", (int)(name - database), database, folder, stem, name,
                         (long long)run, suffix);
  return n < 0 ? NULL : path;
}

int batch_ranks(const batch_options *o, const cell *c) {
  const char *reason = NULL;
  int n = o->environment->n_cores / o->jobs;
  if (c->device == DEVICE_CUDA) n = device_cuda_count(&reason) / o->jobs;
  if (o->ranks > 0) n = o->ranks;
  return n < 1 ? 1 : n > c->workers ? c->workers : n;
}

/* Keeps the first failure of the database: all else follows from it. */
static bool store_is_well(batch *b, enum status status) {
  if (status == STATUS_OK) return true;
  if (b->store_status == STATUS_OK) {
    b->store_status = status;
    snprintf(b->store_failure, sizeof b->store_failure, "%s", status_detail());
  }
  return false;
}

/* ---- what a run says */

static enum launch_line take_line(void *context, const char *line, size_t n) {
  slot *s = context;
  batch *b = s->batch;
  record r;
  bool stale = false;
  const enum status status = store_take(b->store, s->run, line, n, &r, &stale);
  if (status == STATUS_STORE) {
    store_is_well(b, status);
    snprintf(s->refusal, sizeof s->refusal, "the database failed");
    return LAUNCH_LINE_REFUSED;
  }
  if (status != STATUS_OK || stale) {
    s->stale = stale;
    snprintf(s->refusal, sizeof s->refusal, "%s", stale ? "" : status_detail());
    return LAUNCH_LINE_REFUSED;
  }
  progress_record(b->progress, (size_t)(s - b->slots), &r, b->now_s);
  if (r.kind == RECORD_FOREIGN) return LAUNCH_LINE_FOREIGN;
  if (r.kind == RECORD_HELLO) return LAUNCH_LINE_HELLO;
  if (r.kind != RECORD_DONE) return LAUNCH_LINE_TAKEN;
  s->done = r;
  return LAUNCH_LINE_DONE;
}

/* ---- starting */

static enum status begin_run(slot *s, int ranks) {
  batch *b = s->batch;
  const environment *e = b->options->environment;
  char placement[160];
  snprintf(placement, sizeof placement, "{\"launcher\":\"mpirun\",\"cores\":%d,\"jobs\":%d,\"workers_per_rank\":%g}",
           e->n_cores, b->options->jobs, (double)s->task->cell->workers / ranks);
  const store_start start = {.ranks = ranks,
                             .commit = version.commit,
                             .flags = version.flags,
                             .host = e->host,
                             .compiler = version.compiler,
                             .dirty = version.dirty,
                             .placement = placement};
  s->run = s->task->resume;
  if (s->run) return store_resume_run(b->store, s->run, &start);
  return store_begin_run(b->store, s->task->cell->hash, &start, &s->run);
}

/* Starts the child of a slot whose run is in the database. A run from scratch finds no old log and checkpoint. */
static enum status start_child(slot *s, int ranks, bool resume) {
  const batch_options *o = s->batch->options;
  if (!resume) {
    unlink(s->log_file);
    folder_remove_checkpoint(s->checkpoint);
  }
  const worker_options w = {.checkpoint = s->checkpoint, .resume = resume, .data_folder = o->environment->data_folder};
  TRY_RETURN(mpirun_worker(o->environment, ranks, &w, &s->command));
  s->launch_options = (launch_options){.command = s->command.command,
                                       .variables = s->command.variables,
                                       .request = s->task->cell->config,
                                       .log_file = s->log_file,
                                       .hello_timeout_s = HELLO_TIMEOUT_S + ranks,
                                       .max_starts = MAX_STARTS,
                                       .echo = o->verbose,
                                       .take = take_line,
                                       .context = s};
  return launch_start(&s->launch_options, s->batch->now_s, &s->launch);
}

static void release_child(slot *s) {
  launch_destroy(s->launch);
  s->launch = NULL;
  mpirun_free(&s->command);
}

static void release(slot *s) {
  batch *b = s->batch;
  release_child(s);
  free(s->log_file);
  free(s->checkpoint);
  *s = (slot){.batch = b};
}

/* A failure to start one cell is that cell's; only the database's is returned. */
static enum status start_task(slot *s, const task *t) {
  batch *b = s->batch;
  char label[MAX_LABEL], name[MAX_LABEL + 32];
  const int ranks = batch_ranks(b->options, t->cell);
  s->task = t;
  s->started_s = b->now_s;
  cell_label(t->cell, label, sizeof label);
  snprintf(name, sizeof name, "%s seed %llu", label, (unsigned long long)t->cell->seed);
  progress_start(b->progress, (size_t)(s - b->slots), name, t->cell->workers, t->cell->epochs, b->now_s);
  TRY_RETURN(begin_run(s, ranks));
  s->log_file = beside_database(b->options->database, "logs", s->run, ".log");
  s->checkpoint = beside_database(b->options->database, "checkpoints", s->run, "");
  const enum status status = s->log_file && s->checkpoint ? start_child(s, ranks, t->resume != 0)
                                                          : FAIL(STATUS_NO_MEMORY, "no memory for a run's file names");
  if (status != STATUS_OK) snprintf(s->refusal, sizeof s->refusal, "%s", status_detail());
  return STATUS_OK;
}

/* ---- ending */

static void judge(slot *s, const char **status, const char **reason) {
  const bool stopping = s->batch->stop_s > 0;
  *reason = s->refusal;
  if (s->launch && launch_said_done(s->launch)) {
    *status = s->done.status;
    *reason = s->done.reason;
  } else if (s->refusal[0]) {
    *status = "failed";
  } else if (stopping) {
    *status = "interrupted";
    *reason = "killed before it could stop";
  } else {
    *reason = launch_reason(s->launch);
    *status = reason_is_divergence(*reason) ? "diverged" : "failed";
  }
}

static void tidy_files(const slot *s, bool keep_checkpoint) {
  struct stat about;
  if (s->log_file && stat(s->log_file, &about) == 0 && about.st_size == 0) unlink(s->log_file);
  if (s->checkpoint && !keep_checkpoint) folder_remove_checkpoint(s->checkpoint);
}

static void end_task(slot *s) {
  batch *b = s->batch;
  const char *status, *reason;
  judge(s, &status, &reason);
  const store_end end = {.status = status,
                         .reason = reason,
                         .wall_s = b->now_s - s->started_s,
                         .launches = s->starts + (s->launch ? launch_starts(s->launch) : 0)};
  if (b->store_status == STATUS_OK) store_is_well(b, store_end_run(b->store, s->run, &end));
  const bool failed = strcmp(status, "failed") == 0;
  const bool interrupted = strcmp(status, "interrupted") == 0;
  tidy_files(s, interrupted || b->store_status != STATUS_OK);
  progress_end(b->progress, (size_t)(s - b->slots), status, failed ? "" : reason, b->now_s);
  if (failed && b->store_status == STATUS_OK)
    progress_note(b->progress, "failed: run %lld, %s (log: %s)", (long long)s->run, reason, s->log_file);
  b->result->n_failed += failed;
  release(s);
}

/* The worker's checkpoint is not the one the database knows (the front process died between the two): begin again. */
static void restart(slot *s) {
  s->starts += launch_starts(s->launch);
  s->stale = false;
  release_child(s);
  const enum status status = start_child(s, batch_ranks(s->batch->options, s->task->cell), false);
  if (status != STATUS_OK) snprintf(s->refusal, sizeof s->refusal, "%s", status_detail());
}

static void service(slot *s) {
  if (!s->task) return;
  if (s->launch && launch_service(s->launch, s->batch->now_s) == LAUNCH_RUNNING) return;
  if (s->stale && s->batch->stop_s == 0)
    restart(s);
  else
    end_task(s);
}

/* ---- the loop */

/* Cells must not run another program than the one whose commit is stored with them. */
static bool is_same_program(const batch *b) {
  struct stat about;
  return stat(b->options->environment->program, &about) == 0 && about.st_ino == b->program.st_ino &&
         about.st_mtim.tv_sec == b->program.st_mtim.tv_sec && about.st_mtim.tv_nsec == b->program.st_mtim.tv_nsec;
}

/* Whether another cell may start; a rebuilt program is told once. */
static bool may_start(batch *b, size_t n_left) {
  if (b->stop_s > 0 || b->rebuilt || n_left == 0) return false;
  b->rebuilt = !is_same_program(b);
  if (b->rebuilt)
    progress_note(b->progress, "terse was rebuilt while it ran: give the same command again for what is left");
  return !b->rebuilt;
}

static void ask_to_stop(batch *b) {
  if (b->stop_s > 0) return;
  b->stop_s = b->now_s;
  for (size_t i = 0; i < b->n_slots; i++)
    if (b->slots[i].launch) launch_stop(b->slots[i].launch);
}

static void kill_all(batch *b) {
  for (size_t i = 0; i < b->n_slots; i++)
    if (b->slots[i].launch) launch_kill(b->slots[i].launch, b->now_s);
}

static void heed_signals(batch *b, int signals) {
  for (int n = interrupt_count(signals); n > 0; n--) {
    if (!b->result->interrupted) {
      b->result->interrupted = true;
      progress_note(b->progress, "stopping at the end of the round, with a checkpoint; Ctrl-C again kills");
      ask_to_stop(b);
    } else {
      kill_all(b);
    }
  }
}

static enum status wait_for_news(batch *b, int signals, struct pollfd *polled) {
  size_t n = 0;
  polled[n++] = (struct pollfd){.fd = signals, .events = POLLIN};
  for (size_t i = 0; i < b->n_slots; i++) {
    if (!b->slots[i].launch) continue;
    launch_poll(b->slots[i].launch, &polled[n]);
    n += LAUNCH_N_POLL;
  }
  if (poll(polled, n, 100) < 0 && errno != EINTR) return FAIL(STATUS_IO, "poll: %s", strerror(errno));
  b->now_s = now();
  return STATUS_OK;
}

static enum status loop(batch *b, const task *tasks, size_t n, int signals, struct pollfd *polled) {
  size_t next = 0;
  for (;;) {
    size_t n_busy = 0;
    for (size_t i = 0; i < b->n_slots; i++) {
      slot *s = &b->slots[i];
      if (!s->task && may_start(b, n - next)) store_is_well(b, start_task(s, &tasks[next++]));
      n_busy += s->task != NULL;
    }
    if (n_busy == 0) {
      b->result->n_left = n - next;
      return STATUS_OK;
    }
    TRY_RETURN(wait_for_news(b, signals, polled));
    heed_signals(b, signals);
    for (size_t i = 0; i < b->n_slots; i++) service(&b->slots[i]);
    if (b->store_status == STATUS_OK && b->now_s - b->committed_s > COMMIT_EVERY_S) {
      store_is_well(b, store_commit(b->store));
      b->committed_s = b->now_s;
    }
    if (b->store_status != STATUS_OK) {
      ask_to_stop(b);
      if (b->now_s - b->stop_s > STOP_PATIENCE_S) kill_all(b);
    }
    progress_tick(b->progress, b->now_s);
  }
}

enum status batch_run(store *s, const batch_options *o, const task *tasks, size_t n, batch_result *result) {
  enum status status = STATUS_OK;
  const size_t n_slots = (size_t)o->jobs < n ? (size_t)o->jobs : n;
  batch b = {.store = s, .options = o, .n_slots = n_slots, .result = result, .now_s = now()};
  const progress_options p = {.out = stderr,
                              .live = o->environment->stderr_is_terminal && !o->verbose,
                              .quiet = o->quiet,
                              .columns = o->environment->columns,
                              .n_cells = n,
                              .n_slots = n_slots};
  struct pollfd *polled = NULL;
  int signals = -1;
  *result = (batch_result){0};
  if (n == 0) return STATUS_OK;
  if (stat(o->environment->program, &b.program) != 0)
    return FAIL(STATUS_IO, "the program %s is not there any more: %s", o->environment->program, strerror(errno));
  TRY(folder_make_beside(o->database, "logs"));
  TRY(folder_make_beside(o->database, "checkpoints"));
  b.slots = calloc(n_slots, sizeof *b.slots);
  polled = calloc(1 + LAUNCH_N_POLL * n_slots, sizeof *polled);
  if (!b.slots || !polled) {
    status = FAIL(STATUS_NO_MEMORY, "no memory for %zu runs at once", n_slots);
    goto exit;
  }
  for (size_t i = 0; i < n_slots; i++) b.slots[i].batch = &b;
  TRY(progress_create(&p, &b.progress));
  TRY(interrupt_open(&signals));
  b.committed_s = b.now_s;
  TRY(loop(&b, tasks, n, signals, polled));
  if (b.store_status != STATUS_OK) status = FAIL(b.store_status, "%s", b.store_failure);
exit:
  for (size_t i = 0; b.slots && i < n_slots; i++)
    if (b.slots[i].batch) release(&b.slots[i]);
  interrupt_close(signals);
  progress_destroy(b.progress);
  free(b.slots);
  free(polled);
  return status;
}
