#include "core/comm_window.h"

#include <sched.h>
#include <stdlib.h>

#include "core/comm_state.h"

struct comm_window {
  comm *comm;
  MPI_Comm channel; /* the window's own */
  MPI_Win window;
  float *own;
  size_t n;
  uint64_t *n_sent; /* [worker]: vectors it has sent by this rank's doing since the last account */
};

static enum status open_window(comm_window *w) {
  comm *c = w->comm;
  TRY_RETURN(mpi_check(MPI_Comm_dup(c->data, &w->channel), "duplicate a communicator"));
  TRY_RETURN(mpi_check(MPI_Win_allocate((MPI_Aint)(w->n * sizeof *w->own), sizeof *w->own, MPI_INFO_NULL, w->channel,
                                        &w->own, &w->window),
                       "open a window on every worker's vector"));
  TRY_RETURN(mpi_check(MPI_Win_set_errhandler(w->window, MPI_ERRORS_RETURN), "set the error handler"));
  return profile_attach_window(w->window, &c->mpi_bytes);
}

enum status comm_window_create(comm *c, size_t n, comm_window **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  if (c->n_ranks != c->n_workers)
    return FAIL(STATUS_BAD_INPUT,
                "real asynchrony needs one worker a rank, and here %d workers share %d ranks: --ranks %d", c->n_workers,
                c->n_ranks, c->n_workers);
  if (!c->is_host) return FAIL(STATUS_BAD_INPUT, "real asynchrony needs vectors in host memory: device: cpu");
  if (n > INT32_MAX) return FAIL(STATUS_UNSUPPORTED, "%zu floats in one window: MPI takes at most 2^31", n);
  comm_window *w = calloc(1, sizeof *w);
  if (!w) return FAIL(STATUS_NO_MEMORY, "cannot allocate a window");
  w->comm = c;
  w->n = n;
  w->window = MPI_WIN_NULL;
  w->channel = MPI_COMM_NULL;
  w->n_sent = calloc((size_t)c->n_workers, sizeof *w->n_sent);
  if (!w->n_sent) TRY(FAIL(STATUS_NO_MEMORY, "cannot allocate the account of a window"));
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
  free(w->n_sent);
  free(w);
}

enum status comm_window_lock(comm_window *w, int p) {
  return mpi_check(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, p, 0, w->window), "lock a worker's vector");
}

enum status comm_window_unlock(comm_window *w, int p) {
  return mpi_check(MPI_Win_unlock(p, w->window), "unlock a worker's vector");
}

float *comm_window_own(comm_window *w) { return w->own; }

enum status comm_window_get(comm_window *w, int p, float *to) {
  const int n = (int)w->n;
  TRY_RETURN(mpi_check(MPI_Get(to, n, MPI_FLOAT, p, 0, n, MPI_FLOAT, w->window), "read a worker's vector"));
  w->n_sent[p]++;
  return mpi_check(MPI_Win_flush(p, w->window), "end the reading of a worker's vector");
}

enum status comm_window_put(comm_window *w, int p, const float *from) {
  const int n = (int)w->n;
  TRY_RETURN(mpi_check(MPI_Put(from, n, MPI_FLOAT, p, 0, n, MPI_FLOAT, w->window), "write a worker's vector"));
  w->n_sent[w->comm->rank]++;
  return mpi_check(MPI_Win_flush(p, w->window), "end the writing of a worker's vector");
}

enum status comm_window_account(comm_window *w) {
  traffic *t = w->comm->traffic;
  const uint64_t n_bytes = w->n * sizeof(float);
  traffic_begin(t, OPERATION_TRANSFER, "one-sided", (uint32_t)w->comm->n_workers);
  for (int p = 0; p < w->comm->n_workers; p++)
    for (; w->n_sent[p] > 0; w->n_sent[p]--) {
      traffic_add(t, p, DIRECTION_PEER, 8 * n_bytes, n_bytes, 8.0 * (double)n_bytes);
      traffic_add_crossing(t, n_bytes);
    }
  return traffic_end(t);
}
