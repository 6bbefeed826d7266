#include "core/comm_window.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/comm_state.h"

typedef struct sent {
  int participant;
  enum direction direction;
  uint64_t payload_bits, wire_bytes;
  double theory_bits;
} sent;

struct comm_window {
  comm *comm;
  MPI_Comm channel; /* the window's own */
  MPI_Win window;
  unsigned char *own;
  size_t n_bytes;
  sent *sent; /* since the last account */
  size_t n_sent, sent_capacity;
  uint64_t crossing_bytes; /* since then */
};

static enum status open_window(comm_window *w) {
  comm *c = w->comm;
  TRY_RETURN(mpi_check(MPI_Comm_dup(c->data, &w->channel), "duplicate a communicator"));
  TRY_RETURN(mpi_check(MPI_Win_allocate((MPI_Aint)w->n_bytes, 1, MPI_INFO_NULL, w->channel, &w->own, &w->window),
                       "open a window on every rank's memory"));
  TRY_RETURN(mpi_check(MPI_Win_set_errhandler(w->window, MPI_ERRORS_RETURN), "set the error handler"));
  if (w->n_bytes > 0) memset(w->own, 0, w->n_bytes);
  return profile_attach_window(w->window, &c->mpi_bytes);
}

enum status comm_window_create(comm *c, size_t n_bytes, comm_window **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  if (c->n_ranks != c->n_workers)
    return FAIL(STATUS_BAD_INPUT,
                "real asynchrony needs one worker a rank, and here %d workers share %d ranks: --ranks %d", c->n_workers,
                c->n_ranks, c->n_workers);
  if (!c->is_host) return FAIL(STATUS_BAD_INPUT, "real asynchrony needs vectors in host memory: device: cpu");
  if (n_bytes > INT32_MAX) return FAIL(STATUS_UNSUPPORTED, "%zu bytes in one window: MPI takes at most 2^31", n_bytes);
  comm_window *w = calloc(1, sizeof *w);
  if (!w) return FAIL(STATUS_NO_MEMORY, "cannot allocate a window");
  w->comm = c;
  w->n_bytes = n_bytes;
  w->window = MPI_WIN_NULL;
  w->channel = MPI_COMM_NULL;
  TRY(open_window(w));
  *out = w;
  w = NULL;
exit:
  comm_window_destroy(w);
  return status;
}

/* Freeing a window waits for all ranks, and a rank that ends for an error would wait for ever: the window is then left
 * to the end of the process. */
static bool all_have_come(const comm_window *w) {
  static const uint64_t patience_ns = 5000000000u;
  MPI_Request request;
  int is_done = 0;
  if (MPI_Ibarrier(w->channel, &request) != MPI_SUCCESS) return false;
  const uint64_t begun_ns = w->comm->options.now_ns();
  while (!is_done && w->comm->options.now_ns() - begun_ns < patience_ns) {
    if (MPI_Test(&request, &is_done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (!is_done) sched_yield();
  }
  return is_done;
}

void comm_window_destroy(comm_window *w) {
  if (!w) return;
  if (w->window != MPI_WIN_NULL && all_have_come(w)) {
    MPI_Win_free(&w->window);
    MPI_Comm_free(&w->channel);
  }
  free(w->sent);
  free(w);
}

enum status comm_window_lock(comm_window *w, int r) {
  return mpi_check(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, r, 0, w->window), "lock a rank's memory");
}

enum status comm_window_unlock(comm_window *w, int r) {
  return mpi_check(MPI_Win_unlock(r, w->window), "unlock a rank's memory");
}

void *comm_window_own(comm_window *w) { return w->own; }

enum status comm_window_get(comm_window *w, int r, size_t offset, size_t n_bytes, void *to) {
  if (r == w->comm->rank) {
    memcpy(to, w->own + offset, n_bytes);
    return STATUS_OK;
  }
  const int n = (int)n_bytes;
  TRY_RETURN(mpi_check(MPI_Get(to, n, MPI_BYTE, r, (MPI_Aint)offset, n, MPI_BYTE, w->window), "read a rank's memory"));
  w->crossing_bytes += n_bytes;
  return mpi_check(MPI_Win_flush(r, w->window), "end the reading of a rank's memory");
}

enum status comm_window_put(comm_window *w, int r, size_t offset, size_t n_bytes, const void *from) {
  if (r == w->comm->rank) {
    memcpy(w->own + offset, from, n_bytes);
    return STATUS_OK;
  }
  const int n = (int)n_bytes;
  TRY_RETURN(
      mpi_check(MPI_Put(from, n, MPI_BYTE, r, (MPI_Aint)offset, n, MPI_BYTE, w->window), "write a rank's memory"));
  w->crossing_bytes += n_bytes;
  return mpi_check(MPI_Win_flush(r, w->window), "end the writing of a rank's memory");
}

enum status comm_window_count(comm_window *w, int participant, enum direction d, uint64_t payload_bits,
                              uint64_t wire_bytes, double theory_bits) {
  TRY_RETURN(array_grow(&w->sent, &w->sent_capacity, w->n_sent + 1, sizeof *w->sent));
  w->sent[w->n_sent++] = (sent){participant, d, payload_bits, wire_bytes, theory_bits};
  return STATUS_OK;
}

enum status comm_window_account(comm_window *w) {
  traffic *t = w->comm->traffic;
  traffic_begin(t, OPERATION_TRANSFER, "one-sided", (uint32_t)w->comm->n_participants);
  for (size_t i = 0; i < w->n_sent; i++) {
    const sent *s = &w->sent[i];
    traffic_add(t, s->participant, s->direction, s->payload_bits, s->wire_bytes, s->theory_bits);
  }
  traffic_add_crossing(t, w->crossing_bytes);
  w->n_sent = 0;
  w->crossing_bytes = 0;
  return traffic_end(t);
}
