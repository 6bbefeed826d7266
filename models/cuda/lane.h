/* A lane: a graph compiled once with memory and a stream of its own, so that several steps may run side by side. The
 * host fills one of two packets while the device may still read the other, so that it runs ahead and waits for nothing
 * but a step of before the last. A pass that comes again with the same pointers is replayed from a recording. */
#ifndef TERSE_MODELS_CUDA_LANE_H
#define TERSE_MODELS_CUDA_LANE_H

#include "models/cuda/compiler.h"
#include "models/cuda/resident_set.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LANE_SLOTS = 2, LANE_RECORDINGS = 64 };

/* What the device is given for one pass; pinned host memory. */
typedef struct slot {
  control *control; /* sample numbers follow it */
  float *samples;   /* of data sets the device does not keep: samples, then labels; NULL until there is one */
  event *read;      /* the device has it */
} slot;

/* Passes that are recorded apart. */
enum pass_kind { PASS_STEP, PASS_SCORE, PASS_ADD };
typedef struct pass_key {
  uint64_t kind, mode;
  const float *params, *state, *gradient, *loss;
} pass_key;

typedef struct lane {
  device *device;
  stream *stream;
  bool owns_stream;
  const library_ops *libraries;
  library *library;
  program program;
  tensor *outcome;
  size_t batch, n_inputs, n_labels, n_state; /* of a sample; floats of state */
  slot slots[LANE_SLOTS];
  int slot; /* the present pass's */
  bool is_staged; /* the present batch comes as samples */
  control *control;  /* device: the present pass's, and its sample numbers */
  float *samples;    /* device; NULL until needed */
  double *squares;   /* device: |params|^2 */
  void *scratch;     /* device, see vec_scratch_bytes */
  event *done;
  uint64_t warm;     /* kinds and modes of passes that have run unrecorded: libraries set themselves up then */
  struct {
    pass_key key;
    recording *recording;
  } recordings[LANE_RECORDINGS];
  int n_recordings, oldest;
} lane;

/* s NULL: a stream of its own. */
enum status lane_open(lane *l, device *d, stream *s, const graph *g, size_t batch,
                      const net_options *options, const library_ops *libraries) WARN_UNUSED;
void lane_close(lane *l); /* harmless on a zeroed one */
/* Takes the next slot, waiting until the device has read it, and describes the batch in it. set NULL: the data set is
 * fetched on the host. */
enum status lane_load(lane *l, const data *d, const batch_request *request, const resident_set *set) WARN_UNUSED;
/* Issues what the slot holds, with what the pass adds to it. */
void lane_send(lane *l, const pass *p);
/* Issues work(context, l), from a recording where the key has come before. */
void lane_run(lane *l, const pass_key *key, void (*work)(void *context, lane *l), void *context);

#ifdef __cplusplus
}
#endif
#endif
