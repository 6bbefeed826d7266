/* One-sided access to other workers' vectors, for runs that are really asynchronous (MPI 3.1, chapter 11, passive
 * target): nobody waits for whoever a vector belongs to, only for others at the same vector. One worker a rank, and
 * vectors in host memory: devices whose memory is the host's.
 *
 * What is read and written is counted as its owner's or the writer's messages to a peer, 32 bits a float and no head.
 */
#ifndef TERSE_CORE_COMM_WINDOW_H
#define TERSE_CORE_COMM_WINDOW_H

#include "core/comm.h"

typedef struct comm_window comm_window;

/* A vector of n floats for each worker. Collective. STATUS_BAD_INPUT where ranks hold several workers, or the device's
 * memory is not the host's; with the remedy. */
enum status comm_window_create(comm *c, size_t n, comm_window **out) WARN_UNUSED;
void comm_window_destroy(comm_window *w); /* collective; NULL is ignored */

/* Holds worker p's vector against everybody else until the unlock. Whoever locks several does so in ascending order, so
 * that nobody waits for ever. */
enum status comm_window_lock(comm_window *w, int p) WARN_UNUSED;
enum status comm_window_unlock(comm_window *w, int p) WARN_UNUSED;

/* This worker's own vector, while it holds the lock. */
float *comm_window_own(comm_window *w);
/* Reads or writes another worker's whole vector, which is locked; done at the return. */
enum status comm_window_get(comm_window *w, int p, float *to) WARN_UNUSED;
enum status comm_window_put(comm_window *w, int p, const float *from) WARN_UNUSED;

/* Puts what was read and written since the last call into the account, as one exchange. Every rank calls it once a
 * round, without waiting for any other. */
enum status comm_window_account(comm_window *w) WARN_UNUSED;

#endif
