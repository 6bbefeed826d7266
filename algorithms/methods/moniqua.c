/* Moniqua (Lu and De Sa, ICML 2020, Algorithm 1): combine-first gossip of models modulo B. Worker j sends the codes of
 * x_j / s modulo q = 2^bits; worker i, whose own model is near, finds the grid point xh_j again (algorithms/modulo.h),
 *   x_i <- x_i + sum_j W_ij (xh_j - xh_i) - gamma g_i(x_i)
 * Right while |x_i - x_j|_inf < theta for all neighbours: then |xh_j - x_j| <= delta B = s/2, with delta = 1/(2 q) that
 * of rounding with a shared dither, B = 2 theta / (1 - 2 delta) = q s, so s = 2 theta / (q - 1). A checksum of 32 bits
 * in every message shows when it was not, and the run ends: nothing wrong is taken for a model. bits d / 8 bytes to
 * each neighbour and step, and the checksum. Momentum, weight decay and clipping are part of a worker's own step. */
#include <math.h>

#include "algorithms/gossip.h"
#include "algorithms/modulo_message.h"
#include "algorithms/worker_vectors.h"

typedef struct moniqua {
  gossip gossip;
  modulo_codec codec;
  float **key;  /* n_local: x_i before its own step */
  float *value; /* n_params: a grid point */
  double theta, step;
  unsigned bits;
} moniqua;

static void destroy(void *state) {
  moniqua *s = state;
  const method_env *env = s->gossip.env;
  if (!env) return;
  modulo_codec_destroy(&s->codec);
  worker_vectors_destroy(env, s->key);
  device_release(env->device, s->value);
  gossip_destroy(&s->gossip);
}

static enum status create(const method_env *env, const args *a, void *state) {
  moniqua *s = state;
  s->bits = (unsigned)args_int(a, "bits");
  s->theta = args_real(a, "theta");
  s->step = 2 * s->theta / (exp2(s->bits) - 1);
  TRY_RETURN(gossip_create(env, a, GOSSIP_OWN, env->n_params, &s->gossip));
  TRY_RETURN(modulo_codec_create(env, &s->codec));
  s->gossip.bound = modulo_message_bytes(&s->codec, s->bits);
  TRY_RETURN(worker_vectors_create(env, env->n_params, &s->key));
  return device_floats(env->device, env->n_params, &s->value);
}

static modulo_grid grid_of(const moniqua *s, uint64_t round, int worker) {
  return (modulo_grid){
      .step = s->step, .bits = s->bits, .dither = rng_stream(s->gossip.env->seed, RNG_SHARED, worker, round)};
}

/* x_i += weight xh_j */
static enum status add(moniqua *s, uint64_t round, int i, int from, const message *in, double weight) {
  const method_env *env = s->gossip.env;
  const modulo_grid grid = grid_of(s, round, from);
  bool is_right;
  TRY_RETURN(modulo_message_decode(&s->codec, &grid, from, in, s->key[i], s->value, &is_right));
  if (!is_right)
    return FAIL(
        STATUS_DIVERGED,
        "the models of workers %d and %d are further apart than theta = %g, or not finite: give a larger theta, "
        "with more bits, or a smaller step size",
        env->workers[i].id, from, s->theta);
  vec_axpy(env->stream, (float)weight, s->value, s->gossip.models.x[i], env->n_params);
  return STATUS_OK;
}

static enum status run_round(void *state, uint64_t round) {
  moniqua *s = state;
  gossip *g = &s->gossip;
  const method_env *env = g->env;
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) {
    const modulo_grid grid = grid_of(s, round, env->workers[i].id);
    vec_copy(env->stream, s->key[i], g->models.x[i], env->n_params);
    TRY_RETURN(modulo_message_encode(&s->codec, &grid, s->key[i], &g->sent[i]));
  }
  TRY_RETURN(gossip_steps(g, round, 1));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < env->n_local; i++) {
    const int w = env->workers[i].id;
    size_t count;
    const transfer *heard = gossip_heard(g, round, i, &count);
    TRY_RETURN(add(s, round, i, w, g->sent[i], topology_weight(&g->topology, round, w, w) - 1));
    for (size_t k = 0; k < count; k++)
      TRY_RETURN(add(s, round, i, heard[k].from, heard[k].in, topology_weight(&g->topology, round, w, heard[k].from)));
  }
  gossip_release(g);
  return STATUS_OK;
}

static const param params[] = {
    {.name = "bits",
     .type = PARAM_INT,
     .fallback = "8",
     .min = 2,
     .max = MODULO_MAX_BITS,
     .help = "bits a coordinate (log2 q)",
     .in_label = true},
    {.name = "theta",
     .type = PARAM_REAL,
     .fallback = "1",
     .max = 1e6,
     .above_min = true,
     .help = "how far apart the coordinates of two neighbours may be; beyond it the run ends",
     .in_label = true},
    TOPOLOGY_PARAMS("ring"),
    PARAM_END,
};

MODULE(method, moniqua) = {
    .name = "moniqua",
    .paper = "Lu and De Sa, ICML 2020: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = topology_skip,
    .state_bytes = sizeof(moniqua),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = gossip_archive,
    .destroy = destroy,
};
