/* `terse doctor`: what this machine and this build can do, and what to do about what they cannot. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/args.h"
#include "core/device.h"
#include "datasets/dataset.h"
#include "runner/clock.h"
#include "runner/commands.h"
#include "runner/launch.h"
#include "runner/mpirun.h"
#include "runner/options.h"
#include "runner/store.h"
#include "runner/version.h"

enum finding { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

static void say(int *n_failed, enum finding v, const char *format, ...) PRINTF_LIKE(3, 4);
static void say(int *n_failed, enum finding v, const char *format, ...) {
  static const char *const words[] = {"ok  ", "warn", "FAIL"};
  va_list arguments;
  va_start(arguments, format);
  printf("%s  ", words[v]);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  *n_failed += v == VERDICT_FAIL;
}

static void check_build(int *n_failed) {
  const bool slow = strstr(version.flags, "fsanitize") || strstr(version.flags, "-O0");
  say(n_failed, version.dirty ? VERDICT_WARN : VERDICT_OK, "commit %.12s%s", version.commit,
      version.dirty ? " with changes: results will say so; commit before runs that count" : "");
  say(n_failed, slow ? VERDICT_WARN : VERDICT_OK, "built by %s: %s%s", version.compiler, version.flags,
      slow ? ": its times mean nothing; build with plain `make`" : "");
}

/* ---- programs */

typedef struct heard {
  char first[160];
  int n_lines;
} heard;

static enum launch_line hear(void *context, const char *line, size_t n) {
  heard *h = context;
  (void)n;
  if (h->n_lines++ == 0) snprintf(h->first, sizeof h->first, "%s", line);
  return LAUNCH_LINE_FOREIGN;
}

/* Runs a program to its end, at most `patience_s`; how long it took. */
static enum status run_program(char *const *command, char *const *variables, double patience_s, heard *h,
                               double *took_s) {
  launch *l = NULL;
  const double start_s = (double)clock_now_ns() * 1e-9;
  const launch_options o = {.command = command,
                            .variables = variables,
                            .request = "",
                            .hello_timeout_s = patience_s,
                            .max_starts = 1,
                            .take = hear,
                            .context = h};
  *h = (heard){0};
  TRY_RETURN(launch_start(&o, start_s, &l));
  for (double now_s = start_s; launch_service(l, now_s) == LAUNCH_RUNNING; now_s = (double)clock_now_ns() * 1e-9) {
    struct pollfd polled[LAUNCH_N_POLL];
    launch_poll(l, polled);
    (void)poll(polled, LAUNCH_N_POLL, 20);
  }
  *took_s = (double)clock_now_ns() * 1e-9 - start_s;
  const enum status status = h->n_lines > 0 ? STATUS_OK : FAIL(STATUS_IO, "%s: %s", command[0], launch_reason(l));
  launch_destroy(l);
  return status;
}

static void check_mpirun(const environment *e, int *n_failed) {
  const char *const words[] = {"echo", "here", NULL};
  mpirun m = {0};
  heard h = {0};
  double took_s = 0;
  enum status status = mpirun_program(e, 2, words, &m);
  if (status == STATUS_OK) status = run_program(m.command, m.variables, 30, &h, &took_s);
  if (status != STATUS_OK || h.n_lines != 2)
    say(n_failed, VERDICT_FAIL, "mpirun does not start 2 ranks (%s): install openmpi-bin, check /tmp and /dev/shm",
        status == STATUS_OK ? h.first : status_detail());
  else
    say(n_failed, took_s > 5 ? VERDICT_WARN : VERDICT_OK, "mpirun starts 2 ranks in %.2f s%s", took_s,
        took_s > 5 ? ": slow; is the host's own name in /etc/hosts?" : "");
  mpirun_free(&m);
}

static void check_gnuplot(const environment *e, int *n_failed) {
  char program[] = "gnuplot", flag[] = "--version";
  char *const command[] = {program, flag, NULL};
  heard h;
  double took_s;
  if (run_program(command, e->variables, 10, &h, &took_s) == STATUS_OK)
    say(n_failed, VERDICT_OK, "%s", h.first);
  else
    say(n_failed, VERDICT_WARN, "no gnuplot: figures cannot be drawn; install gnuplot-nox");
}

/* ---- devices and data */

