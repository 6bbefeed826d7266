/* The account of traffic: totals a participant, and one row an exchange. */
#include "core/traffic.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What one participant has sent in one direction of the exchange under way. */
typedef struct share {
  uint64_t bytes, payload_bits;
} share;

struct traffic {
  int n_participants;
  traffic_count *totals; /* [participant][direction] */
  share *shares;         /* [participant][direction], zero between exchanges */
  uint64_t round;
  uint32_t sequence;
  exchange current;
  exchange *list;
  size_t n, capacity;
  bool taken; /* the list was handed out: it ends with the next exchange */
  uint64_t crossing_bytes;
};

const char *direction_name(enum direction d) {
  static const char *const names[N_DIRECTIONS] = {"up", "down", "peer"};
  return names[d];
}

const char *operation_name(enum operation o) {
  static const char *const names[N_OPERATIONS] = {"allgather", "allreduce", "gather", "broadcast", "transfer"};
  return names[o];
}

enum status traffic_create(int n_participants, traffic **out) {
  enum status status = STATUS_OK;
  const size_t n_cells = (size_t)n_participants * N_DIRECTIONS;
  *out = NULL;
  traffic *t = (traffic *)calloc(1, sizeof *t);
  if (!t) return FAIL(STATUS_NO_MEMORY, "cannot allocate the account of traffic");
  t->n_participants = n_participants;
  t->totals = (traffic_count *)calloc(n_cells, sizeof *t->totals);
  t->shares = (share *)calloc(n_cells, sizeof *t->shares);
  if (!t->totals || !t->shares) {
    status = FAIL(STATUS_NO_MEMORY, "cannot allocate the account of %d participants", n_participants);
    traffic_destroy(t);
    return status;
  }
  *out = t;
  return status;
}

void traffic_destroy(traffic *t) {
  if (!t) return;
  free(t->totals);
  free(t->shares);
  free(t->list);
  free(t);
}

void traffic_begin_round(traffic *t, uint64_t round) {
  t->round = round;
  t->sequence = 0;
}

void traffic_begin(traffic *t, enum operation o, const char *algorithm, uint32_t participants) {
  if (t->taken) {
    t->n = 0;
    t->taken = false;
  }
  memset(t->shares, 0, (size_t)t->n_participants * N_DIRECTIONS * sizeof *t->shares);
  t->current = (exchange){.first_round = t->round,
                          .n_rounds = 1,
                          .sequence = t->sequence++,
                          .operation = o,
                          .algorithm = algorithm,
                          .participants = participants};
}

void traffic_add(traffic *t, int participant, enum direction d, uint64_t payload_bits, uint64_t wire_bytes,
                 double theory_bits) {
  const size_t cell = (size_t)participant * N_DIRECTIONS + d;
  traffic_count *total = &t->totals[cell];
  total->payload_bits += payload_bits;
  total->wire_bytes += wire_bytes;
  total->messages++;
  total->theory_bits += theory_bits;
  t->shares[cell].bytes += wire_bytes;
  t->shares[cell].payload_bits += payload_bits;
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

enum status traffic_end(traffic *t) {
  if (t->n == t->capacity) {
    const size_t grown = t->capacity ? 2 * t->capacity : 64;
    exchange *list = (exchange *)realloc(t->list, grown * sizeof *list);
    if (!list) return FAIL(STATUS_NO_MEMORY, "cannot allocate an account of %zu exchanges", grown);
    t->list = list;
    t->capacity = grown;
  }
  for (size_t cell = 0; cell < (size_t)t->n_participants * N_DIRECTIONS; cell++) {
    const share *from = &t->shares[cell];
    const enum direction d = (enum direction)(cell % N_DIRECTIONS);
    t->current.sent[d].max_bytes = larger(t->current.sent[d].max_bytes, from->bytes);
    t->current.sent[d].sum_bytes += from->bytes;
    t->current.sent[d].max_payload_bits = larger(t->current.sent[d].max_payload_bits, from->payload_bits);
    t->current.sent[d].sum_payload_bits += from->payload_bits;
  }
  t->list[t->n++] = t->current;
  return STATUS_OK;
}

void traffic_add_crossing(traffic *t, uint64_t wire_bytes) { t->crossing_bytes += wire_bytes; }

uint64_t traffic_crossing_bytes(const traffic *t) { return t->crossing_bytes; }

const traffic_count *traffic_of(const traffic *t, int participant) {
  return &t->totals[(size_t)participant * N_DIRECTIONS];
}

size_t traffic_take(traffic *t, const exchange **out) {
  *out = t->list;
  if (t->taken) return 0;
  t->taken = true;
  return t->n;
}

/* The same exchange of the algorithm, whatever it carried. */
static bool same_shape(const exchange *a, const exchange *b) {
  return a->sequence == b->sequence && a->operation == b->operation && a->participants == b->participants &&
         strcmp(a->algorithm, b->algorithm) == 0;
}

enum status exchange_merge(exchange *into, const exchange *other) {
  exchange mine = *into, theirs = *other;
  if (mine.operation == OPERATION_TRANSFER && mine.participants == 0) mine.participants = theirs.participants;
  if (theirs.operation == OPERATION_TRANSFER && theirs.participants == 0) theirs.participants = mine.participants;
  if (!same_shape(&mine, &theirs) || into->first_round != other->first_round || into->n_rounds != other->n_rounds)
    return FAIL(STATUS_PEER, "round %llu, exchange %u: ranks disagree: %s (%s) here, %s (%s) of round %llu there",
                (unsigned long long)into->first_round, into->sequence, operation_name(into->operation), into->algorithm,
                operation_name(other->operation), other->algorithm, (unsigned long long)other->first_round);
  into->participants = mine.participants;
  for (int d = 0; d < N_DIRECTIONS; d++) {
    into->sent[d].max_bytes = larger(into->sent[d].max_bytes, other->sent[d].max_bytes);
    into->sent[d].sum_bytes += other->sent[d].sum_bytes;
    into->sent[d].max_payload_bits = larger(into->sent[d].max_payload_bits, other->sent[d].max_payload_bits);
    into->sent[d].sum_payload_bits += other->sent[d].sum_payload_bits;
  }
  return STATUS_OK;
}

/* A round's exchanges repeat as a block, so each row is held against the last kept row of its own sequence number,
 * looked up in a table. Sequence numbers beyond the table (no method comes near) stay as they are. */
size_t exchange_compress(exchange *list, size_t n) {
  enum { TABLE = 1024 };
  size_t last[TABLE]; /* 1 + the place of a sequence number's last kept row; 0: none */
  memset(last, 0, sizeof last);
  size_t n_kept = 0;
  for (size_t i = 0; i < n; i++) {
    const exchange e = list[i];
    if (e.sequence < TABLE && last[e.sequence] > 0) {
      exchange *kept = &list[last[e.sequence] - 1];
      if (same_shape(kept, &e) && memcmp(kept->sent, e.sent, sizeof e.sent) == 0 &&
          kept->first_round + kept->n_rounds == e.first_round) {
        kept->n_rounds += e.n_rounds;
        continue;
      }
    }
    list[n_kept++] = e;
    if (e.sequence < TABLE) last[e.sequence] = n_kept;
  }
  return n_kept;
}
