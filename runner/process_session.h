/* Processes of one session: mpirun puts its ranks into process groups of their own, so a group does not reach them. */
#ifndef TERSE_RUNNER_PROCESS_SESSION_H
#define TERSE_RUNNER_PROCESS_SESSION_H

#include <sys/types.h>

/* SIGKILL to every other process of the session that `leader` leads or led. */
void process_session_kill(pid_t leader);

#endif
