/* One-sided access to memory of other ranks, for runs that are really asynchronous (MPI 3.1, chapter 11, passive
 * target): nobody waits for whoever the memory belongs to, only for others who are at it. One worker a rank, and
 * vectors in host memory: devices whose memory is the host's.
 *
 * What moves between ranks is counted as crossing where it moves; whose message it is and what it stands for, the
 * caller says (comm_window_count). */
#ifndef TERSE_CORE_COMM_WINDOW_H
#define TERSE_CORE_COMM_WINDOW_H

#include "core/comm.h"

typedef struct comm_window comm_window;

/* n_bytes of memory at this rank (0: none), zeroed. Collective; ranks may give different sizes. STATUS_BAD_INPUT where
 * ranks hold several workers, or the device's memory is not the host's; with the remedy. */
enum status comm_window_create(comm *c, size_t n_bytes, comm_window **out) WARN_UNUSED;
void comm_window_destroy(comm_window *w); /* collective; NULL is ignored */

/* Holds rank r's memory against everybody else until the unlock. Whoever locks several does so in ascending order, so
 * that nobody waits for ever. */
enum status comm_window_lock(comm_window *w, int r) WARN_UNUSED;
enum status comm_window_unlock(comm_window *w, int r) WARN_UNUSED;

/* This rank's own memory, while it holds the lock; aligned for any type. */
void *comm_window_own(comm_window *w);
/* Reads or writes n_bytes of the memory of rank r, which is locked, from byte `offset` on; done at the return. */
enum status comm_window_get(comm_window *w, int r, size_t offset, size_t n_bytes, void *to) WARN_UNUSED;
enum status comm_window_put(comm_window *w, int r, size_t offset, size_t n_bytes, const void *from) WARN_UNUSED;

/* Notes a message for the next account: sent by a participant, by whosever doing. */
enum status comm_window_count(comm_window *w, int participant, enum direction d, uint64_t payload_bits,
                              uint64_t wire_bytes, double theory_bits) WARN_UNUSED;
/* Puts what was noted since the last call into the account, as one exchange. Every rank calls it once a round, without
 * waiting for any other. */
enum status comm_window_account(comm_window *w) WARN_UNUSED;

#endif
