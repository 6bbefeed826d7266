/* Why a run died, read from what it and mpirun said. */
#ifndef TERSE_RUNNER_LAUNCH_REASON_H
#define TERSE_RUNNER_LAUNCH_REASON_H

#include <stdbool.h>
#include <stddef.h>

/* One line into `out`: "rank 1 was killed by signal 9 (Killed)" where mpirun says so, with the last words that are not
 * mpirun's; else a rank's own words ("terse: …"), a divergence's before those of the peers that miss it; else how the
 * process ended (its wait status), with the last words. */
void failure_reason(const char *said, int wait_status, char *out, size_t n);

/* Whether such a line tells of STATUS_DIVERGED. */
bool reason_is_divergence(const char *reason);

#endif
