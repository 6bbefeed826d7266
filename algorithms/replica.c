#include "algorithms/replica.h"

#include <string.h>

enum status replica_create(const method_env *env, enum replica_momentum momentum, replica *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  TRY_RETURN(device_floats(env->device, env->n_params, &out->x));
  if (momentum == REPLICA_MOMENTUM_SHARED && env->optimizer->momentum > 0)
    TRY_RETURN(device_floats(env->device, env->n_params, &out->m));
  TRY_RETURN(device_floats(env->device, env->n_params, &out->mean));
  TRY_RETURN(device_alloc(env->device, sizeof *out->norm, (void **)&out->norm));
  vec_copy(env->stream, out->x, env->initial, env->n_params);
  return STATUS_OK;
}

void replica_destroy(replica *r) {
  if (!r->env) return;
  device *d = r->env->device;
  device_release(d, r->x);
  device_release(d, r->m);
  device_release(d, r->mean);
  device_release(d, r->norm);
}

void replica_step(replica *r, uint64_t step) {
  const method_env *env = r->env;
  env->enter(env->clock, PHASE_UPDATE);
  optimizer_step(env->optimizer, env->stream, method_epoch(env, step), r->x, r->mean, r->m, env->n_params, r->norm,
                 env->scratch);
}

void replica_iterate(const replica *r, float *x) { vec_copy(r->env->stream, x, r->x, r->env->n_params); }

enum status replica_archive(replica *r, archive *a) {
  TRY_RETURN(archive_floats(a, ARCHIVE_SHARED, "x", r->x, r->env->n_params));
  if (r->m) TRY_RETURN(archive_floats(a, ARCHIVE_SHARED, "momentum", r->m, r->env->n_params));
  return STATUS_OK;
}
