/* `terse run`: from experiment files to rows in the database and a table. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runner/batch.h"
#include "runner/options.h"
#include "runner/plan.h"
#include "runner/result_table.h"
#include "runner/version.h"

typedef struct run_options {
  const char *tier, *device, *database;
  text_list sets;
  int jobs, ranks;
  bool retry_failed, force, skip_missing, quiet, verbose;
} run_options;

/* What is to be done, and what is not. */
typedef struct agenda {
  task *tasks;
  size_t n_tasks, n_done, n_left_failed;
} agenda;

static void note(void *context, const char *line) {
  (void)context;
  fprintf(stderr, "%s\n", line);
}

/* *n plans, fewer than files where some are left out because their data set is not there. */
static enum status load_plans(const environment *e, const run_options *o, const text_list *files, plan **plans,
                              size_t *n) {
  const plan_options p = {.tier = o->tier,
                          .sets = o->sets.items,
                          .n_sets = o->sets.n,
                          .device = o->device,
                          .data_folder = e->data_folder,
                          .note = o->quiet ? NULL : note};
  *n = 0;
  for (size_t i = 0; i < files->n; i++) {
    const enum status status = plan_load(files->items[i], &p, &plans[*n]);
    if (status == STATUS_OK)
      (*n)++;
    else if (status == STATUS_NO_DATA && o->skip_missing)
      fprintf(stderr, "left out: %s: %s\n", files->items[i], status_detail());
    else
      return status;
  }
  return STATUS_OK;
}

/* The compressors a method was given, as "topk+qsgd"; "none" where it takes none. */
static void compressor_words(const cell *c, char *out, size_t n) {
  snprintf(out, n, "none");
  for (size_t i = 0; i < c->method_spec.args.n; i++) {
    const arg *a = &c->method_spec.args.items[i];
    if (a->type != PARAM_PIPELINE) continue;
    size_t used = 0;
    for (size_t k = 0; k < a->n_modules && used < n; k++)
      used += (size_t)snprintf(out + used, n - used, "%s%s", k ? "+" : "", a->modules[k].name);
    return;
  }
}

static enum status enter_cell(store *s, const plan *p, size_t position) {
  static const char *const devices[] = {[DEVICE_CPU] = "cpu", [DEVICE_SHADOW] = "shadow", [DEVICE_CUDA] = "cuda"};
  const cell *c = p->cells[position];
  char label[160], compressor[160];
  cell_label(c, label, sizeof label);
  compressor_words(c, compressor, sizeof compressor);
  const store_cell row = {.hash = c->hash,
                          .config = c->config,
                          .label = label,
                          .method = c->method->name,
                          .compressor = compressor,
                          .model = c->model->name,
                          .dataset = c->dataset->name,
                          .device = devices[c->device],
                          .workers = c->workers,
                          .batch = (int64_t)c->batch,
                          .seed = (int64_t)c->seed};
  return store_add_cell(s, p->experiment, p->tier, (int64_t)position, &row);
}

static enum status enter_plan(store *s, const plan *p, plan *const *earlier, size_t n_earlier) {
  bool is_first = true;
  for (size_t i = 0; i < n_earlier; i++)
    if (strcmp(earlier[i]->experiment, p->experiment) == 0 && strcmp(earlier[i]->tier, p->tier) == 0) is_first = false;
  if (is_first) TRY_RETURN(store_clear_experiment(s, p->experiment, p->tier));
  for (size_t i = 0; i < p->n_cells; i++) TRY_RETURN(enter_cell(s, p, i));
  return STATUS_OK;
}

/* Files of one experiment share its claims: those of the last file count. */
static enum status enter_claims(store *s, const char *file) {
  claim_list claims;
  TRY_RETURN(claims_load(file, &claims));
  const enum status status = store_set_claims(s, claims.experiment, claims.items, claims.n);
  claims_free(&claims);
  return status;
}

static bool is_one_of(const char *status, const char *const *words, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(status, words[i]) == 0) return true;
  return false;
}

