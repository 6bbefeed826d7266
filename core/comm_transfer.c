/* Transfers: an ordered list of messages between participants, all in flight together.
 *
 * A message goes once to each rank. Where a worker sends several times to workers of one rank, only the sender knows
 * which of these are the same message; it then says so in a note over the control channel (uncounted), which the
 * receiver reads before it posts its receives. Both sides see from the list alone whether there is a note. At R = M
 * there is none. */
#include <string.h>

#include "core/comm_state.h"

/* The list, and for each transfer whose sender is local the first transfer with the same message to the same rank. */
typedef struct job {
  transfer *list;
  size_t n;
  uint32_t *origin; /* [n], indices into list; also for those received, once the notes are there */
  uint32_t *notes;  /* [2 n]: notes sent, then notes received */
  int *seen;        /* [participant] */
} job;

static enum status check_list(const comm *c, const transfer *list, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const int from = list[i].from, to = list[i].to;
    if (from < 0 || to < 0 || from >= c->n_participants || to >= c->n_participants || from == to)
      return FAIL(STATUS_BAD_INPUT, "transfer %zu goes from participant %d to %d of %d", i, from, to,
                  c->n_participants);
  }
  return STATUS_OK;
}

static enum status job_create(comm *c, transfer *list, size_t n, job *out) {
  TRY_RETURN(array_grow(&c->words, &c->n_words, 3 * n + (size_t)c->n_participants, sizeof *c->words));
  *out = (job){.list = list, .n = n, .origin = c->words, .notes = c->words + n, .seen = (int *)(c->words + 3 * n)};
  return STATUS_OK;
}

/* How many participants send or receive: who is not in the list goes on with its work. */
static int involved(const comm *c, const job *j) {
  int count = 0;
  memset(j->seen, 0, (size_t)c->n_participants * sizeof *j->seen);
  for (size_t i = 0; i < j->n; i++) count += !j->seen[j->list[i].from]++ + !j->seen[j->list[i].to]++;
  return count;
}

static bool goes(const comm *c, const transfer *t, int from_rank, int to_rank) {
  return c->rank_of[t->from] == from_rank && c->rank_of[t->to] == to_rank;
}

/* Whether a participant of one rank sends more than once to the other rank. */
static bool has_note(const comm *c, const job *j, int from_rank, int to_rank) {
  memset(j->seen, 0, (size_t)c->n_participants * sizeof *j->seen);
  for (size_t i = 0; i < j->n; i++)
    if (goes(c, &j->list[i], from_rank, to_rank) && j->seen[j->list[i].from]++) return true;
  return false;
}

static void find_origins(const comm *c, const job *j) {
  for (size_t i = 0; i < j->n; i++) {
    const transfer *t = &j->list[i];
    j->origin[i] = (uint32_t)i;
    if (!is_local(c, t->from)) continue;
    for (size_t earlier = 0; earlier < i; earlier++) {
      if (j->list[earlier].out != t->out || !goes(c, &j->list[earlier], c->rank, c->rank_of[t->to])) continue;
      j->origin[i] = (uint32_t)earlier;
      break;
    }
  }
}

/* Copies the origins of the transfers between two ranks into a note or, with `is_read`, out of it. */
static size_t note_copy(const comm *c, const job *j, int from_rank, int to_rank, uint32_t *note, bool is_read) {
  size_t n = 0;
  for (size_t i = 0; i < j->n; i++) {
    if (!goes(c, &j->list[i], from_rank, to_rank)) continue;
    if (is_read)
      j->origin[i] = note[n++];
    else
      note[n++] = j->origin[i];
  }
  return n;
}

/* A note is a peer's word: an origin must be an earlier transfer between the same ranks, itself an origin. */
static enum status check_origins(const comm *c, const job *j, int from_rank) {
  for (size_t i = 0; i < j->n; i++) {
    const uint32_t origin = j->origin[i];
    if (!goes(c, &j->list[i], from_rank, c->rank) || origin == i) continue;
    if (origin > i || !goes(c, &j->list[origin], from_rank, c->rank) || j->list[origin].from != j->list[i].from ||
        j->origin[origin] != origin)
      return CALL_FAIL(c, STATUS_BAD_MESSAGE, "rank %d's note about transfer %zu makes no sense", from_rank, i);
  }
  return STATUS_OK;
}

