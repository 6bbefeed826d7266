/* What the exchanges of messages have in common, and the two simplest of them: all-gather and gather. */
#include <string.h>

#include "core/comm_state.h"

enum status exchange_begin(comm *c, enum operation o, const char *algorithm, int participants) {
  c->n_sends = c->n_receives = 0;
  c->mpi_bytes_before = c->mpi_bytes;
  c->crossing_before = traffic_crossing_bytes(c->traffic);
  traffic_begin(c->traffic, o, algorithm, (uint32_t)participants);
  return call_begin(c, (enum call_kind)o);
}

static enum status check_traffic(const comm *c) {
  const uint64_t by_mpi = c->mpi_bytes - c->mpi_bytes_before;
  const uint64_t by_account = traffic_crossing_bytes(c->traffic) - c->crossing_before;
  if (by_mpi == by_account) return STATUS_OK;
  return CALL_FAIL(c, STATUS_PEER, "MPI sent %llu bytes where the account has %llu", (unsigned long long)by_mpi,
                   (unsigned long long)by_account);
}

enum status exchange_end(comm *c, enum status result, bool is_exact) {
  enum status status = result;
  if (status == STATUS_OK) status = traffic_end(c->traffic);
  if (status == STATUS_OK && is_exact && c->options.check_traffic) status = check_traffic(c);
  return call_end(c, status);
}

void account_message(comm *c, int participant, enum direction d, const message *m) {
  traffic_add(c->traffic, participant, d, message_payload_bits(m), message_wire_bytes(m), message_theory_bits(m));
}

enum status message_hold(comm *c, message *m) {
  for (size_t i = 0; i < c->n_held; i++)
    if (c->held[i] == m) return STATUS_OK;
  TRY_RETURN(array_grow(&c->held, &c->held_capacity, c->n_held + 1, sizeof(message *)));
  c->held[c->n_held++] = m;
  return STATUS_OK;
}

void comm_release(comm *c) {
  for (size_t i = 0; i < c->n_held; i++) message_give_back(c->pool, c->held[i]);
  c->n_held = 0;
}

enum status message_take(comm *c, int participant, message *m, size_t bound) {
  const words who = describe_participant(c, participant);
  if (!m) return CALL_FAIL(c, STATUS_BAD_INPUT, "%s hands over no message", who.text);
  TRY_RETURN(message_hold(c, m));
  TRY_RETURN(event_wait(m->ready));
  const uint64_t n_bytes = message_wire_bytes(m);
  if (n_bytes <= m->capacity && n_bytes <= bound) return STATUS_OK;
  return CALL_FAIL(c, STATUS_BAD_MESSAGE, "the message of %s has %llu bytes; it may have at most %zu", who.text,
                   (unsigned long long)n_bytes, bound < m->capacity ? bound : m->capacity);
}

enum status parcel_send(comm *c, int rank, int from, message *m) {
  TRY_RETURN(array_grow(&c->sends, &c->send_capacity, c->n_sends + 1, sizeof *c->sends));
  c->sends[c->n_sends++] = (parcel){.rank = rank, .from = from, .m = m, .n_bytes = message_wire_bytes(m)};
  return STATUS_OK;
}

enum status parcel_receive(comm *c, int rank, int from, size_t bound) {
  TRY_RETURN(array_grow(&c->receives, &c->receive_capacity, c->n_receives + 1, sizeof *c->receives));
  message *m = NULL;
  TRY_RETURN(message_acquire(c->pool, bound, &m));
  c->receives[c->n_receives++] = (parcel){.rank = rank, .from = from, .m = m, .n_bytes = bound};
  return message_hold(c, m);
}

/* Posts all receives. Parcels keep their places, since MPI writes a parcel's size into it. */
static enum status receives_post(comm *c) {
  for (size_t i = 0; i < c->n_receives; i++) {
    parcel *p = &c->receives[i];
    unsigned char *image = NULL;
    TRY_RETURN(message_host_image(c->pool, p->m, &image));
    const size_t capacity = p->n_bytes < p->m->capacity ? p->n_bytes : p->m->capacity;
    TRY_RETURN(flight_receive(c, c->data, image, capacity, p->rank, p->from, &p->n_bytes));
  }
  return STATUS_OK;
}

/* Posts what leaves this rank; before that, where MPI cannot read the device's memory, copies it to pinned memory, each
 * message once. */
static enum status sends_post(comm *c) {
  unsigned char *image = NULL;
  if (!c->is_host && c->n_sends > 0) {
    for (size_t i = 0; i < c->n_sends; i++) {
      const parcel *p = &c->sends[i];
      bool is_staged = false;
      for (size_t j = i; j-- > 0 && !is_staged;) is_staged = c->sends[j].m == p->m;
      if (is_staged) continue;
      TRY_RETURN(message_host_image(c->pool, p->m, &image));
      stream_copy(c->stream, image, p->m->wire, p->n_bytes);
    }
    event_record(c->staged, c->stream);
    TRY_RETURN(event_wait(c->staged));
  }
  for (size_t i = 0; i < c->n_sends; i++) {
    const parcel *p = &c->sends[i];
    TRY_RETURN(message_host_image(c->pool, p->m, &image));
    TRY_RETURN(flight_send(c, c->data, image, p->n_bytes, p->rank, p->from));
  }
  return STATUS_OK;
}

