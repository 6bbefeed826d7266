/* Ctrl-C and its kin as something to poll, not something that strikes. */
#ifndef TERSE_RUNNER_INTERRUPT_H
#define TERSE_RUNNER_INTERRUPT_H

#include "core/status.h"

/* From here on SIGINT, SIGTERM and SIGHUP of this process wait in *fd; writing to a closed pipe is an error, no signal.
 */
enum status interrupt_open(int *fd) WARN_UNUSED;
/* How many of them came since the last call. Does not wait. */
int interrupt_count(int fd);
void interrupt_close(int fd); /* -1 is ignored */

#endif
