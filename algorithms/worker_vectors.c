#include "algorithms/worker_vectors.h"

#include <stdlib.h>

static enum status table(const method_env *env, float ***out) {
  *out = calloc((size_t)env->n_local, sizeof **out);
  return *out ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
}

enum status worker_vectors_create(const method_env *env, size_t n, float ***out) {
  TRY_RETURN(table(env, out));
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(device_floats(env->device, n, &(*out)[i]));
  return STATUS_OK;
}

void worker_vectors_destroy(const method_env *env, float **v) {
  for (int i = 0; v && i < env->n_local; i++) device_release(env->device, v[i]);
  free(v);
}

void worker_vectors_set(const method_env *env, float *const *v, const float *x) {
  for (int i = 0; i < env->n_local; i++) vec_copy(env->stream, v[i], x, env->n_params);
}

enum status worker_vectors_archive(const method_env *env, archive *a, const char *name, float **v, size_t n) {
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(archive_floats(a, env->workers[i].id, name, v[i], n));
  return STATUS_OK;
}

enum status worker_gradient_table(const method_env *env, float ***out) {
  TRY_RETURN(table(env, out));
  for (int i = 0; i < env->n_local; i++) (*out)[i] = env->workers[i].gradient;
  return STATUS_OK;
}
