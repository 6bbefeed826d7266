/* The control channel: small values the ranks agree on, and the collection of the account. Ranks send to rank 0, which
 * combines in rank order and sends back, so that a sum has the same bits everywhere, and a peer that fails or is
 * elsewhere is found and named like in any exchange. */
#include <stdlib.h>
#include <string.h>

#include "core/comm_state.h"

typedef void (*combine)(void *into, const void *from, size_t n);

static void take_max(void *into, const void *from, size_t n) {
  uint64_t *a = (uint64_t *)into;
  const uint64_t *b = (const uint64_t *)from;
  for (size_t i = 0; i < n; i++)
    if (b[i] > a[i]) a[i] = b[i];
}

static void take_min(void *into, const void *from, size_t n) {
  uint64_t *a = (uint64_t *)into;
  const uint64_t *b = (const uint64_t *)from;
  for (size_t i = 0; i < n; i++)
    if (b[i] < a[i]) a[i] = b[i];
}

static void add_integers(void *into, const void *from, size_t n) {
  uint64_t *a = (uint64_t *)into;
  const uint64_t *b = (const uint64_t *)from;
  for (size_t i = 0; i < n; i++) a[i] += b[i];
}

static void add_reals(void *into, const void *from, size_t n) {
  double *a = (double *)into;
  const double *b = (const double *)from;
  for (size_t i = 0; i < n; i++) a[i] += b[i];
}

/* `inbox` holds the other ranks' values on rank 0. */
static enum status agree(comm *c, combine with, void *values, size_t n, unsigned char *inbox) {
  enum { WIDTH = 8 };
  const size_t n_bytes = n * WIDTH;
  if (c->rank == 0)
    for (int r = 1; r < c->n_ranks; r++)
      TRY_RETURN(
          flight_receive(c, c->control, inbox + (size_t)(r - 1) * n_bytes, n_bytes, r, c->first_worker[r], NULL));
  else
    TRY_RETURN(flight_send(c, c->control, values, n_bytes, 0, comm_first_worker(c)));
  TRY_RETURN(flights_wait(c));
  if (c->rank == 0) {
    for (int r = 1; r < c->n_ranks; r++) with(values, inbox + (size_t)(r - 1) * n_bytes, n);
    for (int r = 1; r < c->n_ranks; r++) TRY_RETURN(flight_send(c, c->control, values, n_bytes, r, 0));
  } else {
    TRY_RETURN(flight_receive(c, c->control, values, n_bytes, 0, 0, NULL));
    c->begun_ns += (uint64_t)(c->options.deadline_s / 4 * 1e9); /* rank 0 is to be the first to say whom it waits for */
  }
  return flights_wait(c);
}

static enum status control(comm *c, combine with, void *values, size_t n) {
  if (n > SIZE_MAX / 8 / (size_t)c->n_ranks) return FAIL(STATUS_NO_MEMORY, "cannot allocate %zu control values", n);
  void *inbox = c->rank == 0 ? calloc(n * (size_t)c->n_ranks + 1, 8) : NULL;
  enum status status = call_begin(c, CALL_CONTROL);
  if (status == STATUS_OK && c->rank == 0 && !inbox)
    status = CALL_FAIL(c, STATUS_NO_MEMORY, "cannot allocate %zu values of %d ranks", n, c->n_ranks);
  if (status == STATUS_OK) status = agree(c, with, values, n, (unsigned char *)inbox);
  status = call_end(c, status);
  free(inbox);
  return status;
}

enum status comm_control_u64(comm *c, enum control_op op, uint64_t *values, size_t n) {
  switch (op) {
    case CONTROL_MAX:
      return control(c, take_max, values, n);
    case CONTROL_MIN:
      return control(c, take_min, values, n);
    case CONTROL_SUM:
      return control(c, add_integers, values, n);
  }
  return FAIL(STATUS_BAD_INPUT, "there is no control operation %d", (int)op);
}

enum status comm_control_sum(comm *c, double *values, size_t n) { return control(c, add_reals, values, n); }

/* An exchange on its way to rank 0, with the algorithm's name: its address is another one in each process. */
typedef struct packed_exchange {
  exchange e;
  char algorithm[24];
} packed_exchange;

/* Rank 0's list becomes the merged one. */
static enum status collect(comm *c, packed_exchange *packed, size_t n) {
  if (c->rank != 0) {
    for (size_t i = 0; i < n; i++) {
      packed[i].e = c->collected[i];
      packed[i].e.algorithm = NULL;
      strncpy(packed[i].algorithm, c->collected[i].algorithm, sizeof packed[i].algorithm - 1);
    }
    TRY_RETURN(flight_send(c, c->control, packed, n * sizeof *packed, 0, comm_first_worker(c)));
    return flights_wait(c);
  }
  for (int r = 1; r < c->n_ranks; r++) {
    TRY_RETURN(flight_receive(c, c->control, packed, n * sizeof *packed, r, c->first_worker[r], NULL));
    TRY_RETURN(flights_wait(c));
    for (size_t i = 0; i < n; i++) {
      packed[i].algorithm[sizeof packed[i].algorithm - 1] = 0;
      packed[i].e.algorithm = packed[i].algorithm;
      TRY_RETURN(exchange_merge(&c->collected[i], &packed[i].e));
    }
  }
  return STATUS_OK;
}

enum status comm_collect_exchanges(comm *c, const exchange **out, size_t *n) {
  const exchange *list = NULL;
  const size_t n_list = traffic_take(c->traffic, &list);
  uint64_t least = n_list, most = n_list;
  *out = NULL;
  *n = 0;
  TRY_RETURN(comm_control_u64(c, CONTROL_MIN, &least, 1));
  TRY_RETURN(comm_control_u64(c, CONTROL_MAX, &most, 1));
  if (least != most)
    return FAIL(STATUS_PEER, "ranks have between %llu and %llu exchanges to report", (unsigned long long)least,
                (unsigned long long)most);
  TRY_RETURN(array_grow(&c->collected, &c->n_collected, n_list + 1, sizeof *c->collected));
  if (n_list > 0) memcpy(c->collected, list, n_list * sizeof *list);
  packed_exchange *packed = (packed_exchange *)calloc(n_list + 1, sizeof *packed);
  enum status status = call_begin(c, CALL_COLLECT);
  if (status == STATUS_OK && !packed) status = CALL_FAIL(c, STATUS_NO_MEMORY, "cannot allocate %zu exchanges", n_list);
  if (status == STATUS_OK) status = collect(c, packed, n_list);
  status = call_end(c, status);
  free(packed);
  if (status != STATUS_OK || c->rank != 0) return status;
  *out = c->collected;
  *n = exchange_compress(c->collected, n_list);
  return STATUS_OK;
}
