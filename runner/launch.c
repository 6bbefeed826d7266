#include "runner/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/launch_reason.h"
#include "runner/process_session.h"

enum { MAX_LINE = 1 << 20, MAX_TAIL = 16384 };
static const double KILL_AFTER_S = 2;
static const double END_AFTER_S = 20; /* from done to the end of the process */

enum { INPUT, OUTPUT, ERRORS };

struct launch {
  const launch_options *options;
  pid_t pid;    /* 0: none is running */
  int pipes[3]; /* our ends; -1 when closed */
  int log;
  char *unsent; /* of the request and the stop */
  size_t n_unsent;
  char *line; /* the incomplete line heard so far */
  size_t n_line, line_capacity;
  char tail[MAX_TAIL + 1]; /* the last of what it said beside the protocol */
  size_t n_tail;
  double hello_deadline_s;
  double end_deadline_s;  /* 0: it has not said done */
  double kill_deadline_s; /* 0: it was not told to end */
  bool hello, done, refused, stopping, timed_out;
  int starts, wait_status;
  char reason[1024];
};

static void close_pipe(launch *l, int which) {
  if (l->pipes[which] >= 0) close(l->pipes[which]);
  l->pipes[which] = -1;
}

/* ---- starting */

static enum status spawn_child(launch *l, const int ends[3]) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, pipe_signal;
  sigemptyset(&none);
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  for (int i = 0; i < 3; i++) posix_spawn_file_actions_adddup2(&actions, ends[i], i);
  posix_spawnattr_setsigmask(&attributes, &none); /* our own signals are blocked and read from a descriptor */
  posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const launch_options *o = l->options;
  const int code = posix_spawnp(&l->pid, o->command[0], &actions, &attributes, o->command, o->variables);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code == 0) return STATUS_OK;
  l->pid = 0;
  return FAIL(STATUS_IO, "cannot start %s: %s%s", o->command[0], strerror(code),
              code == ENOENT ? " (is it installed and in PATH? `terse doctor` checks)" : "");
}

static enum status start(launch *l, double now_s) {
  int ends[3] = {-1, -1, -1};
  enum status status = STATUS_OK;
  for (int i = 0; i < 3; i++) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) != 0) {
      status = FAIL(STATUS_IO, "no pipe to a new run: %s", strerror(errno));
      goto exit;
    }
    ends[i] = pair[i == INPUT ? 0 : 1];
    l->pipes[i] = pair[i == INPUT ? 1 : 0];
    fcntl(l->pipes[i], F_SETFL, O_NONBLOCK);
  }
  free(l->unsent);
  l->unsent = NULL;
  const int n = asprintf(&l->unsent, "%s\n%s", l->options->request, l->stopping ? "stop\n" : "");
  if (n < 0) {
    l->unsent = NULL;
    status = FAIL(STATUS_NO_MEMORY, "no memory for the request to a run");
    goto exit;
  }
  l->n_unsent = (size_t)n;
  l->n_line = 0;
  TRY(spawn_child(l, ends));
  l->starts++;
  l->hello_deadline_s = now_s + l->options->hello_timeout_s;
  l->kill_deadline_s = 0;
  l->timed_out = false;
exit:
  for (int i = 0; i < 3; i++) {
    if (ends[i] >= 0) close(ends[i]);
    if (status != STATUS_OK) close_pipe(l, i);
  }
  return status;
}

