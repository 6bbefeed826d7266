#include "algorithms/gtopk_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

enum { MAX_NAME = 64 };

/* The sums: of each tensor the error and |x|^2, then both of the whole, then the drawn error. */
enum { SUM_ERROR, SUM_X, N_SUMS };

struct gtopk_probe {
  const method_env *env;
  float *x, *difference; /* device, n_params */
  sparse drawn;          /* max_k */
  uint32_t *chosen;      /* pinned: k, then the k drawn coordinates, ascending */
  uint64_t *taken;       /* host, one bit a coordinate */
  double *sums, *host;   /* device and pinned: N_SUMS (n_slices + 1) + 1 */
  size_t n_sums;
  char (*names)[MAX_NAME]; /* N_SUMS n_slices */
  double kept;             /* k/d of the noted round */
  bool has_round;
};

void gtopk_probe_destroy(gtopk_probe *p) {
  if (!p) return;
  device *d = p->env->device;
  device_release(d, p->x);
  device_release(d, p->difference);
  device_release(d, p->sums);
  device_release_host(d, p->host);
  device_release_host(d, p->chosen);
  sparse_release(d, &p->drawn);
  free(p->taken);
  free(p->names);
  free(p);
}

static enum status allocate(gtopk_probe *p, size_t max_k) {
  const method_env *env = p->env;
  const layer_table *layers = env->layers;
  p->n_sums = N_SUMS * (layers->n_slices + 1) + 1;
  p->names = calloc(N_SUMS * layers->n_slices, sizeof *p->names);
  p->taken = calloc(env->n_params / 64 + 1, sizeof *p->taken);
  if (!p->names || !p->taken) return FAIL(STATUS_NO_MEMORY, "no memory for the probes of gtopk");
  for (size_t i = 0; i < layers->n_slices; i++) {
    snprintf(p->names[N_SUMS * i + SUM_ERROR], MAX_NAME, "gtopk_error2/%s", layers->slices[i].name);
    snprintf(p->names[N_SUMS * i + SUM_X], MAX_NAME, "rand_error2_mean/%s", layers->slices[i].name);
  }
  TRY_RETURN(device_floats(env->device, env->n_params, &p->x));
  TRY_RETURN(device_floats(env->device, env->n_params, &p->difference));
  TRY_RETURN(sparse_alloc(env->device, max_k, &p->drawn));
  TRY_RETURN(device_alloc(env->device, p->n_sums * sizeof *p->sums, (void **)&p->sums));
  TRY_RETURN(device_alloc_host(env->device, p->n_sums * sizeof *p->host, (void **)&p->host));
  return device_alloc_host(env->device, (max_k + 1) * sizeof *p->chosen, (void **)&p->chosen);
}

enum status gtopk_probe_create(const method_env *env, size_t max_k, gtopk_probe **out) {
  *out = NULL;
  gtopk_probe *p = calloc(1, sizeof *p);
  if (!p) return FAIL(STATUS_NO_MEMORY, "no memory for the probes of gtopk");
  p->env = env;
  const enum status status = allocate(p, max_k);
  if (status == STATUS_OK)
    *out = p;
  else
    gtopk_probe_destroy(p);
  return status;
}

enum status gtopk_probe_before(gtopk_probe *p, const float *const *u) {
  const method_env *env = p->env;
  TRY_RETURN(comm_probe_sum(env->comm, u, env->n_params, p->x));
  vec_scale(env->stream, p->x, 1.0f / (float)env->n_workers, env->n_params);
  return STATUS_OK;
}

/* A uniform k-subset of the coordinates into p->drawn: Floyd's sampling (Bentley and Floyd, CACM 30, 1987) draws k
 * numbers and marks coordinates, which are then read off in order. 64 random bits scaled to at most 2^32 values leave a
 * bias below 2^-32. */
static void draw(gtopk_probe *p, uint64_t round, size_t k) {
  const size_t d = p->env->n_params, n_words = d / 64 + 1;
  const rng_key key = rng_stream(p->env->seed, RNG_PROBE, -1, round);
  memset(p->taken, 0, n_words * sizeof *p->taken);
  for (size_t j = d - k; j < d; j++) {
    const rng_words words = rng_draw(key, j);
    const uint64_t bits = (uint64_t)words.w[0] << 32 | words.w[1];
    uint64_t i = (uint64_t)((unsigned __int128)bits * (j + 1) >> 64);
    if (p->taken[i / 64] >> (i % 64) & 1) i = j;
    p->taken[i / 64] |= (uint64_t)1 << (i % 64);
  }
  uint32_t *next = p->chosen;
  *next++ = (uint32_t)k;
  for (size_t w = 0; w < n_words; w++)
    for (uint64_t left = p->taken[w]; left; left &= left - 1)
      *next++ = (uint32_t)(64 * w) + (uint32_t)__builtin_ctzll(left);
  stream_copy(p->env->stream, p->drawn.count, p->chosen, sizeof *p->chosen);
  stream_copy(p->env->stream, p->drawn.index, p->chosen + 1, k * sizeof *p->chosen);
}

static void sum_squares(const gtopk_probe *p, const float *v, size_t n, size_t which) {
  vec_reduce(p->env->stream, REDUCE_SQUARES, v, NULL, n, p->sums + which, p->env->scratch);
}

enum status gtopk_probe_after(gtopk_probe *p, uint64_t round, size_t k, const sparse *sum) {
  const method_env *env = p->env;
  const layer_table *layers = env->layers;
  const size_t n = env->n_params, whole = N_SUMS * layers->n_slices;
  vec_copy(env->stream, p->difference, p->x, n);
  vec_scatter_add(env->stream, -1.0f / (float)env->n_workers, sum, p->difference, n);
  for (size_t i = 0; i < layers->n_slices; i++) {
    const layer_slice *slice = &layers->slices[i];
    sum_squares(p, p->difference + slice->offset, slice->n, N_SUMS * i + SUM_ERROR);
    sum_squares(p, p->x + slice->offset, slice->n, N_SUMS * i + SUM_X);
  }
  sum_squares(p, p->difference, n, whole + SUM_ERROR);
  sum_squares(p, p->x, n, whole + SUM_X);
  draw(p, round, k);
  vec_copy(env->stream, p->difference, p->x, n);
  vec_scatter_fill(env->stream, &p->drawn, 0.0f, p->difference, n);
  sum_squares(p, p->difference, n, whole + N_SUMS);
  stream_copy(env->stream, p->host, p->sums, p->n_sums * sizeof *p->host);
  p->kept = (double)k / (double)n;
  p->has_round = true;
  return stream_synchronize(env->stream);
}

enum status gtopk_probe_emit(gtopk_probe *p, const probe_sink *sink) {
  if (!p->has_round) return STATUS_OK;
  p->has_round = false;
  const size_t whole = N_SUMS * p->env->layers->n_slices;
  for (size_t i = 0; i < whole; i++)
    TRY_RETURN(sink->emit(sink->context, p->names[i], ARCHIVE_SHARED,
                          i % N_SUMS == SUM_X ? (1 - p->kept) * p->host[i] : p->host[i]));
  TRY_RETURN(sink->emit(sink->context, "gtopk_error2", ARCHIVE_SHARED, p->host[whole + SUM_ERROR]));
  TRY_RETURN(sink->emit(sink->context, "rand_error2_mean", ARCHIVE_SHARED, (1 - p->kept) * p->host[whole + SUM_X]));
  return sink->emit(sink->context, "rand_error2", ARCHIVE_SHARED, p->host[whole + N_SUMS]);
}
