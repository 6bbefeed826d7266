#include "algorithms/method.h"

#include <stdlib.h>

const method *method_find(const char *name) {
  for (const method *const *m = method_registry; *m; m++)
    if (module_name_equal((*m)->name, name)) return *m;
  return NULL;
}

enum status method_create(const method *m, const method_env *env, const args *a, void **state) {
  *state = NULL;
  void *memory = calloc(1, m->state_bytes);
  if (!memory) return FAIL(STATUS_NO_MEMORY, "no memory for the state of %s", m->name);
  const enum status status = m->create(env, a, memory);
  if (status == STATUS_OK)
    *state = memory;
  else
    method_destroy(m, memory);
  return status;
}

const char *method_unrepeatable(const method *m, const args *a) { return m->unrepeatable ? m->unrepeatable(a) : NULL; }

void method_destroy(const method *m, void *state) {
  if (!state) return;
  m->destroy(state);
  free(state);
}

bool method_is_probed(const method_env *env, uint64_t n_rounds) {
  return env->probe_every > 0 && n_rounds % env->probe_every == 0;
}

enum status method_mean(const method_env *env, const float *const *contribution, float *mean) {
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_allreduce(env->comm, contribution, env->n_params, mean));
  vec_scale(env->stream, mean, 1.0f / (float)env->n_workers, env->n_params);
  comm_release(env->comm);
  return STATUS_OK;
}

enum status method_emit_norm2(const method_env *env, const probe_sink *sink, const char *name, int owner,
                              const float *v) {
  return method_emit_norm2_of(env, sink, name, owner, v, env->n_params);
}

enum status method_emit_norm2_of(const method_env *env, const probe_sink *sink, const char *name, int owner,
                                 const float *v, size_t n) {
  enum status status = STATUS_OK;
  double *sum = NULL, *host = NULL;
  TRY(device_alloc(env->device, sizeof *sum, (void **)&sum));
  TRY(device_alloc_host(env->device, sizeof *host, (void **)&host));
  vec_reduce(env->stream, REDUCE_SQUARES, v, NULL, n, sum, env->scratch);
  stream_copy(env->stream, host, sum, sizeof *host);
  TRY(stream_synchronize(env->stream));
  TRY(sink->emit(sink->context, name, owner, *host));
exit:
  device_release(env->device, sum);
  device_release_host(env->device, host);
  return status;
}
