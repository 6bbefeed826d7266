/* Quantized-PR-SGD by all-reduce (arXiv 2004.09125). A RECONSTRUCTION: of the paper the abstracts alone could be read;
 * the update is put together from them and from PR-SGD (Yu et al., AAAI 2019) and QSGD (Alistarh et al., NeurIPS 2017).
 * Every worker takes K steps on its own, from x to y_m; then x <- x - A(Delta_1, .., Delta_M), Delta_m = x - y_m, with
 * A a quantized mean by which all workers get the same, at b = 1 + ceil(log2(s + 1)) bits a value for QSGD of s levels
 * and 32 bits a bucket for its scale:
 *
 *   mean-of-quantized  all-gather of Q(Delta_m); (M-1) d b bits a worker, E|err|^2 <= (q/M^2) sum_m |Delta_m|^2
 *
 *   ring-cascade       a ring whose hops are quantized (ring_cascade.h); 2 (M-1) d b / M bits
 *
 *   shared-scale       whole numbers of one scale, summed exactly (shared_scale.h); 2 (M-1) d (b + ceil(log2 M)) / M
 *
 * s = 3 is 3 bits, 90.6 % less than fp32. The scale covers a bucket. There is no memory: Q has to be unbiased.
 * Momentum, weight decay and clipping are part of a worker's own steps. */
#include <string.h>

#include "algorithms/compressed_mean.h"
#include "algorithms/local_models.h"
#include "algorithms/replica.h"
#include "algorithms/ring_cascade.h"
#include "algorithms/shared_scale.h"

enum mode { MEAN_OF_QUANTIZED, RING_CASCADE, SHARED_SCALE };

typedef struct quantized_pr_sgd {
  const method_env *env;
  replica replica;     /* x */
  local_models models; /* y_m and their momentum */
  uint64_t steps;      /* K */
  enum mode mode;
  compressed_mean mean;
  ring_cascade ring;
  shared_scale *scale;
} quantized_pr_sgd;

static void destroy(void *state) {
  quantized_pr_sgd *s = state;
  compressed_mean_destroy(&s->mean);
  ring_cascade_destroy(&s->ring);
  shared_scale_destroy(s->scale);
  local_models_destroy(&s->models);
  replica_destroy(&s->replica);
}

static enum mode mode_from(const args *a) {
  const char *name = args_text(a, "mode");
  if (strcmp(name, "ring-cascade") == 0) return RING_CASCADE;
  return strcmp(name, "shared-scale") == 0 ? SHARED_SCALE : MEAN_OF_QUANTIZED;
}

static bool is_qsgd(const pipeline_spec *spec) {
  return spec->n_stages == 1 && module_name_equal(spec->stages[0].name, "qsgd") &&
         !args_bool(&spec->stages[0].args, "shrink");
}

static const char *skip(const method_env *env, const args *a) {
  const pipeline_spec spec = pipeline_spec_from(a);
  (void)env;
  if (mode_from(a) == SHARED_SCALE && (!is_qsgd(&spec) || spec.scope == SCOPE_LAYER))
    return "mode shared-scale is defined for compressor: [qsgd: {levels: s}] in scope global or bucket";
  return NULL;
}

static enum status create_mean(quantized_pr_sgd *s, const pipeline_spec *spec) {
  const method_env *env = s->env;
  if (s->mode == RING_CASCADE) return ring_cascade_create(env, spec, &s->ring);
  if (s->mode == SHARED_SCALE) {
    const uint32_t levels = (uint32_t)args_int(&spec->stages[0].args, "levels");
    return shared_scale_create(env, levels, spec->scope == SCOPE_BUCKET ? spec->bucket : 0, &s->scale);
  }
  return compressed_mean_create(env, spec, &s->mean);
}

static enum status create(const method_env *env, const args *a, void *state) {
  quantized_pr_sgd *s = state;
  const pipeline_spec spec = pipeline_spec_from(a);
  s->env = env;
  s->steps = (uint64_t)args_int(a, "steps");
  s->mode = mode_from(a);
  TRY_RETURN(create_mean(s, &spec));
  TRY_RETURN(local_models_create(env, &s->models));
  return replica_create(env, REPLICA_MOMENTUM_NONE, &s->replica);
}

static size_t steps_per_round(const void *state) { return ((const quantized_pr_sgd *)state)->steps; }

static enum status run_round(void *state, uint64_t round) {
  quantized_pr_sgd *s = state;
  const method_env *env = s->env;
  float *const *v = s->models.x; /* Delta_m takes y_m's place */
  float *mean = s->replica.mean;
  worker_vectors_set(env, s->models.x, s->replica.x);
  TRY_RETURN(local_models_steps_all(&s->models, round * s->steps, s->steps));
  for (int i = 0; i < env->n_local; i++) vec_sub(env->stream, s->replica.x, v[i], v[i], env->n_params);
  if (s->mode == RING_CASCADE)
    TRY_RETURN(ring_cascade_mean(&s->ring, round, v, mean));
  else if (s->mode == SHARED_SCALE)
    TRY_RETURN(shared_scale_mean(s->scale, round, v, mean));
  else
    TRY_RETURN(compressed_mean_take(&s->mean, round, v, NULL, mean));
  env->enter(env->clock, PHASE_UPDATE);
  vec_sub(env->stream, s->replica.x, mean, s->replica.x, env->n_params);
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((quantized_pr_sgd *)state)->replica, x);
  return STATUS_OK;
}

static enum status archive_state(void *state, archive *a) {
  quantized_pr_sgd *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  return local_models_archive_momentum(&s->models, a);
}

static const param params[] = {
    LOCAL_STEPS_PARAM("8", "local steps between all-reduces (K)"),
    {.name = "mode",
     .type = PARAM_CHOICE,
     .fallback = "ring-cascade",
     .choices = "ring-cascade|mean-of-quantized|shared-scale",
     .help = "how the quantized mean is formed",
     .in_label = true},
    PIPELINE_PARAMS_IN("bucket", "[qsgd: {levels: 3}]"),
    PARAM_END,
};

MODULE(method, quantized_pr_sgd) = {
    .name = "quantized-pr-sgd",
    .paper = "arXiv 2004.09125, all-reduce: a reconstruction from the abstracts",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .skip = skip,
    .state_bytes = sizeof(quantized_pr_sgd),
    .create = create,
    .steps_per_round = steps_per_round,
    .round = run_round,
    .iterate = iterate,
    .archive = archive_state,
    .destroy = destroy,
};