/* Believes nothing a peer says of its size; the body is the decoder's to check. */
static enum status parcel_open(comm *c, const parcel *p) {
  unsigned char *image = NULL;
  message_head head = {0};
  TRY_RETURN(message_host_image(c->pool, p->m, &image));
  if (p->n_bytes >= sizeof head) memcpy(&head, image, sizeof head);
  if (p->n_bytes < sizeof head || p->n_bytes - sizeof head != head.body_bytes)
    return CALL_FAIL(c, STATUS_BAD_MESSAGE, "the message of %s (rank %d) has %zu bytes, and by its head %llu",
                     describe_participant(c, p->from).text, p->rank, p->n_bytes,
                     (unsigned long long)(sizeof head + head.body_bytes));
  if (c->is_host) return STATUS_OK;
  *p->m->head = head;
  stream_copy(c->stream, p->m->wire, image, p->n_bytes);
  event_record(p->m->ready, c->stream);
  return STATUS_OK;
}

enum status parcels_move(comm *c) {
  TRY_RETURN(receives_post(c));
  TRY_RETURN(sends_post(c));
  TRY_RETURN(flights_wait(c));
  for (size_t i = 0; i < c->n_receives; i++) TRY_RETURN(parcel_open(c, &c->receives[i]));
  return STATUS_OK;
}

/* Every rank's messages go to every other rank. */
static enum status allgather(comm *c, message *const *local, size_t bound, const message **inbox) {
  const int first = comm_first_worker(c), n_local = comm_n_local(c);
  for (int i = 0; i < n_local; i++) {
    TRY_RETURN(message_take(c, first + i, local[i], bound));
    inbox[first + i] = local[i];
    for (int r = 0; r < c->n_ranks; r++)
      if (r != c->rank) TRY_RETURN(parcel_send(c, r, first + i, local[i]));
  }
  for (int w = 0; w < c->n_workers; w++)
    if (!is_local(c, w)) TRY_RETURN(parcel_receive(c, c->rank_of[w], w, bound));
  TRY_RETURN(parcels_move(c));
  for (size_t i = 0; i < c->n_receives; i++) inbox[c->receives[i].from] = c->receives[i].m;

  for (int i = 0; i < n_local; i++) {
    for (int to = 0; to < c->n_workers; to++)
      if (to != first + i) account_message(c, first + i, DIRECTION_PEER, local[i]);
    traffic_add_crossing(c->traffic, (uint64_t)(c->n_ranks - 1) * message_wire_bytes(local[i]));
  }
  return STATUS_OK;
}

enum status comm_allgather(comm *c, message *const *local, size_t bound, const message **inbox) {
  enum status status = exchange_begin(c, OPERATION_ALLGATHER, "direct", c->n_workers);
  if (status == STATUS_OK) status = allgather(c, local, bound, inbox);
  return exchange_end(c, status, true);
}

static enum status gather(comm *c, int root, message *const *local, size_t bound, const message **inbox) {
  const int first = comm_first_worker(c), n_local = comm_n_local(c), root_rank = c->rank_of[root];
  for (int w = 0; w < c->n_workers; w++) inbox[w] = NULL;
  for (int i = 0; i < n_local; i++) {
    TRY_RETURN(message_take(c, first + i, local[i], bound));
    if (root_rank == c->rank)
      inbox[first + i] = local[i];
    else
      TRY_RETURN(parcel_send(c, root_rank, first + i, local[i]));
  }
  if (root_rank == c->rank)
    for (int w = 0; w < c->n_workers; w++)
      if (!is_local(c, w)) TRY_RETURN(parcel_receive(c, c->rank_of[w], w, bound));
  TRY_RETURN(parcels_move(c));
  for (size_t i = 0; i < c->n_receives; i++) inbox[c->receives[i].from] = c->receives[i].m;

  for (int i = 0; i < n_local; i++) {
    if (first + i != root) account_message(c, first + i, DIRECTION_UP, local[i]);
    if (root_rank != c->rank) traffic_add_crossing(c->traffic, message_wire_bytes(local[i]));
  }
  return STATUS_OK;
}

enum status comm_gather(comm *c, int root, message *const *local, size_t bound, const message **inbox) {
  if (root < 0 || root >= c->n_participants)
    return FAIL(STATUS_BAD_INPUT, "gather to participant %d: no such one", root);
  const int n_senders = root < c->n_workers ? c->n_workers : c->n_workers + 1;
  enum status status = exchange_begin(c, OPERATION_GATHER, "star", n_senders);
  if (status == STATUS_OK) status = gather(c, root, local, bound, inbox);
  return exchange_end(c, status, true);
}
