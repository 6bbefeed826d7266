/* All-reduce in worker order: the same bits at every R.
 *
 * Worker j owns chunk j, the elements [n j / M, n (j+1) / M). Phase 1 (reduce-scatter): worker w's chunk j goes to
 * worker j, who adds the chunks in the order of w, in fp32, starting from worker 0's. Phase 2 (all-gather): chunk j
 * goes to all others. A worker sends (n - its chunk) + (M - 1) its chunk floats: over all workers 2 (M - 1) n, the
 * ring's volume. A rank's chunks are contiguous, its region: MPI carries one piece per (worker, receiving rank) in
 * phase 1 and one per (rank, receiving rank) in phase 2. */
#include <string.h>

#include "core/comm_state.h"
#include "core/vec.h"

/* One all-reduce under way. */
typedef struct sum {
  MPI_Comm channel;
  const float *const *contribution; /* [local worker] */
  float *result;
  size_t n;
  size_t lo, len; /* this rank's region */
} sum;

static size_t chunk_begin(const comm *c, size_t n, int worker) {
  const size_t m = (size_t)c->n_workers, w = (size_t)worker; /* n w / M without overflow */
  return n / m * w + n % m * w / m;
}

static size_t region_begin(const comm *c, size_t n, int rank) { return chunk_begin(c, n, c->first_worker[rank]); }

static size_t region_size(const comm *c, size_t n, int rank) {
  return region_begin(c, n, rank + 1) - region_begin(c, n, rank);
}

void reduce_release(comm *c) {
  device_release(c->device, c->reduce.parts);
  device_release_host(c->device, c->reduce.host_send);
  device_release_host(c->device, c->reduce.host_parts);
  device_release_host(c->device, c->reduce.host_result);
}

static enum status pinned_grow(comm *c, float **memory, size_t *n, size_t needed) {
  if (needed <= *n) return STATUS_OK;
  device_release_host(c->device, *memory);
  *memory = NULL;
  *n = 0;
  void *fresh = NULL;
  TRY_RETURN(device_alloc_host(c->device, needed * sizeof **memory, &fresh));
  *memory = (float *)fresh;
  *n = needed;
  return STATUS_OK;
}

/* Makes room, once nothing issued before still uses the old memory. */
static enum status memory_prepare(comm *c, const sum *s) {
  reduce_memory *m = &c->reduce;
  const size_t n_parts = (size_t)(c->n_workers - comm_n_local(c)) * s->len;
  TRY_RETURN(event_wait(c->staged));
  if (n_parts > m->n_parts) {
    device_release(c->device, m->parts);
    m->parts = NULL;
    m->n_parts = 0;
    TRY_RETURN(device_floats(c->device, n_parts, &m->parts));
    m->n_parts = n_parts;
  }
  if (c->is_host) return STATUS_OK;
  TRY_RETURN(pinned_grow(c, &m->host_send, &m->n_host_send, (size_t)comm_n_local(c) * s->n));
  TRY_RETURN(pinned_grow(c, &m->host_parts, &m->n_host_parts, n_parts));
  return pinned_grow(c, &m->host_result, &m->n_host_result, s->n);
}

/* Waits for the stream: after that the host may read what was copied to it. */
static enum status settle(comm *c) {
  event_record(c->staged, c->stream);
  return event_wait(c->staged);
}

/* The place of remote worker w's part among the parts. */
static size_t part_of(const comm *c, const sum *s, int w) {
  const int slot = w < comm_first_worker(c) ? w : w - comm_n_local(c);
  return (size_t)slot * s->len;
}

static enum status scatter(comm *c, const sum *s) {
  float *landing = c->is_host ? c->reduce.parts : c->reduce.host_parts;
  for (int w = 0; w < c->n_workers && s->len > 0; w++)
    if (!is_local(c, w))
      TRY_RETURN(
          flight_receive(c, s->channel, landing + part_of(c, s, w), s->len * sizeof(float), c->rank_of[w], w, NULL));
  if (!c->is_host)
    for (int i = 0; i < comm_n_local(c); i++)
      vec_copy(c->stream, c->reduce.host_send + (size_t)i * s->n, s->contribution[i], s->n);
  TRY_RETURN(settle(c));
  for (int i = 0; i < comm_n_local(c); i++) {
    const float *from = c->is_host ? s->contribution[i] : c->reduce.host_send + (size_t)i * s->n;
    for (int r = 0; r < c->n_ranks; r++) {
      const size_t len = region_size(c, s->n, r);
      if (r == c->rank || len == 0) continue;
      TRY_RETURN(flight_send(c, s->channel, from + region_begin(c, s->n, r), len * sizeof(float), r,
                             comm_first_worker(c) + i));
    }
  }
  TRY_RETURN(flights_wait(c));
  if (!c->is_host)
    vec_copy(c->stream, c->reduce.parts, c->reduce.host_parts, (size_t)(c->n_workers - comm_n_local(c)) * s->len);
  return STATUS_OK;
}

/* The region of the result: all workers' parts, added in worker order. */
static void add_up(comm *c, const sum *s) {
  const int first = comm_first_worker(c);
  float *out = s->result + s->lo;
  for (int w = 0; w < c->n_workers; w++) {
    const float *part = is_local(c, w) ? s->contribution[w - first] + s->lo : c->reduce.parts + part_of(c, s, w);
    if (w == 0)
      vec_copy(c->stream, out, part, s->len);
    else
      vec_add(c->stream, out, part, out, s->len);
  }
}