enum status launch_start(const launch_options *options, double now_s, launch **out) {
  enum status status = STATUS_OK;
  launch *l = calloc(1, sizeof *l);
  *out = NULL;
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory for a run");
  l->options = options;
  l->log = -1;
  for (int i = 0; i < 3; i++) l->pipes[i] = -1;
  if (options->log_file && (l->log = open(options->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0) {
    status = FAIL(STATUS_IO, "cannot write the log %s: %s", options->log_file, strerror(errno));
    goto exit;
  }
  TRY(start(l, now_s));
  *out = l;
exit:
  if (status != STATUS_OK) launch_destroy(l);
  return status;
}

/* ---- talking */

static void send_unsent(launch *l) {
  while (l->n_unsent > 0 && l->pipes[INPUT] >= 0) {
    const ssize_t n = write(l->pipes[INPUT], l->unsent, l->n_unsent);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) { /* it is gone, which its end will say better */
      close_pipe(l, INPUT);
      return;
    }
    l->n_unsent -= (size_t)n;
    memmove(l->unsent, l->unsent + n, l->n_unsent);
  }
}

/* What is not the protocol's goes to the log and, for the reason of a failure, into the tail. */
static void remember(launch *l, const char *text, size_t n) {
  for (size_t sent = 0; l->log >= 0 && sent < n;) {
    const ssize_t written = write(l->log, text + sent, n - sent);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break; /* a full disk ends the log, not the run: the database decides that */
    sent += (size_t)written;
  }
  if (l->options->echo) fwrite(text, 1, n, stderr);
  const size_t kept = n < MAX_TAIL ? n : MAX_TAIL;
  if (l->n_tail + kept > MAX_TAIL) {
    const size_t dropped = l->n_tail + kept - MAX_TAIL;
    memmove(l->tail, l->tail + dropped, l->n_tail - dropped);
    l->n_tail -= dropped;
  }
  memcpy(l->tail + l->n_tail, text + n - kept, kept);
  l->n_tail += kept;
  l->tail[l->n_tail] = '\0';
}

static void take_line(launch *l, double now_s) {
  l->line[l->n_line] = '\0';
  if (l->refused) return;
  switch (l->options->take(l->options->context, l->line, l->n_line)) {
    case LAUNCH_LINE_FOREIGN:
      l->line[l->n_line] = '\n';
      remember(l, l->line, l->n_line + 1);
      break;
    case LAUNCH_LINE_TAKEN:
      break;
    case LAUNCH_LINE_HELLO:
      l->hello = true;
      break;
    case LAUNCH_LINE_DONE:
      l->done = true;
      l->end_deadline_s = now_s + END_AFTER_S;
      break;
    case LAUNCH_LINE_REFUSED:
      l->refused = true;
      launch_kill(l, now_s);
      break;
  }
}

/* Bytes of standard output. A line that grows past MAX_LINE is handed over in pieces, which the owner will refuse. */
static void hear(launch *l, const char *bytes, size_t n, double now_s) {
  for (size_t i = 0; i < n; i++) {
    if (l->n_line + 1 >= l->line_capacity) {
      const size_t capacity = l->line_capacity ? 2 * l->line_capacity : 4096;
      char *line = realloc(l->line, capacity);
      if (!line) {
        l->n_line = 0;
        continue;
      }
      l->line = line;
      l->line_capacity = capacity;
    }
    if (bytes[i] == '\n' || l->n_line == MAX_LINE) {
      take_line(l, now_s);
      l->n_line = 0;
    }
    if (bytes[i] != '\n') l->line[l->n_line++] = bytes[i];
  }
}

/* Everything that can be read without waiting; closes the pipe at its end. */
static void drain(launch *l, int which, double now_s) {
  char bytes[65536];
  while (l->pipes[which] >= 0) {
    const ssize_t n = read(l->pipes[which], bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0)
      close_pipe(l, which);
    else if (which == OUTPUT)
      hear(l, bytes, (size_t)n, now_s);
    else
      remember(l, bytes, (size_t)n);
  }
}

void launch_poll(const launch *l, struct pollfd *out) {
  out[0] = (struct pollfd){.fd = l->n_unsent > 0 ? l->pipes[INPUT] : -1, .events = POLLOUT};
  out[1] = (struct pollfd){.fd = l->pipes[OUTPUT], .events = POLLIN};
  out[2] = (struct pollfd){.fd = l->pipes[ERRORS], .events = POLLIN};
}

void launch_stop(launch *l) {
  if (l->stopping || l->pid == 0) return;
  l->stopping = true;
  char *unsent = realloc(l->unsent, l->n_unsent + 5);
  if (!unsent) { /* the end of input asks for the same */
    close_pipe(l, INPUT);
    return;
  }
  l->unsent = unsent;
  memcpy(l->unsent + l->n_unsent, "stop\n", 5);
  l->n_unsent += 5;
  send_unsent(l);
}

/* ---- ending */

void launch_kill(launch *l, double now_s) {
  if (l->pid == 0 || l->kill_deadline_s > 0) return;
  kill(l->pid, SIGTERM); /* mpirun then ends its ranks */
  l->kill_deadline_s = now_s + KILL_AFTER_S;
}

/* The process is gone: hears the rest and, if it was killed for its silence, starts the next. */
static enum launch_state conclude(launch *l, double now_s) {
  process_session_kill(l->pid); /* ranks that mpirun left behind */
  waitpid(l->pid, &l->wait_status, 0);
  l->pid = 0;
  drain(l, OUTPUT, now_s);
  drain(l, ERRORS, now_s);
  if (l->n_line > 0) take_line(l, now_s);
  l->n_line = 0;
  for (int i = 0; i < 3; i++) close_pipe(l, i);
  if (!l->timed_out || l->stopping || l->starts >= l->options->max_starts) return LAUNCH_ENDED;
  if (start(l, now_s) == STATUS_OK) return LAUNCH_RUNNING;
  snprintf(l->reason, sizeof l->reason, "%s", status_detail());
  return LAUNCH_ENDED;
}

enum launch_state launch_service(launch *l, double now_s) {
  if (l->pid == 0) return LAUNCH_ENDED;
  send_unsent(l);
  drain(l, OUTPUT, now_s);
  drain(l, ERRORS, now_s);
  if (!l->hello && !l->done && l->kill_deadline_s == 0 && now_s > l->hello_deadline_s) {
    l->timed_out = true;
    launch_kill(l, now_s);
  }
  if (l->done && now_s > l->end_deadline_s) launch_kill(l, now_s);
  if (l->kill_deadline_s > 0 && now_s > l->kill_deadline_s) {
    process_session_kill(l->pid);
    kill(l->pid, SIGKILL);
  }
  /* Seen but not yet reaped, so that its number still names its session. */
  siginfo_t info = {.si_pid = 0};
  const bool ended = waitid(P_PID, (id_t)l->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == l->pid;
  return ended ? conclude(l, now_s) : LAUNCH_RUNNING;
}

void launch_destroy(launch *l) {
  if (!l) return;
  if (l->pid > 0) {
    process_session_kill(l->pid);
    kill(l->pid, SIGKILL);
    while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR) continue;
  }
  for (int i = 0; i < 3; i++) close_pipe(l, i);
  if (l->log >= 0) close(l->log);
  free(l->unsent);
  free(l->line);
  free(l);
}

bool launch_said_hello(const launch *l) { return l->hello; }
bool launch_said_done(const launch *l) { return l->done; }
int launch_starts(const launch *l) { return l->starts; }

const char *launch_reason(launch *l) {
  if (l->reason[0]) return l->reason;
  if (l->timed_out && !l->hello)
    snprintf(l->reason, sizeof l->reason, "no sign from all ranks within %g s, %d times", l->options->hello_timeout_s,
             l->starts);
  else
    failure_reason(l->tail, l->wait_status, l->reason, sizeof l->reason);
  return l->reason;
}
