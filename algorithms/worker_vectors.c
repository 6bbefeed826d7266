#include "algorithms/worker_vectors.h"

#include <stdlib.h>

enum status worker_vectors_create(const method_env *env, size_t n, float ***out) {
  *out = calloc((size_t)env->n_local, sizeof **out);
  if (!*out) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(device_floats(env->device, n, &(*out)[i]));
  return STATUS_OK;
}

void worker_vectors_destroy(const method_env *env, float **v) {
  for (int i = 0; v && i < env->n_local; i++) device_release(env->device, v[i]);
  free(v);
}

enum status worker_vectors_archive(const method_env *env, archive *a, const char *name, float **v, size_t n) {
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(archive_floats(a, env->workers[i].id, name, v[i], n));
  return STATUS_OK;
}
