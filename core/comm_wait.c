/* Transfers in flight: posting them, waiting for them under a deadline, and saying what is wrong when nothing comes.
 *
 * A tag carries the kind of call and its sequence number, so that calls that do not match never exchange a byte: they
 * both wait, or leave a message that nobody takes. A rank is out of step where there is a message from it of this
 * call's number but another kind; or of a lower number, since all of those were received; or of a higher number that
 * overtook, on its channel, one that this rank waits for, which MPI does not allow.
 *
 * Two ranks that wait for each other have sent nothing. So a rank that has heard nothing for a while sends signals,
 * empty messages with its tag on a channel for that, to those it waits for; this call's number with another kind is a
 * mismatch again, and anything else is somebody slow. Whoever finds a failure tells the others by a notice on that
 * channel. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/comm_state.h"

/* How long a rank hears nothing before it looks around, and how often it does from then on. */
static const uint64_t look_every_ns = 200000000;

const char *call_name(int kind) {
  if (kind < N_OPERATIONS) return operation_name((enum operation)kind);
  switch (kind) {
    case CALL_CONTROL:
      return "control";
    case CALL_PROBE_SUM:
      return "probe sum";
    case CALL_COLLECT:
      return "collection of exchanges";
    default:
      return "an unknown call";
  }
}

/* "rank 1 (worker 2)" or "rank 1 (workers 2-3)". */
static words describe_rank(const comm *c, int rank) {
  words out;
  const int first = c->first_worker[rank], last = c->first_worker[rank + 1] - 1;
  if (first == last)
    snprintf(out.text, sizeof out.text, "rank %d (worker %d)", rank, first);
  else
    snprintf(out.text, sizeof out.text, "rank %d (workers %d-%d)", rank, first, last);
  return out;
}

words describe_participant(const comm *c, int p) {
  words out;
  const bool is_worker = p < c->n_workers;
  snprintf(out.text, sizeof out.text, "%s %d", is_worker ? "worker" : "server", is_worker ? p : p - c->n_workers);
  return out;
}

static enum status flight_add(comm *c, flight f) {
  if (c->n_flights == c->flight_capacity) {
    const int grown = c->flight_capacity ? 2 * c->flight_capacity : 32;
    size_t capacity[4] = {0};
    TRY_RETURN(array_grow(&c->flights, &capacity[0], (size_t)grown, sizeof *c->flights));
    TRY_RETURN(array_grow(&c->requests, &capacity[1], (size_t)grown, sizeof(MPI_Request)));
    TRY_RETURN(array_grow(&c->statuses, &capacity[2], (size_t)grown, sizeof *c->statuses));
    TRY_RETURN(array_grow(&c->completed, &capacity[3], (size_t)grown, sizeof *c->completed));
    c->flight_capacity = grown;
  }
  c->requests[c->n_flights] = MPI_REQUEST_NULL;
  c->flights[c->n_flights++] = f;
  return STATUS_OK;
}

/* MPI 3 counts in int. */
static enum status check_size(const comm *c, size_t n_bytes) {
  if (n_bytes <= INT32_MAX) return STATUS_OK;
  return CALL_FAIL(c, STATUS_UNSUPPORTED,
                   "%zu bytes in one message: MPI takes at most 2 GiB; use more workers or scopes", n_bytes);
}

enum status flight_send(comm *c, MPI_Comm channel, const void *data, size_t n_bytes, int rank, int participant) {
  TRY_RETURN(check_size(c, n_bytes));
  TRY_RETURN(
      flight_add(c, (flight){.channel = channel, .rank = rank, .participant = participant, .capacity = n_bytes}));
  return mpi_check(MPI_Isend(data, (int)n_bytes, MPI_BYTE, rank, c->tag, channel, &c->requests[c->n_flights - 1]),
                   "send a message");
}

