/* One run as a child process: started in a session of its own, spoken to through its standard input, heard line by
 * line.
 *
 * A launch never blocks. Its owner polls the descriptors of launch_poll and calls launch_service after each poll; time
 * is the owner's, in seconds from anywhere. Where no hello comes in time the session is killed and started again. */
#ifndef TERSE_RUNNER_LAUNCH_H
#define TERSE_RUNNER_LAUNCH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

/* What the owner made of a line. */
enum launch_line {
  LAUNCH_LINE_FOREIGN, /* not meant for the owner: goes to the log */
  LAUNCH_LINE_TAKEN,
  LAUNCH_LINE_HELLO,   /* all ranks are there */
  LAUNCH_LINE_DONE,    /* the run said how it ended */
  LAUNCH_LINE_REFUSED, /* kill the run: the owner knows why */
};

typedef struct launch_options {
  char *const *command;   /* NULL-terminated; command[0] is searched in PATH */
  char *const *variables; /* the child's environment, NULL-terminated */
  const char *request;    /* its first line of input, without the end */
  const char *log_file;   /* its other output is appended here; NULL: kept only in memory */
  double hello_timeout_s;
  int max_starts;
  bool echo;                                                           /* its standard error also goes to ours */
  enum launch_line (*take)(void *context, const char *line, size_t n); /* line[n] is 0 */
  void *context;
} launch_options;

enum launch_state { LAUNCH_RUNNING, LAUNCH_ENDED };

enum { LAUNCH_N_POLL = 3 };

typedef struct launch launch;

/* Starts the child; everything in `options` must outlive the launch. A command that does not exist or a log that cannot
 * be written: STATUS_IO. */
enum status launch_start(const launch_options *options, double now_s, launch **out) WARN_UNUSED;
/* Kills what still runs, waits for it and frees; NULL is ignored. */
void launch_destroy(launch *l);

/* Fills LAUNCH_N_POLL entries (fd -1 where there is nothing to wait for). Poll with a timeout of 0.1 s at most: the end
 * of the process and the deadlines are seen by the clock. */
void launch_poll(const launch *l, struct pollfd *out);
/* Reads what is there, hands complete lines to `take`, restarts after a missed deadline. */
enum launch_state launch_service(launch *l, double now_s);

/* Asks the run to stop at its next round end, once. */
void launch_stop(launch *l);
/* Ends the session at once: SIGTERM, after two seconds SIGKILL to every process in it. */
void launch_kill(launch *l, double now_s);

/* After LAUNCH_ENDED. */
bool launch_said_hello(const launch *l);
bool launch_said_done(const launch *l);
int launch_starts(const launch *l); /* how often it was started */
/* Why a run that did not say done ended, in one line for the user: rank and signal where the launcher names them, then
 * the run's last words. Static until the launch is destroyed. */
const char *launch_reason(launch *l);

#endif