static enum status spread(comm *c, const sum *s) {
  float *image = c->is_host ? s->result : c->reduce.host_result;
  if (!c->is_host) vec_copy(c->stream, image + s->lo, s->result + s->lo, s->len);
  TRY_RETURN(settle(c));
  for (int r = 0; r < c->n_ranks; r++) {
    const size_t lo = region_begin(c, s->n, r), len = region_size(c, s->n, r);
    if (r == c->rank) continue;
    if (len > 0)
      TRY_RETURN(flight_receive(c, s->channel, image + lo, len * sizeof(float), r, c->first_worker[r], NULL));
    if (s->len > 0)
      TRY_RETURN(flight_send(c, s->channel, image + s->lo, s->len * sizeof(float), r, comm_first_worker(c)));
  }
  TRY_RETURN(flights_wait(c));
  if (!c->is_host) {
    const size_t end = s->lo + s->len;
    vec_copy(c->stream, s->result, image, s->lo);
    vec_copy(c->stream, s->result + end, image + end, s->n - end);
  }
  return STATUS_OK;
}

static enum status sum_ordered(comm *c, MPI_Comm channel, const float *const *contribution, size_t n, float *result) {
  const sum s = {.channel = channel,
                 .contribution = contribution,
                 .result = result,
                 .n = n,
                 .lo = region_begin(c, n, c->rank),
                 .len = region_size(c, n, c->rank)};
  if (c->n_ranks > 1) {
    TRY_RETURN(memory_prepare(c, &s));
    TRY_RETURN(scatter(c, &s));
  }
  add_up(c, &s);
  if (c->n_ranks > 1) {
    TRY_RETURN(spread(c, &s));
    event_record(c->staged, c->stream);
  }
  return STATUS_OK;
}

/* Local contributions in worker order, then MPI's own all-reduce over ranks. */
static enum status sum_by_mpi(comm *c, const float *const *contribution, size_t n, float *result) {
  for (int i = 0; i < comm_n_local(c); i++) {
    if (i == 0)
      vec_copy(c->stream, result, contribution[i], n);
    else
      vec_add(c->stream, result, contribution[i], result, n);
  }
  if (c->n_ranks == 1) return STATUS_OK;
  if (n > INT32_MAX) return CALL_FAIL(c, STATUS_UNSUPPORTED, "%zu floats: MPI counts to 2^31 - 1", n);
  if (!c->is_host) {
    TRY_RETURN(event_wait(c->staged));
    TRY_RETURN(pinned_grow(c, &c->reduce.host_result, &c->reduce.n_host_result, n));
    vec_copy(c->stream, c->reduce.host_result, result, n);
  }
  TRY_RETURN(settle(c));
  MPI_Request *request = NULL;
  TRY_RETURN(flight_collective(c, &request));
  float *image = c->is_host ? result : c->reduce.host_result;
  TRY_RETURN(
      mpi_check(MPI_Iallreduce(MPI_IN_PLACE, image, (int)n, MPI_FLOAT, MPI_SUM, c->data, request), "all-reduce"));
  TRY_RETURN(flights_wait(c));
  if (!c->is_host) vec_copy(c->stream, result, image, n);
  event_record(c->staged, c->stream);
  return STATUS_OK;
}

static uint64_t chunk_bytes(const comm *c, size_t n, int worker) {
  return (chunk_begin(c, n, worker + 1) - chunk_begin(c, n, worker)) * sizeof(float);
}

/* Chunks carry no head and no padding: the payload is the wire. The formula's 2 (M - 1) / M 32 n bits are counted with
 * a worker's first chunk, so that the sum is exactly that. */
static void account(comm *c, size_t n, bool is_crossing) {
  const double m = c->n_workers;
  for (int w = comm_first_worker(c); w < comm_first_worker(c) + comm_n_local(c); w++) {
    double theory_bits = 2 * (m - 1) / m * 32 * (double)n;
    const uint64_t own = chunk_bytes(c, n, w);
    for (int j = 0; j < c->n_workers; j++) {
      const uint64_t theirs = chunk_bytes(c, n, j);
      if (j == w) continue;
      if (theirs > 0) {
        traffic_add(c->traffic, w, DIRECTION_PEER, 8 * theirs, theirs, theory_bits);
        theory_bits = 0;
      }
      if (own > 0) {
        traffic_add(c->traffic, w, DIRECTION_PEER, 8 * own, own, theory_bits);
        theory_bits = 0;
      }
      if (is_crossing && !is_local(c, j)) traffic_add_crossing(c->traffic, theirs);
    }
    if (is_crossing) traffic_add_crossing(c->traffic, (uint64_t)(c->n_ranks - 1) * own);
  }
}

enum status comm_allreduce(comm *c, const float *const *contribution, size_t n, float *result) {
  const bool is_ordered = c->options.reduction == REDUCTION_ORDERED;
  enum status status = exchange_begin(c, OPERATION_ALLREDUCE, is_ordered ? "reduce-scatter" : "mpi", c->n_workers);
  if (status == STATUS_OK)
    status = is_ordered ? sum_ordered(c, c->data, contribution, n, result) : sum_by_mpi(c, contribution, n, result);
  if (status == STATUS_OK) account(c, n, is_ordered);
  return exchange_end(c, status, is_ordered);
}

enum status comm_probe_sum(comm *c, const float *const *contribution, size_t n, float *result) {
  enum status status = call_begin(c, CALL_PROBE_SUM);
  if (status == STATUS_OK) status = sum_ordered(c, c->control, contribution, n, result);
  return call_end(c, status);
}