enum status flight_receive(comm *c, MPI_Comm channel, void *data, size_t capacity, int rank, int participant,
                           size_t *received) {
  TRY_RETURN(check_size(c, capacity));
  TRY_RETURN(flight_add(c, (flight){.channel = channel,
                                    .rank = rank,
                                    .participant = participant,
                                    .is_receive = true,
                                    .capacity = capacity,
                                    .received = received}));
  return mpi_check(MPI_Irecv(data, (int)capacity, MPI_BYTE, rank, c->tag, channel, &c->requests[c->n_flights - 1]),
                   "receive a message");
}

enum status flight_collective(comm *c, MPI_Request **request) {
  TRY_RETURN(flight_add(c, (flight){.channel = c->data, .rank = -1}));
  *request = &c->requests[c->n_flights - 1];
  return STATUS_OK;
}

/* ---- what is wrong ---- */

/* Whether something is still to come from a rank, as MPI sees it now. */
static bool awaits(const comm *c, int rank, MPI_Comm channel) {
  for (int i = 0; i < c->n_flights; i++) {
    int is_done = 0;
    if (c->requests[i] == MPI_REQUEST_NULL || !c->flights[i].is_receive || c->flights[i].rank != rank ||
        c->flights[i].channel != channel)
      continue;
    if (MPI_Request_get_status(c->requests[i], &is_done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !is_done) return true;
  }
  return false;
}

static enum status fail_mismatch(const comm *c, const MPI_Status *from, uint64_t sequence) {
  const char *their_call = call_name(from->MPI_TAG % N_CALL_KINDS), *my_call = call_name((int)c->call);
  return FAIL(STATUS_PEER, "%s is in %s #%llu while this rank is in %s #%llu: the ranks' calls do not match",
              describe_rank(c, from->MPI_SOURCE).text, their_call, (unsigned long long)sequence, my_call,
              (unsigned long long)c->sequence);
}

/* Whether the first message from `rank` (or MPI_ANY_SOURCE) that nobody asked for shows its sender out of step. One of a
 * later call does where the present call's is not there: it may still be on its way in, if its sender's MPI has taken
 * it and let the sender go on, so that nothing has to come for a while before that is said. */
static enum status find_mismatch(comm *c, int rank, MPI_Comm channel) {
  int found = 0;
  MPI_Status from;
  TRY_RETURN(mpi_check(MPI_Iprobe(rank, MPI_ANY_TAG, channel, &found, &from), "look for messages"));
  if (!found || from.MPI_TAG == c->tag) return STATUS_OK;
  const uint64_t theirs = (uint64_t)from.MPI_TAG / N_CALL_KINDS, mine = c->sequence % c->n_sequences;
  const uint64_t ahead = (theirs + c->n_sequences - mine) % c->n_sequences;
  const bool is_later = ahead != 0 && ahead < c->n_sequences / 2;
  if (is_later && !awaits(c, from.MPI_SOURCE, channel)) return STATUS_OK;
  const uint64_t patience_ns = (uint64_t)(c->options.deadline_s / 60 * 1e9), now_ns = c->options.now_ns();
  if (is_later && c->suspected_ns == 0) c->suspected_ns = now_ns;
  if (is_later && now_ns - c->suspected_ns <= patience_ns) return STATUS_OK;
  return fail_mismatch(c, &from, is_later || ahead == 0 ? c->sequence + ahead : c->sequence - (c->n_sequences - ahead));
}

/* Takes all signals and notices that have come. */
static enum status hear_signals(comm *c) {
  for (;;) {
    int found = 0;
    char notice[NOTICE_BYTES] = "";
    MPI_Status from;
    TRY_RETURN(mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, c->signals, &found, &from), "look for signals"));
    if (!found) return STATUS_OK;
    const int code = MPI_Recv(notice, sizeof notice - 1, MPI_CHAR, from.MPI_SOURCE, from.MPI_TAG, c->signals, &from);
    TRY_RETURN(mpi_check(code, "receive a signal"));
    if (from.MPI_TAG == CALL_NOTICE) {
      c->failed = true; /* everyone has had the same notice */
      return CALL_FAIL(c, STATUS_PEER, "%s gave up: %s", describe_rank(c, from.MPI_SOURCE).text, notice);
    }
    const bool is_this_number = from.MPI_TAG / N_CALL_KINDS == c->tag / N_CALL_KINDS;
    if (is_this_number && from.MPI_TAG != c->tag) return fail_mismatch(c, &from, c->sequence);
  }
}

