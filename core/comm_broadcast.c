/* Broadcast over a star or a binomial tree of participants.
 *
 * Participants stand in a line: the root, then the workers after it in order, going round. In the star the root sends
 * to everybody. In the binomial tree, in step i those at positions below 2^i, who have the message, send to position +
 * 2^i: the parent of position v > 0 is v without its highest bit. Every edge of the tree is counted as sent by its
 * parent.
 *
 * A rank needs the message once: it comes along the edge to the rank's lowest position. The parent of that edge stands
 * lower and on another rank, so the ranks form a tree too; at R = M it is the declared one. In a tree a note travels
 * beside the message, on the control channel and uncounted, since relays account for what they send. */
#include "core/comm_state.h"

typedef struct line {
  int root, n; /* participants in the broadcast */
  bool is_tree;
} line;

/* Which participant stands at a position. */
static int participant_at(const comm *c, const line *l, int position) {
  if (l->root < c->n_workers) return (l->root + position) % c->n_workers;
  return position == 0 ? l->root : position - 1;
}

static int parent_of(const line *l, int position) {
  if (!l->is_tree) return 0;
  int highest = 1;
  while (2 * highest <= position) highest *= 2;
  return position - highest;
}

/* The lowest position on a rank. */
static int entrance_of(const comm *c, const line *l, int rank) {
  int position = 0;
  while (c->rank_of[participant_at(c, l, position)] != rank) position++;
  return position;
}

/* This rank gets the message from the rank its entrance's parent lives on. */
static enum status receive(comm *c, const line *l, size_t bound, message **out) {
  const int from = participant_at(c, l, parent_of(l, entrance_of(c, l, c->rank)));
  c->relay = (relay_note){0};
  if (l->is_tree) TRY_RETURN(flight_receive(c, c->control, &c->relay, sizeof c->relay, c->rank_of[from], from, NULL));
  TRY_RETURN(parcel_receive(c, c->rank_of[from], from, bound));
  TRY_RETURN(parcels_move(c));
  *out = c->receives[0].m;
  (*out)->inner_bytes = (uint32_t)c->relay.inner_bytes;
  (*out)->theory_bits = c->relay.theory_bits;
  c->n_receives = 0;
  return STATUS_OK;
}

static enum status pass_on(comm *c, const line *l, message *m) {
  c->relay = (relay_note){.inner_bytes = m->inner_bytes, .theory_bits = message_theory_bits(m)};
  for (int r = 0; r < c->n_ranks; r++) {
    const int entrance = entrance_of(c, l, r);
    if (entrance == 0) continue;
    const int from = participant_at(c, l, parent_of(l, entrance));
    if (!is_local(c, from)) continue;
    if (l->is_tree) TRY_RETURN(flight_send(c, c->control, &c->relay, sizeof c->relay, r, from));
    TRY_RETURN(parcel_send(c, r, from, m));
    traffic_add_crossing(c->traffic, message_wire_bytes(m));
  }
  TRY_RETURN(parcels_move(c));
  const enum direction d = l->root < c->n_workers ? DIRECTION_PEER : DIRECTION_DOWN;
  for (int position = 1; position < l->n; position++) {
    const int from = participant_at(c, l, parent_of(l, position));
    if (is_local(c, from)) account_message(c, from, d, m);
  }
  return STATUS_OK;
}

static enum status broadcast(comm *c, const line *l, message *m, size_t bound, const message **out) {
  if (is_local(c, l->root))
    TRY_RETURN(message_take(c, l->root, m, bound));
  else
    TRY_RETURN(receive(c, l, bound, &m));
  *out = m;
  return pass_on(c, l, m);
}

enum status comm_broadcast(comm *c, int root, enum broadcast_algorithm a, message *m, size_t bound,
                           const message **out) {
  *out = NULL;
  if (root < 0 || root >= c->n_participants)
    return FAIL(STATUS_BAD_INPUT, "broadcast from participant %d: no such one", root);
  const line l = {
      .root = root, .n = root < c->n_workers ? c->n_workers : c->n_workers + 1, .is_tree = a == BROADCAST_BINOMIAL};
  enum status status = exchange_begin(c, OPERATION_BROADCAST, l.is_tree ? "binomial" : "star", l.n);
  if (status == STATUS_OK) status = broadcast(c, &l, m, bound, out);
  return exchange_end(c, status, true);
}
