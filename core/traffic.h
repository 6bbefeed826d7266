/* The account of what crosses between workers: three counts of bits per exchange, direction and participant.
 *
 *   payload_bits  what the encoder needed          wire_bytes  the messages handed over, head included
 *   theory_bits   the paper's own formula
 * Counted alike for workers of one rank and of different ranks. Every rank counts what its own participants send. */
#ifndef TERSE_CORE_TRAFFIC_H
#define TERSE_CORE_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum direction { DIRECTION_UP, DIRECTION_DOWN, DIRECTION_PEER, N_DIRECTIONS };
enum operation {
  OPERATION_ALLGATHER,
  OPERATION_ALLREDUCE,
  OPERATION_GATHER,
  OPERATION_BROADCAST,
  OPERATION_TRANSFER,
  N_OPERATIONS
};

/* "up", "down", "peer"; "allgather", … */
const char *direction_name(enum direction d);
const char *operation_name(enum operation o);

typedef struct traffic_count {
  uint64_t payload_bits, wire_bytes, messages;
  double theory_bits;
} traffic_count;

/* One exchange as the network model sees it, complete only after traffic_collect. */
typedef struct exchange {
  uint64_t first_round, n_rounds; /* run-length coded: n_rounds consecutive rounds did exactly this */
  uint32_t sequence;              /* position within the round */
  enum operation operation;
  const char *algorithm; /* static storage: "direct", "reduce-scatter", "mpi", "star", "binomial", "pairs" */
  uint32_t participants; /* who take part; of pairs those that send or receive */
  struct {
    uint64_t max_bytes, sum_bytes; /* wire bytes sent: the busiest participant, all participants */
    uint64_t max_payload_bits, sum_payload_bits;
  } sent[N_DIRECTIONS];
} exchange;

typedef struct traffic traffic;

/* An account for `n_participants` workers and servers (servers are numbered after the workers). */
enum status traffic_create(int n_participants, traffic **out) WARN_UNUSED;
void traffic_destroy(traffic *t); /* NULL is ignored */

/* Called by comm. Begins the account of one exchange; then adds each message a local participant sends (a message sent
 * to several receivers is added once a receiver); then ends it. */
void traffic_begin_round(traffic *t, uint64_t round);
void traffic_begin(traffic *t, enum operation o, const char *algorithm, uint32_t participants);
void traffic_add(traffic *t, int participant, enum direction d, uint64_t payload_bits, uint64_t wire_bytes,
                 double theory_bits);
enum status traffic_end(traffic *t) WARN_UNUSED;

/* Bytes of messages whose two ends lie on different ranks, each counted once a receiving rank; from the list of
 * messages, not from the sends. (An all-reduce left to MPI adds nothing: what it sends is MPI's choice.) */
void traffic_add_crossing(traffic *t, uint64_t wire_bytes);
uint64_t traffic_crossing_bytes(const traffic *t);

/* What local participants have sent since the start: N_DIRECTIONS counts of participant p (zeros for remote ones). */
const traffic_count *traffic_of(const traffic *t, int participant);

/* The exchanges since the last call, still of this rank alone; `*out` stays valid until the next traffic_begin. */
size_t traffic_take(traffic *t, const exchange **out);
/* Merges the same stretch of two ranks' exchanges in place: max of max, sum of sum. STATUS_PEER where they are
 * of different exchanges; a transfer without participants is that of a rank where none of its messages ends. */
enum status exchange_merge(exchange *into, const exchange *other) WARN_UNUSED;
/* Run-length codes a complete list of exchanges in place and returns its new length: rows of one sequence number that
 * did the same in consecutive rounds become one, standing where the first of them stood. */
size_t exchange_compress(exchange *list, size_t n);

#endif
