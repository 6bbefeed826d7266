#include "runner/launch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/clock.h"

#ifndef TERSE_SOURCE
#define TERSE_SOURCE "."
#endif

static double now_s(void) { return 1e-9 * (double)clock_now_ns(); }

/* One launch of tests/e2e/fake_worker, and what came of it. */
typedef struct trial_run {
  char folder[64], log[96], program[512], behaviour[32];
  char *command[4];
  launch_options options;
  launch *l;
  int n_lines, n_hello;
  char first_foreign[256], last[256];
} trial_run;

static enum launch_line take(void *context, const char *line, size_t n) {
  trial_run *r = context;
  cr_assert_eq(strlen(line), n);
  r->n_lines++;
  snprintf(r->last, sizeof r->last, "%s", line);
  if (strncmp(line, "{\"t\":\"hello\"", 12) == 0) return r->n_hello++, LAUNCH_LINE_HELLO;
  if (strncmp(line, "{\"t\":\"done\"", 11) == 0) return LAUNCH_LINE_DONE;
  if (line[0] == '{' && line[n - 1] != '}') return LAUNCH_LINE_REFUSED;
  if (line[0] == '{') return LAUNCH_LINE_TAKEN;
  if (n > 100000) return LAUNCH_LINE_REFUSED;
  if (!r->first_foreign[0]) snprintf(r->first_foreign, sizeof r->first_foreign, "%s", line);
  return LAUNCH_LINE_FOREIGN;
}

static void begin(trial_run *r, const char *behaviour, double hello_timeout_s) {
  extern char **environ;
  *r = (trial_run){0};
  signal(SIGPIPE, SIG_IGN);
  strcpy(r->folder, "/tmp/terse-launch-XXXXXX");
  cr_assert_not_null(mkdtemp(r->folder));
  snprintf(r->log, sizeof r->log, "%s/log", r->folder);
  snprintf(r->program, sizeof r->program, "%s/tests/e2e/fake_worker", TERSE_SOURCE);
  snprintf(r->behaviour, sizeof r->behaviour, "%s", behaviour);
  r->command[0] = r->program;
  r->command[1] = r->behaviour;
  r->command[2] = r->folder;
  r->options = (launch_options){.command = r->command,
                                .variables = environ,
                                .request = "{\"the\":\"request\"}",
                                .log_file = r->log,
                                .hello_timeout_s = hello_timeout_s,
                                .max_starts = 3,
                                .take = take,
                                .context = r};
  cr_assert_eq(launch_start(&r->options, now_s(), &r->l), STATUS_OK, "%s", status_detail());
}

/* Serves until the end, or `until_lines` lines; true at the end. */
static bool serve(trial_run *r, int until_lines) {
  for (const double start_s = now_s(); now_s() < start_s + 20;) {
    struct pollfd polled[LAUNCH_N_POLL];
    launch_poll(r->l, polled);
    poll(polled, LAUNCH_N_POLL, 50);
    if (launch_service(r->l, now_s()) == LAUNCH_ENDED) return true;
    if (until_lines && r->n_lines >= until_lines) return false;
  }
  cr_assert_fail("%s did not end", r->behaviour);
  return false;
}

static void end(trial_run *r) {
  char children[128];
  launch_destroy(r->l);
  snprintf(children, sizeof children, "%s/children", r->folder);
  unlink(children);
  snprintf(children, sizeof children, "%s/second", r->folder);
  unlink(children);
  unlink(r->log);
  cr_expect_eq(rmdir(r->folder), 0, "%s: %s", r->folder, strerror(errno));
}

/* Whether a process lives; one that is dead but not yet reaped does not. */
static bool is_alive(int pid) {
  char name[64], state = 'Z';
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  FILE *in = fopen(name, "r");
  if (!in) return false;
  if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
  fclose(in);
  return state != 'Z' && state != 'X';
}

/* Whether a killed process goes: on a busy machine it takes the signal when its turn comes. */
static bool goes(int pid) {
  for (int i = 0; i < 500 && is_alive(pid); i++) usleep(10000);
  return !is_alive(pid);
}

/* Whether the file holds the words. */
static bool holds(const char *file, const char *words) {
  char text[4096] = "";
  FILE *in = fopen(file, "r");
  cr_assert_not_null(in);
  const size_t n = fread(text, 1, sizeof text - 1, in);
  fclose(in);
  text[n] = '\0';
  return strstr(text, words) != NULL;
}

TestSuite(launch, .timeout = 30);

