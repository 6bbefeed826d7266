/* Workers over MPI. M workers (and optionally servers, numbered after them) live in contiguous blocks on R ranks; an
 * exchange gives the same result, bit for bit, at every R.
 *
 * Every operation is collective: all ranks call it in the same order. Inside a rank a message is handed over by
 * pointer; to another rank it goes once a rank by point-to-point MPI, however many receivers live there. A failed peer,
 * a passed deadline or calls that do not match end the operation with STATUS_PEER, naming operation and worker: never a
 * hang. After that every further call fails, on every rank: the run is over.
 *
 * An exchange waits for the ready events of the messages handed over, since their sizes enter the account, and for what
 * it copies to other ranks. What comes back, messages and sums, is there in the stream's order. */
#ifndef TERSE_CORE_COMM_H
#define TERSE_CORE_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "core/message.h"
#include "core/traffic.h"

typedef struct comm comm;

enum reduction_order {
  REDUCTION_ORDERED, /* worker w's chunk j goes to worker j, who sums in worker order, then all-gathers: ring volume */
  REDUCTION_MPI,     /* MPI_Allreduce of per-rank sums: faster at R < M, result depends on R */
};

typedef struct comm_options {
  int n_workers; /* M >= 1 */
  int n_servers; /* >= 0; server s is participant M + s and lives on rank s mod R */
  device *device;
  stream *stream;
  enum reduction_order reduction;
  uint64_t (*now_ns)(void); /* a monotonic clock: modules do not read clocks */
  double deadline_s;        /* how long an exchange may take, e.g. 120 */
  bool check_traffic;       /* after every exchange compare MPI's byte counters with the account (tests) */
} comm_options;

/* MPI must be initialised; the communicator is a duplicate of MPI_COMM_WORLD. R <= M is required (STATUS_BAD_INPUT). */
/* This process's number among those of its host. Collective; MPI must be initialised. */
enum status comm_rank_on_host(int *out) WARN_UNUSED;
enum status comm_create(const comm_options *options, comm **out) WARN_UNUSED;
void comm_destroy(comm *c); /* NULL is ignored */

int comm_rank(const comm *c);
int comm_n_ranks(const comm *c);
int comm_n_workers(const comm *c);
int comm_n_participants(const comm *c); /* workers, then servers */
int comm_first_worker(const comm *c); /* of this rank: block [first, first + n_local) */
int comm_n_local(const comm *c);
int comm_rank_of(const comm *c, int participant); /* the rank a worker or server lives on */
traffic *comm_traffic(comm *c);
message_pool *comm_pool(comm *c);

/* Tells the account which round the following exchanges belong to. */
void comm_begin_round(comm *c, uint64_t round);

/* local[i] is worker first + i's message (ready event recorded; owned by comm from here on). Afterwards inbox[w], for
 * every w < M, is worker w's message, readable until comm_release. `bound`: the largest wire image any
 * worker may send; a larger one ends the exchange (STATUS_BAD_MESSAGE where it is sent). */
enum status comm_allgather(comm *c, message *const *local, size_t bound, const message **inbox) WARN_UNUSED;

/* result = sum over all workers of contribution[w] (n floats, device memory), in worker order. contribution[i] belongs
 * to worker first + i and is not changed; result may not overlap any. Every rank gets the result. The account is the
 * same for both reductions: a worker sends all chunks but its own, then its own to all others, without heads. */
enum status comm_allreduce(comm *c, const float *const *contribution, size_t n, float *result) WARN_UNUSED;

/* Every worker's message to participant `root` (direction up). inbox[w] is set on root's rank, NULL elsewhere. */
enum status comm_gather(comm *c, int root, message *const *local, size_t bound, const message **inbox) WARN_UNUSED;

enum broadcast_algorithm { BROADCAST_STAR, BROADCAST_BINOMIAL };
/* root's message to all workers (direction down from a server, peer from a worker); the senders count, in the tree too.
 * `m` is given on root's rank and ignored elsewhere; *out is the message on every rank. */
enum status comm_broadcast(comm *c, int root, enum broadcast_algorithm a, message *m, size_t bound,
                           const message **out) WARN_UNUSED;

typedef struct transfer {
  int from, to;      /* participants; from != to */
  message *out;      /* the message where `from` is local, else NULL */
  const message *in; /* set where `to` is local */
} transfer;
/* An ordered list of messages between participants, the same (from, to) on all ranks where any of them ends; a rank
 * where none does may leave it empty, and passes at once. All are in flight together, so pairs that exchange cannot
 * deadlock. One message may be the `out` of several transfers. */
enum status comm_transfer(comm *c, transfer *list, size_t n, size_t bound) WARN_UNUSED;

/* Ends the life of all messages of the exchanges since the last release. */
void comm_release(comm *c);

/* Control channel: outside bits and time. Each is collective over ranks, on host memory, with the same deadline. */
enum control_op { CONTROL_MAX, CONTROL_MIN, CONTROL_SUM };
enum status comm_control_u64(comm *c, enum control_op op, uint64_t *values, size_t n) WARN_UNUSED;
/* Sum over ranks, exact where each value is non-zero on one rank only. */
enum status comm_control_sum(comm *c, double *values, size_t n) WARN_UNUSED;
/* Sums a device vector over workers in worker order, like comm_allreduce, but outside the account: for probes. */
enum status comm_probe_sum(comm *c, const float *const *contribution, size_t n, float *result) WARN_UNUSED;
/* Rank 0 gets every rank's exchanges since the last call merged and run-length coded; others get n = 0. *out is valid
 * until the next call. */
enum status comm_collect_exchanges(comm *c, const exchange **out, size_t *n) WARN_UNUSED;

/* Bytes of user data this process sent through MPI on comm's data channel, counted by the profiling interface. */
uint64_t comm_mpi_bytes(const comm *c);

#endif