static enum status send_signals(const comm *c) {
  for (int r = 0; r < c->n_ranks; r++) {
    if (!awaits(c, r, c->data) && !awaits(c, r, c->control)) continue;
    MPI_Request request;
    TRY_RETURN(mpi_check(MPI_Isend(NULL, 0, MPI_CHAR, r, c->tag, c->signals, &request), "send a signal"));
    TRY_RETURN(mpi_check(MPI_Request_free(&request), "let go of a signal"));
  }
  return STATUS_OK;
}

static enum status look_around(comm *c) {
  TRY_RETURN(hear_signals(c));
  for (int r = 0; r < c->n_ranks; r++) {
    if (r == c->rank) continue;
    TRY_RETURN(find_mismatch(c, r, c->data));
    TRY_RETURN(find_mismatch(c, r, c->control));
  }
  return send_signals(c);
}

/* The deadline has passed: names what is missing, receives before sends. */
static enum status fail_late(const comm *c) {
  const flight *late = NULL;
  for (int i = 0; i < c->n_flights; i++)
    if (c->requests[i] != MPI_REQUEST_NULL && (!late || (c->flights[i].is_receive && !late->is_receive)))
      late = &c->flights[i];
  const double seconds = c->options.deadline_s;
  if (late->rank < 0) return CALL_FAIL(c, STATUS_PEER, "not every rank took part within %g s", seconds);
  const words who = describe_participant(c, late->participant);
  if (late->is_receive)
    return CALL_FAIL(c, STATUS_PEER, "no message from %s (rank %d) within %g s", who.text, late->rank, seconds);
  return CALL_FAIL(c, STATUS_PEER, "%s did not take the message of %s within %g s", describe_rank(c, late->rank).text,
                   who.text, seconds);
}

/* MPI's own verdict on one transfer. */
static enum status fail_flight(const comm *c, const flight *f, int code) {
  char reason[MPI_MAX_ERROR_STRING] = "";
  int length = 0, class = MPI_SUCCESS;
  MPI_Error_class(code, &class);
  MPI_Error_string(code, reason, &length);
  if (f->rank < 0) return CALL_FAIL(c, STATUS_PEER, "%s", reason);
  const words who = describe_participant(c, f->participant);
  if (class == MPI_ERR_TRUNCATE)
    return CALL_FAIL(c, STATUS_PEER, "the message of %s (rank %d) is longer than the %zu bytes it may have", who.text,
                     f->rank, f->capacity);
  return CALL_FAIL(c, STATUS_PEER, "message of %s, other end rank %d: %s", who.text, f->rank, reason);
}

/* ---- a call ---- */

enum status call_begin(comm *c, enum call_kind kind) {
  c->call = kind;
  c->sequence++;
  if (c->failed) return CALL_FAIL(c, STATUS_PEER, "an earlier exchange failed, so the ranks are out of step");
  c->tag = (int)(c->sequence % c->n_sequences) * N_CALL_KINDS + (int)kind;
  c->begun_ns = c->options.now_ns();
  c->suspected_ns = 0;
  TRY_RETURN(hear_signals(c));
  return find_mismatch(c, MPI_ANY_SOURCE, c->data); /* what an earlier call left behind */
}

/* Takes note of n transfers that MPI calls complete. */
static enum status complete(comm *c, int n, bool has_errors) {
  for (int i = 0; i < n; i++) {
    const flight *f = &c->flights[c->completed[i]];
    if (has_errors && c->statuses[i].MPI_ERROR != MPI_SUCCESS) return fail_flight(c, f, c->statuses[i].MPI_ERROR);
    if (!f->is_receive) continue;
    int n_bytes = 0;
    TRY_RETURN(mpi_check(MPI_Get_count(&c->statuses[i], MPI_BYTE, &n_bytes), "tell a message's size"));
    if (f->received)
      *f->received = (size_t)n_bytes;
    else if ((size_t)n_bytes != f->capacity)
      return CALL_FAIL(c, STATUS_PEER, "%s (rank %d) sent %d bytes where %zu were due",
                       describe_participant(c, f->participant).text, f->rank, n_bytes, f->capacity);
  }
  return STATUS_OK;
}