/* Puts a cell on the agenda, unless its result is there. */
static enum status consider(store *s, const run_options *o, const cell *c, agenda *a) {
  static const char *const done[] = {"finished", "diverged", "skipped"}, *const unfinished[] = {"interrupted",
                                                                                                "running"};
  store_latest latest;
  for (size_t i = 0; i < a->n_tasks; i++)
    if (strcmp(a->tasks[i].cell->hash, c->hash) == 0) return STATUS_OK; /* two files share it */
  TRY_RETURN(store_find_latest(s, c->hash, &latest));
  if (!o->force && is_one_of(latest.status, done, 3)) {
    a->n_done++;
    return STATUS_OK;
  }
  if (!o->force && !o->retry_failed && strcmp(latest.status, "failed") == 0) {
    a->n_left_failed++;
    return STATUS_OK;
  }
  /* A checkpoint of another commit is not gone on with: its state may mean something else. */
  const bool goes_on =
      !o->force && is_one_of(latest.status, unfinished, 2) && strcmp(latest.commit, version.commit) == 0;
  if (!goes_on && strcmp(latest.status, "running") == 0) {
    const store_end end = {.status = "interrupted", .reason = "the front process ended before it"};
    TRY_RETURN(store_end_run(s, latest.run, &end));
  }
  a->tasks[a->n_tasks++] = (task){.cell = c, .resume = goes_on ? latest.run : 0};
  return STATUS_OK;
}

static enum status make_agenda(store *s, const run_options *o, plan *const *plans, size_t n_plans, agenda *a) {
  size_t n_cells = 0;
  for (size_t i = 0; i < n_plans; i++) n_cells += plans[i]->n_cells;
  a->tasks = calloc(n_cells + 1, sizeof *a->tasks);
  if (!a->tasks) return FAIL(STATUS_NO_MEMORY, "no memory for %zu cells", n_cells);
  for (size_t i = 0; i < n_plans; i++) {
    TRY_RETURN(enter_plan(s, plans[i], plans, i));
    TRY_RETURN(enter_claims(s, plans[i]->file));
  }
  for (size_t i = 0; i < n_plans; i++)
    for (size_t k = 0; k < plans[i]->n_cells; k++) TRY_RETURN(consider(s, o, plans[i]->cells[k], a));
  return store_commit(s);
}

static void announce(const agenda *a) {
  if (a->n_done > 0) fprintf(stderr, "%zu cells are done already (--force repeats them)\n", a->n_done);
  if (a->n_left_failed > 0)
    fprintf(stderr, "%zu cells failed before and are left (--retry-failed runs them)\n", a->n_left_failed);
}

/* The table, then where everything lies. */
static enum status report(store *s, const run_options *o, plan *const *plans, size_t n_plans, size_t n_failed) {
  for (size_t i = 0; i < n_plans; i++) {
    if (n_plans > 1 || i > 0)
      printf("%s%s%s%s\n", i ? "\n" : "", plans[i]->experiment, *plans[i]->tier ? " " : "", plans[i]->tier);
    TRY_RETURN(result_table(store_connection(s), plans[i]->experiment, plans[i]->tier, stdout));
  }
  if (o->quiet) return STATUS_OK;
  const char *slash = strrchr(o->database, '/');
  fprintf(stderr, "database: %s   logs: %.*slogs/\n", o->database, slash ? (int)(slash + 1 - o->database) : 0,
          o->database);
  if (n_failed > 0)
    fprintf(stderr, "%zu cell%s failed: give the same command --retry-failed to run %s again\n", n_failed,
            n_failed == 1 ? "" : "s", n_failed == 1 ? "it" : "them");
  return STATUS_OK;
}