static enum status exchange_notes(comm *c, const job *j) {
  uint32_t *place = j->notes;
  for (int r = 0; r < c->n_ranks; r++) {
    if (r == c->rank) continue;
    if (has_note(c, j, c->rank, r)) {
      const size_t n = note_copy(c, j, c->rank, r, place, false);
      TRY_RETURN(flight_send(c, c->control, place, n * sizeof *place, r, comm_first_worker(c)));
      place += n;
    }
    if (has_note(c, j, r, c->rank)) {
      const size_t n = note_copy(c, j, r, c->rank, place, false); /* counts; the contents are about to come */
      TRY_RETURN(flight_receive(c, c->control, place, n * sizeof *place, r, c->first_worker[r], NULL));
      place += n;
    }
  }
  return flights_wait(c);
}

static enum status read_notes(const comm *c, const job *j) {
  uint32_t *place = j->notes;
  for (int r = 0; r < c->n_ranks; r++) {
    if (r == c->rank) continue;
    if (has_note(c, j, c->rank, r)) place += note_copy(c, j, c->rank, r, place, false);
    if (!has_note(c, j, r, c->rank)) continue;
    place += note_copy(c, j, r, c->rank, place, true);
    TRY_RETURN(check_origins(c, j, r));
  }
  return STATUS_OK;
}

static enum direction direction_of(const comm *c, const transfer *t) {
  if (t->from >= c->n_workers) return DIRECTION_DOWN;
  return t->to >= c->n_workers ? DIRECTION_UP : DIRECTION_PEER;
}

static enum status move(comm *c, const job *j, size_t bound) {
  for (size_t i = 0; i < j->n; i++) {
    const transfer *t = &j->list[i];
    if (j->origin[i] != i || c->rank_of[t->from] == c->rank_of[t->to]) continue;
    if (is_local(c, t->from))
      TRY_RETURN(parcel_send(c, c->rank_of[t->to], t->from, t->out));
    else if (is_local(c, t->to))
      TRY_RETURN(parcel_receive(c, c->rank_of[t->from], t->from, bound));
  }
  TRY_RETURN(parcels_move(c));
  size_t n_in = 0;
  for (size_t i = 0; i < j->n; i++) {
    transfer *t = &j->list[i];
    if (!is_local(c, t->to))
      t->in = NULL;
    else if (is_local(c, t->from))
      t->in = t->out;
    else
      t->in = j->origin[i] == i ? c->receives[n_in++].m : j->list[j->origin[i]].in;
  }
  return STATUS_OK;
}

static enum status transfer_all(comm *c, const job *j, size_t bound) {
  transfer *list = j->list;
  const size_t n = j->n;
  for (size_t i = 0; i < n; i++)
    if (is_local(c, list[i].from)) TRY_RETURN(message_take(c, list[i].from, list[i].out, bound));
  find_origins(c, j);
  TRY_RETURN(exchange_notes(c, j));
  TRY_RETURN(read_notes(c, j));
  TRY_RETURN(move(c, j, bound));
  for (size_t i = 0; i < n; i++) {
    if (!is_local(c, list[i].from)) continue;
    account_message(c, list[i].from, direction_of(c, &list[i]), list[i].out);
    if (!is_local(c, list[i].to) && j->origin[i] == i)
      traffic_add_crossing(c->traffic, message_wire_bytes(list[i].out));
  }
  return STATUS_OK;
}

enum status comm_transfer(comm *c, transfer *list, size_t n, size_t bound) {
  TRY_RETURN(check_list(c, list, n));
  job j;
  TRY_RETURN(job_create(c, list, n, &j));
  enum status status = exchange_begin(c, OPERATION_TRANSFER, "pairs", involved(c, &j));
  if (status == STATUS_OK) status = transfer_all(c, &j, bound);
  return exchange_end(c, status, true);
}
