#include "algorithms/error_feedback.h"

#include <string.h>

#include "algorithms/worker_vectors.h"

enum status error_feedback_create(const method_env *env, bool memory, error_feedback *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  return memory ? worker_vectors_create(env, env->n_params, &out->e) : STATUS_OK;
}

void error_feedback_destroy(error_feedback *f) { worker_vectors_destroy(f->env, f->e); }

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
  return f->e ? worker_vectors_archive(f->env, a, "residual", f->e, f->env->n_params) : STATUS_OK;
}

enum status error_feedback_probe(const error_feedback *f, const probe_sink *sink) {
  if (!f->e) return STATUS_OK;
  for (int i = 0; i < f->env->n_local; i++)
    TRY_RETURN(method_emit_norm2(f->env, sink, "residual_norm2", f->env->workers[i].id, f->e[i]));
  return STATUS_OK;
}