static void check_devices(const environment *e, int *n_failed) {
  const char *reason = NULL;
  device *d = NULL;
  if (device_open(DEVICE_CPU, &d) == STATUS_OK)
    say(n_failed, VERDICT_OK, "%d core%s: %s", e->n_cores, e->n_cores == 1 ? "" : "s", d->description);
  else
    say(n_failed, VERDICT_FAIL, "no CPU device: %s", status_detail());
  device_close(d);
  const int n_cuda = device_cuda_count(&reason);
  d = NULL;
  if (n_cuda <= 0) {
    say(n_failed, VERDICT_OK, "%s: runs use the CPU", reason ? reason : "no CUDA device");
    return;
  }
  if (device_open(DEVICE_CUDA, &d) == STATUS_OK)
    say(n_failed, VERDICT_OK, "%d CUDA device(s): %s", n_cuda, d->description);
  else
    say(n_failed, VERDICT_FAIL, "%d CUDA device(s), but: %s", n_cuda, status_detail());
  device_close(d);
}

static void check_datasets(const environment *e, int *n_failed) {
  const dataset_env env = {.folder = e->data_folder, .n_workers = 1, .seed = 1};
  for (const dataset *const *m = dataset_registry; *m; m++) {
    args a = {0};
    data *d = NULL;
    enum status status = args_from_text((*m)->params, NULL, NULL, 0, &a);
    if (status == STATUS_OK) status = (*m)->open(&env, &a, &d);
    if (status == STATUS_OK)
      say(n_failed, VERDICT_OK, "data set %s: %zu for training, %zu for tests, %s", (*m)->name, d->n_train, d->n_test,
          d->standing);
    else
      say(n_failed, VERDICT_WARN, "data set %s: %s", (*m)->name, status_detail());
    data_close(d);
    args_free(&a);
  }
}

/* ---- places */

static void check_space(int *n_failed, const char *folder, const char *what, double enough_mb, double least_mb) {
  struct statvfs about;
  if (statvfs(folder, &about) != 0) {
    say(n_failed, VERDICT_WARN, "%s: %s: %s", what, folder, strerror(errno));
    return;
  }
  const double free_mb = 1e-6 * (double)about.f_bavail * (double)about.f_frsize;
  const enum finding v = free_mb < least_mb ? VERDICT_FAIL : free_mb < enough_mb ? VERDICT_WARN : VERDICT_OK;
  say(n_failed, v, "%s: %.0f MB free in %s%s", what, free_mb, folder, v == VERDICT_OK ? "" : ": make room");
}

/* The nearest folder above `file` that exists; the caller frees it. */
static char *existing_folder(const char *file) {
  struct stat about;
  char *path = strdup(file);
  while (path) {
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) {
      snprintf(path, 2, "%s", slash ? "/" : ".");
      return path;
    }
    *slash = '\0';
    if (stat(path, &about) == 0) return path;
  }
  return NULL;
}

static void check_database(const char *file, int *n_failed) {
  struct stat about;
  char remark[512];
  sqlite3 *connection = NULL;
  if (stat(file, &about) == 0) {
    if (store_open_to_read(file, &connection, remark, sizeof remark) == STATUS_OK)
      say(n_failed, *remark ? VERDICT_WARN : VERDICT_OK, "database %s, SQLite %s%s%s", file, sqlite3_libversion(),
          *remark ? ": " : "", remark);
    else
      say(n_failed, VERDICT_FAIL, "%s", status_detail());
    sqlite3_close(connection);
  }
  char *folder = existing_folder(file);
  if (!folder) return;
  if (access(folder, W_OK) == 0)
    say(n_failed, VERDICT_OK, "%s can be written", folder);
  else
    say(n_failed, VERDICT_FAIL, "%s cannot be written (%s): choose another place with --db FILE", folder,
        strerror(errno));
  check_space(n_failed, folder, "disk for results", 1000, 50);
  free(folder);
}

int command_doctor(const environment *e, int argc, char **argv) {
  const char *database = DEFAULT_DATABASE;
  const option_spec options[] = {
      {"db", OPTION_TEXT, &database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0}, {0}};
  const command_spec c = {
      .name = "doctor",
      .usage = "[options]",
      .help =
          "Checks what runs need: the build, mpirun, devices, data sets, gnuplot, and room for results. Each line "
          "begins\n"
          "with ok, warn (something will be missing) or FAIL (runs will not work) and ends with a remedy.",
      .options = options,
      .after = "Exit status: 0 no FAIL, 1 otherwise, 2 bad input."};
  command_line l;
  int n_failed = 0;
  const enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help) {
    command_help(&c, stdout);
  } else if (status == STATUS_OK) {
    check_build(&n_failed);
    check_mpirun(e, &n_failed);
    check_devices(e, &n_failed);
    check_datasets(e, &n_failed);
    check_gnuplot(e, &n_failed);
    check_database(database, &n_failed);
    check_space(&n_failed, "/dev/shm", "shared memory for ranks", 256, 16);
  }
  command_line_free(&c, &l);
  return status == STATUS_OK ? n_failed > 0 : command_failed(status);
}
