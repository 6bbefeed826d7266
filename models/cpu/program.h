/* A compiled graph: a flat list of steps over tensors, the forward pass first. A step is a oneDNN primitive, a matrix
 * product of oneDNN's, or one of our own loops. Parameters, gradient and state are bound anew for every run. */
#ifndef TERSE_MODELS_CPU_PROGRAM_H
#define TERSE_MODELS_CPU_PROGRAM_H

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/status.h"
#include "models/executor.h"
#include "models/lives.h"

/* Where a tensor's memory comes from. KEPT: its own, from run to run; OWN ones share memory where their lives do not
 * overlap: each lives from the first step that names it to the last. */
enum tensor_source { TENSOR_OWN, TENSOR_KEPT, TENSOR_VIEW, TENSOR_PARAMS, TENSOR_GRADIENT, TENSOR_STATE };

/* Floats of one batch (or one parameter tensor) in a layout of oneDNN's choice, padding included. */
typedef struct tensor {
  void *data; /* of OWN, KEPT and VIEW from program_plan on; of others during a run */
  size_t n_bytes;
  enum tensor_source source;
  size_t offset;            /* floats into the bound vector, or into `of` */
  struct tensor *of;        /* VIEW */
  life life;
  dnnl_memory_t memory; /* NULL for tensors only our own steps touch */
  struct tensor *next;  /* the program's list */
} tensor;

/* One run: what goes in and what comes out. */
typedef struct run {
  enum run_mode mode;
  size_t collected; /* RUN_COLLECT: how many runs went before */
  float *state;     /* the worker's, advanced; NULL where there is none */
  bool fresh;       /* the state begins as zeros, whatever it holds */
  bool drops;       /* dropout is at work, with `key` */
  rng_key key;
  const float *params;
  float *gradient;       /* of (sum of the counting samples' losses) / total; NULL: forward pass only */
  const int32_t *labels; /* sample-major: those of all steps of a sample together */
  size_t count, total;   /* the first `count` samples of the batch count, in a mean over `total` */
  double loss_sum;       /* out: of the counting samples' labels */
  size_t n_right;        /* out: how many of them are predicted rightly */
} run;

typedef struct step {
  enum { STEP_PRIMITIVE, STEP_GEMM, STEP_LOOP } kind;
  unsigned modes; /* the runs it takes part in, of enum run_mode; 0: all */
  dnnl_primitive_t primitive;
  dnnl_exec_arg_t args[8];
  int n_args;
  void (*loop)(const struct step *s, run *r);
  tensor *a, *b, *c, *d;         /* gemm: c = beta c + op(a) op(b); loops: as each says */
  size_t rows, columns, inner;   /* gemm: c is rows x columns; loops: as each says */
  char transpose_a, transpose_b; /* 'T' or 'N', row-major */
  float beta;                    /* gemm */
  bool relu;                     /* loop of an addition */
  float rate;                    /* loop of a dropout */
  size_t layer;                  /* its number in the graph */
  const float *spectrum;         /* quadratic loop */
  double smoothing;              /* loop of the softmax loss: of labels, in RUN_TRAIN */
} step;

typedef struct program {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  step *steps;
  size_t n_steps, capacity, n_forward; /* steps [0, n_forward) are the forward pass, the loss included */
  tensor *tensors;                     /* owned */
  life *lives;                         /* of those with memory of their own */
  void *memory;                        /* theirs */
} program;

enum status program_open(program *p) WARN_UNUSED;
/* Frees everything; harmless on a zeroed program. */
void program_close(program *p);

/* Appends a copy of *s; the program owns its primitive (also on failure). */
enum status program_append(program *p, const step *s) WARN_UNUSED;
/* A tensor of n_bytes: own and kept ones are aligned to 64 bytes; others are `offset` of a vector bound at each run. */
enum status program_tensor(program *p, size_t n_bytes, enum tensor_source source, size_t offset,
                           tensor **out) WARN_UNUSED;

/* n floats of an own or kept tensor from `offset` on. */
enum status program_view(program *p, tensor *of, size_t offset, size_t n, tensor **out) WARN_UNUSED;

/* Lays out and allocates the memory, zeroed; no step or tensor comes after it. `input` is filled before a run. */
enum status program_plan(program *p, tensor *input) WARN_UNUSED;

/* Runs the forward pass, and where r->gradient is given the rest. */
enum status program_run(program *p, run *r) WARN_UNUSED;
/* Runs the steps that are library calls, and nothing else, on the memory of the last complete run. */
enum status program_run_library(program *p) WARN_UNUSED;

#endif
