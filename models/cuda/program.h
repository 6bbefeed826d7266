/* A graph compiled for a GPU: a flat list of steps over tensors, the forward pass first. A step issues a library call or
 * a kernel of ours. What changes from pass to pass and is not a pointer of the caller's is read from a `control` in
 * device memory, so that a pass can be recorded once and replayed.
 *
 * Images are (batch, height, width, channels), sequences (steps, batch, width): matrices of rows and channels. Tensors
 * share memory where their lives do not overlap: a tensor lives from the first step that names it to the last. */
#ifndef TERSE_MODELS_CUDA_PROGRAM_H
#define TERSE_MODELS_CUDA_PROGRAM_H

#include "core/rng.h"
#include "models/cuda/library.h"
#include "models/executor.h"
#include "models/lives.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a tensor's memory comes from. KEPT: its own, from pass to pass. */
enum tensor_source { TENSOR_OWN, TENSOR_KEPT, TENSOR_PARAMS, TENSOR_GRADIENT, TENSOR_STATE };

typedef struct tensor {
  enum tensor_source source;
  life life;     /* its bytes, and the steps it lives through */
  size_t offset; /* bytes into `of`, or floats into the vector that is bound */
  struct tensor *of; /* a part of another tensor; else NULL */
  bool is_half;  /* bf16, else what its steps take it for: mostly fp32 */
  const void *contents; /* KEPT: what it begins with, host memory; NULL: zeros */
  struct tensor *next;
} tensor;

/* What a pass is about, in device memory. */
typedef struct control {
  /* the batch: sample numbers `ids` of a resident data set's bytes, or, where bytes is NULL, samples and labels as the
   * data set's fetch gives them */
  const uint32_t *ids;
  const unsigned char *bytes;
  const float *values; /* RESIDENT_MAX_CHANNELS x 256 */
  const float *samples;
  const int32_t *labels;
  size_t first, stride, first_label, stride_label; /* see resident_split */
  int32_t is_text, padding;                        /* padding: 0 where images are taken as they are */
  rng_key view_key;
  /* the pass: see models/executor.h */
  rng_key drop_key;
  uint32_t drops, fresh;
  uint64_t count, total, collected;
} control;

/* Loss and hits of the counting samples of one pass, in device memory. */
typedef struct outcome {
  double loss;
  uint64_t n_right;
} outcome;

typedef struct binding {
  unsigned char *memory;
  const control *control;
  enum run_mode mode;
  const float *params;
  float *gradient, *state;
} binding;

enum { STEP_TENSORS = 8 };
typedef struct step {
  void (*run)(const struct step *s, const binding *b, stream *stream);
  unsigned modes;           /* the passes it takes part in, of enum run_mode; 0: all */
  tensor *t[STEP_TENSORS];  /* as each function says; NULL where it says so */
  size_t rows, columns, inner;
  size_t in[3], out[3], kernel, stride, pad; /* of images */
  bool relu;
  float beta, rate;
  char op[2]; /* product */
  size_t layer;
  double smoothing;
  const library_ops *ops; /* of library calls, with the next ones */
  library *library;
  conv_plan *conv;
  lstm_plan *lstm;
} step;

typedef struct program {
  enum status status; /* the first failure of adding something */
  step *steps, spare;
  size_t n_steps, capacity, n_forward;
  tensor *tensors, no_tensor;
  life *lives;    /* of the tensors with memory of their own */
  size_t n_bytes; /* of memory, once planned */
  unsigned char *memory;
  device *device;
} program;

/* Room for `capacity` steps. */
enum status gpu_program_begin(program *p, device *d, size_t capacity) WARN_UNUSED;
void gpu_program_end(program *p); /* harmless on a zeroed one */

/* Keeps a failure in p->status, unless there is one; STATUS_OK is ignored. */
static inline void gpu_program_fail(program *p, enum status status) {
  if (p->status == STATUS_OK) p->status = status;
}

/* A zeroed step to be filled, valid until the next one; a tensor. Failures are kept in p->status. */
step *gpu_program_step(program *p, void (*run)(const step *, const binding *, stream *));
tensor *gpu_program_tensor(program *p, enum tensor_source source, size_t n_bytes);
/* A part of another tensor, `offset` bytes into it. */
tensor *gpu_program_part(program *p, tensor *of, size_t offset, size_t n_bytes);
/* n floats of the bound parameters, gradient or state, from `offset` on. */
tensor *gpu_program_bound(program *p, enum tensor_source source, size_t offset, size_t n);

/* Lays the tensors out (KEPT ones by themselves), allocates their memory and fills it; waits for the stream. */
enum status gpu_program_plan(program *p, stream *s) WARN_UNUSED;

/* Issues the forward pass, and with `backward` the rest. */
void gpu_program_run(const program *p, const binding *b, bool backward, stream *s);

/* Where a tensor lies. */
static inline void *tensor_at(const binding *b, const tensor *t) {
  if (t->of) return (unsigned char *)tensor_at(b, t->of) + t->offset;
  if (t->source == TENSOR_PARAMS) return (void *)(b->params + t->offset); /* steps only read it */
  if (t->source == TENSOR_GRADIENT) return b->gradient + t->offset;
  if (t->source == TENSOR_STATE) return b->state + t->offset;
  return b->memory + t->life.offset;
}
static inline size_t tensor_elements(const tensor *t) { return t->life.n_bytes / (t->is_half ? 2 : sizeof(float)); }
static inline float *floats_at(const binding *b, const tensor *t) { return (float *)tensor_at(b, t); }

#ifdef __cplusplus
}
#endif
#endif