Test(launch, lines_come_whole_and_the_rest_goes_to_the_log) {
  trial_run r;
  begin(&r, "echo", 10);
  serve(&r, 0);
  cr_expect(launch_said_hello(r.l) && launch_said_done(r.l) && launch_starts(r.l) == 1);
  cr_expect_str_eq(r.first_foreign, "request: {\"the\":\"request\"}");
  cr_expect(holds(r.log, "request: ") && holds(r.log, "words on stderr\n"));
  end(&r);
  begin(&r, "split", 10); /* lines cut anywhere, the last without its end */
  serve(&r, 0);
  cr_expect(launch_said_hello(r.l) && launch_said_done(r.l) && r.n_lines == 3);
  end(&r);
  begin(&r, "many", 10);
  serve(&r, 0);
  cr_expect(r.n_lines == 20002 && launch_said_done(r.l), "%d lines", r.n_lines);
  end(&r);
}

Test(launch, silence_is_killed_and_started_again) {
  trial_run r;
  begin(&r, "silent_once", 0.5);
  serve(&r, 0);
  cr_expect(launch_said_done(r.l) && launch_starts(r.l) == 2, "%d starts", launch_starts(r.l));
  end(&r);
  begin(&r, "silent", 0.3);
  serve(&r, 0);
  cr_expect(!launch_said_hello(r.l) && launch_starts(r.l) == 3);
  cr_expect_str_eq(launch_reason(r.l), "no sign from all ranks within 0.3 s, 3 times");
  char name[128];
  snprintf(name, sizeof name, "%s/children", r.folder);
  FILE *children = fopen(name, "r");
  int n = 0;
  for (int pid; fscanf(children, "%d", &pid) == 1; n++) cr_expect(goes(pid), "process %d lives", pid);
  fclose(children);
  cr_expect_eq(n, 3, "grandchildren");
  end(&r);
}

Test(launch, a_child_that_will_not_go_is_killed_with_its_session) {
  trial_run r;
  begin(&r, "stubborn", 0.3);
  r.options.max_starts = 1;
  const double start_s = now_s();
  serve(&r, 0);
  cr_expect_lt(now_s() - start_s, 6);
  cr_expect(!launch_said_hello(r.l));
  end(&r);
}

Test(launch, deaths_have_reasons) {
  trial_run r;
  begin(&r, "crash", 10);
  serve(&r, 0);
  cr_expect(!launch_said_done(r.l));
  cr_expect_str_eq(launch_reason(r.l), "the launcher was killed by signal 9 (Killed): double free");
  end(&r);
  begin(&r, "abort", 10);
  serve(&r, 0);
  cr_expect_str_eq(launch_reason(r.l), "rank 1: bad data: it is broken");
  end(&r);
  begin(&r, "failed", 10);
  serve(&r, 0);
  cr_expect(launch_said_done(r.l));
  cr_expect_not_null(strstr(r.last, "no luck"));
  end(&r);
}

Test(launch, what_the_owner_refuses_ends_the_run) {
  trial_run r;
  begin(&r, "garbage", 10);
  serve(&r, 0);
  cr_expect(!launch_said_done(r.l) && launch_starts(r.l) == 1);
  cr_expect_str_eq(r.first_foreign, "WARNING: a library speaks");
  cr_expect_str_eq(r.last, "{\"t\":\"curve\",\"round\":");
  end(&r);
  begin(&r, "long", 10);
  serve(&r, 0);
  cr_expect(!launch_said_done(r.l) && r.n_lines == 2, "%d lines", r.n_lines);
  end(&r);
}

Test(launch, stop_and_the_end_of_input) {
  trial_run r;
  begin(&r, "stop", 10);
  cr_expect(!serve(&r, 1));
  launch_stop(r.l);
  launch_stop(r.l);
  serve(&r, 0);
  cr_expect(launch_said_done(r.l));
  cr_expect_not_null(strstr(r.last, "interrupted"));
  end(&r);
  begin(&r, "eof", 10); /* a destroyed launch leaves nobody behind */
  cr_expect(!serve(&r, 1));
  end(&r);
}

Test(launch, what_cannot_start) {
  trial_run r;
  extern char **environ;
  char name[] = "/nonexistent/mpirun";
  char *command[] = {name, NULL};
  launch_options o = {
      .command = command, .variables = environ, .request = "", .take = take, .context = &r, .max_starts = 1};
  launch *l = NULL;
  cr_expect_eq(launch_start(&o, 0, &l), STATUS_IO);
  cr_expect(l == NULL && strstr(status_detail(), "/nonexistent/mpirun"));
  o.log_file = "/nonexistent/log";
  cr_expect_eq(launch_start(&o, 0, &l), STATUS_IO);
  cr_expect_not_null(strstr(status_detail(), "/nonexistent/log"));
  launch_destroy(NULL);
}
