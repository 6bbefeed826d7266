#include "algorithms/local_models.h"

#include <string.h>

enum status local_models_create(const method_env *env, local_models *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  TRY_RETURN(worker_vectors_create(env, env->n_params, &out->x));
  worker_vectors_set(env, out->x, env->initial);
  if (env->optimizer->momentum > 0) TRY_RETURN(worker_vectors_create(env, env->n_params, &out->m));
  return device_alloc(env->device, sizeof *out->norm, (void **)&out->norm);
}

void local_models_destroy(local_models *l) {
  if (!l->env) return;
  worker_vectors_destroy(l->env, l->x);
  worker_vectors_destroy(l->env, l->m);
  device_release(l->env->device, l->norm);
}

void local_models_update(local_models *l, int i, uint64_t step) {
  const method_env *env = l->env;
  env->enter(env->clock, PHASE_UPDATE);
  optimizer_step(env->optimizer, env->stream, method_epoch(env, step), l->x[i], env->workers[i].gradient,
                 local_models_momentum(l, i), env->n_params, l->norm, env->scratch);
}

enum status local_models_steps(local_models *l, int i, uint64_t first, uint64_t n) {
  const method_env *env = l->env;
  for (uint64_t t = first; t < first + n; t++) {
    env->enter(env->clock, PHASE_COMPUTE);
    TRY_RETURN(worker_gradient(env, &env->workers[i], t, l->x[i]));
    local_models_update(l, i, t);
  }
  return STATUS_OK;
}

enum status local_models_steps_all(local_models *l, uint64_t first, uint64_t n) {
  const method_env *env = l->env;
  for (uint64_t t = first; t < first + n; t++) {
    env->enter(env->clock, PHASE_COMPUTE);
    TRY_RETURN(worker_gradients(env, t, NULL, l->x));
    for (int i = 0; i < env->n_local; i++) local_models_update(l, i, t);
  }
  return STATUS_OK;
}

static enum status mean_of(const local_models *l, float *mean) {
  const method_env *env = l->env;
  TRY_RETURN(comm_probe_sum(env->comm, (const float *const *)l->x, env->n_params, mean));
  vec_scale(env->stream, mean, 1.0f / (float)env->n_workers, env->n_params);
  return STATUS_OK;
}

enum status local_models_iterate(const local_models *l, int w, float *x) {
  const method_env *env = l->env;
  if (w < 0) return mean_of(l, x);
  vec_copy(env->stream, x, l->x[w - env->workers[0].id], env->n_params);
  return STATUS_OK;
}

enum status local_models_archive_momentum(local_models *l, archive *a) {
  return l->m ? worker_vectors_archive(l->env, a, "momentum", l->m, l->env->n_params) : STATUS_OK;
}

enum status local_models_archive(local_models *l, archive *a) {
  TRY_RETURN(worker_vectors_archive(l->env, a, "x", l->x, l->env->n_params));
  return local_models_archive_momentum(l, a);
}

enum status local_models_probe(const local_models *l, const probe_sink *sink) {
  const method_env *env = l->env;
  enum status status = STATUS_OK;
  float *mean = NULL;
  double *sum = NULL, *host = NULL;
  TRY(device_floats(env->device, env->n_params, &mean));
  TRY(device_alloc(env->device, sizeof *sum, (void **)&sum));
  TRY(device_alloc_host(env->device, sizeof *host, (void **)&host));
  TRY(mean_of(l, mean));
  for (int i = 0; i < env->n_local; i++) {
    vec_reduce(env->stream, REDUCE_DISTANCE, l->x[i], mean, env->n_params, sum, env->scratch);
    stream_copy(env->stream, host, sum, sizeof *host);
    TRY(stream_synchronize(env->stream));
    TRY(sink->emit(sink->context, "consensus_distance2", env->workers[i].id, *host));
  }
exit:
  device_release(env->device, mean);
  device_release(env->device, sum);
  device_release_host(env->device, host);
  return status;
}
