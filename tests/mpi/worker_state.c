/* What a worker has beside parameters: the h and c of an LSTM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/lab.h"

/* What a worker carries is its own, is part of the digest, and is what the next round goes on from. */
static int case_worker_state(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const lab_options o = {.dataset = "tiny-text",
                         .model = "lstm layers=2 units=6",
                         .n_workers = 5,
                         .method = "sgd",
                         .batch = 2,
                         .seed = 3,
                         .optimizer = {.lr = 0.1}};
  uint64_t before, after, uninterrupted;
  lab l;
  CASE_OK(lab_whole_run(&o, 4, &uninterrupted, NULL));
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 3));
  const size_t n_bytes = net_n_state(l.net) * sizeof(float);
  float *state = malloc(2 * n_bytes);
  CASE_CHECK(n_bytes == 2 * 2 * 2 * 6 * sizeof(float) && state);
  for (int i = 0; i < l.env.n_local; i++) {
    stream_copy(l.stream, state + (size_t)(i % 2) * n_bytes / sizeof *state, l.workers[i].state, n_bytes);
    CASE_OK(stream_synchronize(l.stream));
    CASE_CHECK(state[0] != 0 && (i == 0 || memcmp(state, state + n_bytes / sizeof *state, n_bytes) != 0));
  }
  CASE_OK(lab_digest(&l, &before));
  if (l.workers[0].id == 0) vec_fill(l.stream, l.workers[0].state, 0, n_bytes / sizeof *state);
  CASE_OK(lab_digest(&l, &after));
  CASE_CHECK(after != before);
  CASE_OK(lab_run(&l, 3, 4));
  CASE_OK(lab_digest(&l, &after));
  CASE_CHECK(after != uninterrupted);
  free(state);
  lab_close(&l);
  return 0;
}

const mpi_case worker_state_cases[] = {
    {"worker-state", case_worker_state},
    {NULL, NULL},
};
