/* The control channel: rank 0's standard input, a pipe from the front process. */
#ifndef TERSE_RUNNER_CONTROL_H
#define TERSE_RUNNER_CONTROL_H

#include <stdbool.h>

#include "core/status.h"

/* The first line (up to 1 MiB), without its end; the caller frees it. Waits for it. */
enum status control_first_line(int fd, char **line) WARN_UNUSED;

/* Whether a stop was asked for: a line `stop`, or the end of input. Does not wait. */
bool control_stop_asked(int fd);

#endif
