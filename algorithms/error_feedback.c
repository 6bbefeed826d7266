#include "algorithms/error_feedback.h"

#include <stdlib.h>
#include <string.h>

enum status error_feedback_create(const method_env *env, bool memory, error_feedback *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  if (!memory) return STATUS_OK;
  out->e = calloc((size_t)env->n_local, sizeof *out->e);
  if (!out->e) return FAIL(STATUS_NO_MEMORY, "no memory for %d residual vectors", env->n_local);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(device_floats(env->device, env->n_params, &out->e[i]));
  return STATUS_OK;
}

void error_feedback_destroy(error_feedback *f) {
  if (!f->e) return;
  for (int i = 0; i < f->env->n_local; i++) device_release(f->env->device, f->e[i]);
  free(f->e);
}

static double lr_at(const method_env *env, uint64_t step) {
  return optimizer_lr(env->optimizer, method_epoch(env, step));
}

void error_feedback_reset_on_drop(error_feedback *f, uint64_t first, uint64_t n) {
  const method_env *env = f->env;
  bool drops = false;
  for (uint64_t t = first > 0 ? first : 1; t < first + n; t++) drops |= lr_at(env, t) < lr_at(env, t - 1);
  for (int i = 0; i < env->n_local && f->e && drops; i++) vec_fill(env->stream, f->e[i], 0.0f, env->n_params);
}

enum status error_feedback_archive(error_feedback *f, archive *a) {
  if (!f->e) return STATUS_OK;
  for (int i = 0; i < f->env->n_local; i++)
    TRY_RETURN(archive_floats(a, f->env->workers[i].id, "residual", f->e[i], f->env->n_params));
  return STATUS_OK;
}

enum status error_feedback_probe(const error_feedback *f, const probe_sink *sink) {
  if (!f->e) return STATUS_OK;
  for (int i = 0; i < f->env->n_local; i++)
    TRY_RETURN(method_emit_norm2(f->env, sink, "residual_norm2", f->env->workers[i].id, f->e[i]));
  return STATUS_OK;
}
