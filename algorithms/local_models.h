/* A model of its own for every worker of this rank, for methods whose workers step apart: local SGD, gossip, pairwise
 * averaging. Weight decay, clipping and momentum are part of a worker's own steps; the momentum stays the worker's. */
#ifndef TERSE_ALGORITHMS_LOCAL_MODELS_H
#define TERSE_ALGORITHMS_LOCAL_MODELS_H

#include "algorithms/worker_vectors.h"

/* What methods put in their parameter tables for H (or K) steps between exchanges. */
/* clang-format off */
#define LOCAL_STEPS_PARAM(default_steps, what)                                                                    \
  {.name = "steps", .type = PARAM_INT, .fallback = default_steps, .min = 1, .max = 1e6, .help = what, .in_label = true}
/* clang-format on */

typedef struct local_models {
  const method_env *env;
  float **x;    /* n_local vectors of n_params floats, device: x_w; start at env->initial */
  float **m;    /* the same, momentum, starting at zero; NULL where the optimizer has none */
  double *norm; /* device, one: scratch of clipping */
} local_models;

/* Fills *out; after a failure too it is in a state for local_models_destroy. */
enum status local_models_create(const method_env *env, local_models *out) WARN_UNUSED;
void local_models_destroy(local_models *l); /* a zeroed one is ignored */

/* Local worker i's steps [first, first + n), counted from its own start: x_w <- x_w - gamma m_w,
 * m_w <- beta m_w + g_w(x_w). */
enum status local_models_steps(local_models *l, int i, uint64_t first, uint64_t n) WARN_UNUSED;
/* The same of every local worker. */
enum status local_models_steps_all(local_models *l, uint64_t first, uint64_t n) WARN_UNUSED;
/* Local worker i's momentum, or NULL where the optimizer has none: an optimizer_step's m. */
static inline float *local_models_momentum(const local_models *l, int i) { return l->m ? l->m[i] : NULL; }
/* One step of the optimizer of local worker i along its gradient as it stands in env->workers[i].gradient. */
void local_models_update(local_models *l, int i, uint64_t step);

/* A method's iterate where x_w is worker w's model: x_w, or with w = -1 the mean of all (collective, outside the
 * account of bits and time). */
enum status local_models_iterate(const local_models *l, int w, float *x) WARN_UNUSED;
/* Worker sections "x" and "momentum"; the latter alone. */
enum status local_models_archive(local_models *l, archive *a) WARN_UNUSED;
enum status local_models_archive_momentum(local_models *l, archive *a) WARN_UNUSED;
/* "consensus_distance2": |x_w - mean|^2 of each worker; their sum over workers is Gamma. Collective. */
enum status local_models_probe(const local_models *l, const probe_sink *sink) WARN_UNUSED;

#endif