static int run(const environment *e, const run_options *o, const text_list *files, plan **plans) {
  store *s = NULL;
  agenda a = {0};
  batch_result result = {0};
  enum status status = STATUS_OK;
  bool is_running = false;
  size_t n_plans;
  TRY(load_plans(e, o, files, plans, &n_plans));
  TRY(store_open(o->database, &s));
  TRY(make_agenda(s, o, plans, n_plans, &a));
  if (!o->quiet) announce(&a);
  const batch_options b = {.environment = e,
                           .database = o->database,
                           .jobs = o->jobs,
                           .ranks = o->ranks,
                           .quiet = o->quiet,
                           .verbose = o->verbose};
  is_running = true;
  TRY(batch_run(s, &b, a.tasks, a.n_tasks, &result));
  TRY(report(s, o, plans, n_plans, result.n_failed + a.n_left_failed));
exit:
  free(a.tasks);
  store_close(s);
  if (status == STATUS_STORE && is_running) {
    command_failed(status);
    fprintf(stderr,
            "What running cells said in the last second is lost; they were stopped. Once there is room, the same"
            " command goes on where it ended.\n");
    return 1;
  }
  if (status != STATUS_OK) return command_failed(status);
  return result.interrupted ? 130 : result.n_failed + result.n_left + a.n_left_failed > 0 ? 1 : 0;
}

int command_run(const environment *e, int argc, char **argv) {
  run_options o = {.database = DEFAULT_DATABASE, .jobs = 1};
  const option_spec options[] = {
      {"tier", OPTION_TEXT, &o.tier, "T", "smoke, laptop, gpu, paper (default: laptop where the file has it)", 0},
      {"set", OPTION_LIST, &o.sets, "KEY=VALUE", "change the file, e.g. epochs=1 or optimizer.lr=0.1; may be repeated",
       0},
      {"jobs", OPTION_INT, &o.jobs, "N", "cells at once, sharing the cores (default 1)", 1},
      {"ranks", OPTION_INT, &o.ranks, "R",
       "MPI processes a cell, at most its workers (default: as many as cores or GPUs)", 1},
      {"device", OPTION_TEXT, &o.device, "D", "auto, cpu or cuda (default: as the file says)", 0},
      {"db", OPTION_TEXT, &o.database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0},
      {"retry-failed", OPTION_FLAG, &o.retry_failed, NULL, "run cells again that failed before", 0},
      {"force", OPTION_FLAG, &o.force, NULL, "run finished cells again too; the latest result counts", 0},
      {"skip-missing", OPTION_FLAG, &o.skip_missing, NULL, "leave out files whose data set is not there", 0},
      {"quiet", OPTION_FLAG, &o.quiet, NULL, "no progress", 0},
      {"verbose", OPTION_FLAG, &o.verbose, NULL, "show what the runs write to standard error", 0},
      {0}};
  const command_spec c = {
      .name = "run",
      .usage = "FILE… [options]",
      .help =
          "Runs every cell of the experiment files that has no result yet, each as an mpirun of its own, and prints a\n"
          "table of all of them. A cell is its full configuration: cells that files share are run once, and a changed\n"
          "cell is a new one. Ctrl-C stops at the end of the round with a checkpoint, from which the same command "
          "goes\n"
          "on; a second Ctrl-C kills. Results do not depend on --jobs and --ranks, times do.\n"
          "In `curve` and `final` an experiment is its matrix as last run: with --set the changed cells take the "
          "place\n"
          "of the old ones, which come back, with their results, when the file is run without it.",
      .options = options,
      .after =
          "Example\n  terse run experiments/demo.yaml --tier smoke --set epochs=1\n\n"
          "Exit status: 0 all well (diverging is a result), 1 a cell failed, 2 bad input, 130 interrupted.",
      .min_words = 1,
      .max_words = INT_MAX};
  command_line l;
  int code = 0;
  plan **plans = NULL;
  enum status status = STATUS_OK;
  TRY(command_line_parse(&c, argc, argv, &l));
  if (l.help) {
    command_help(&c, stdout);
    goto exit;
  }
  plans = calloc(l.words.n, sizeof *plans);
  if (!plans) {
    status = FAIL(STATUS_NO_MEMORY, "no memory for %zu files", l.words.n);
    goto exit;
  }
  code = run(e, &o, &l.words, plans);
exit:
  for (size_t i = 0; plans && i < l.words.n; i++) plan_destroy(plans[i]);
  free(plans);
  command_line_free(&c, &l);
  return status == STATUS_OK ? code : command_failed(status);
}