/* A rank that was itself held up finds the deadline passed and messages there that MPI takes one by one: it goes on
 * taking them for a moment before it says who is late. */
enum status flights_wait(comm *c) {
  const uint64_t deadline_ns = c->begun_ns + (uint64_t)(c->options.deadline_s * 1e9);
  const uint64_t patience_ns = (uint64_t)(c->options.deadline_s / 60 * 1e9);
  uint64_t look_ns = c->options.now_ns() + look_every_ns, passed_ns = 0; /* passed: when the deadline was first seen */
  int n_pending = c->n_flights;
  while (n_pending > 0) {
    int n = 0;
    const int code = MPI_Testsome(c->n_flights, c->requests, &n, c->completed, c->statuses);
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) TRY_RETURN(mpi_check(code, "test transfers"));
    if (n > 0) TRY_RETURN(complete(c, n, code == MPI_ERR_IN_STATUS));
    if ((n_pending -= n) == 0) break;
    const uint64_t now_ns = c->options.now_ns();
    if (passed_ns == 0 && now_ns > deadline_ns) passed_ns = now_ns;
    const bool is_late = passed_ns > 0 && now_ns - passed_ns > patience_ns;
    if (n > 0) look_ns = now_ns + look_every_ns, c->suspected_ns = 0;
    if (is_late || now_ns > look_ns) {
      TRY_RETURN(look_around(c));
      look_ns = now_ns + look_every_ns;
    }
    if (is_late) return fail_late(c);
    sched_yield();
  }
  c->n_flights = 0;
  return STATUS_OK;
}

/* Cancels what was to come, and gives MPI a moment to finish what it had begun, since the memory may go away next. It
 * cannot take back a send or a collective: after a failure the process should end soon. */
static void abandon(comm *c) {
  const uint64_t patience_ns = c->options.now_ns() + look_every_ns;
  for (int i = 0; i < c->n_flights; i++)
    if (c->requests[i] != MPI_REQUEST_NULL && c->flights[i].is_receive) MPI_Cancel(&c->requests[i]);
  for (int i = 0; i < c->n_flights; i++) {
    int is_done = c->requests[i] == MPI_REQUEST_NULL || c->flights[i].rank < 0;
    while (!is_done && c->flights[i].is_receive && c->options.now_ns() < patience_ns)
      if (MPI_Test(&c->requests[i], &is_done, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
    if (!is_done && c->requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&c->requests[i]);
  }
  c->n_flights = 0;
}

static void tell_others(comm *c) {
  snprintf(c->notice, sizeof c->notice, "%s", status_detail());
  for (int r = 0; r < c->n_ranks; r++) {
    if (r == c->rank || flight_add(c, (flight){.channel = c->signals, .rank = r}) != STATUS_OK) continue;
    MPI_Isend(c->notice, (int)strlen(c->notice), MPI_CHAR, r, CALL_NOTICE, c->signals, &c->requests[c->n_flights - 1]);
  }
}

enum status call_end(comm *c, enum status result) {
  if (result == STATUS_OK || c->closed) return result;
  abandon(c);
  if (!c->failed) tell_others(c); /* else all have had the same notice */
  c->failed = c->closed = true;
  return result;
}

void flights_settle(comm *c) {
  const uint64_t patience_ns = c->n_flights > 0 ? c->options.now_ns() + look_every_ns : 0;
  int all_done = c->n_flights == 0;
  while (!all_done && c->options.now_ns() < patience_ns)
    if (MPI_Testall(c->n_flights, c->requests, &all_done, MPI_STATUSES_IGNORE) != MPI_SUCCESS) break;
  if (!all_done) abandon(c);
}
