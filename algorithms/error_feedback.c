#include "algorithms/error_feedback.h"

#include <stdlib.h>
#include <string.h>

#include "algorithms/worker_vectors.h"

enum { N_TERMS = 4 }; /* of |u|^2, and |e|^2 afterwards */

enum status error_feedback_create(const method_env *env, bool memory, error_feedback *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  if (!memory) return STATUS_OK;
  const size_t n = (size_t)env->n_local, bytes = N_TERMS * n * sizeof *out->terms;
  out->is_noted = calloc(n, sizeof *out->is_noted);
  if (!out->is_noted) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %zu workers", n);
  TRY_RETURN(device_alloc(env->device, bytes, (void **)&out->terms));
  TRY_RETURN(device_alloc_host(env->device, bytes, (void **)&out->host));
  return worker_vectors_create(env, env->n_params, &out->e);
}

void error_feedback_destroy(error_feedback *f) {
  if (!f->env) return;
  worker_vectors_destroy(f->env, f->e);
  device_release(f->env->device, f->terms);
  device_release_host(f->env->device, f->host);
  free(f->is_noted);
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
  return f->e ? worker_vectors_archive(f->env, a, "residual", f->e, f->env->n_params) : STATUS_OK;
}

void error_feedback_note(error_feedback *f, uint64_t round, int i, const float *v) {
  const method_env *env = f->env;
  double *terms = f->terms + (size_t)i * N_TERMS;
  if (!f->e || !method_is_probed(env, round + 1)) return;
  vec_reduce(env->stream, REDUCE_SQUARES, v, NULL, env->n_params, terms, env->scratch);
  vec_reduce(env->stream, REDUCE_DOT, v, f->e[i], env->n_params, terms + 1, env->scratch);
  vec_reduce(env->stream, REDUCE_SQUARES, f->e[i], NULL, env->n_params, terms + 2, env->scratch);
  f->is_noted[i] = true;
}

void error_feedback_note_all(error_feedback *f, uint64_t round, float *const *v) {
  for (int i = 0; i < f->env->n_local && f->e; i++) error_feedback_note(f, round, i, v[i]);
}

enum status error_feedback_probe(error_feedback *f, const probe_sink *sink) {
  const method_env *env = f->env;
  const size_t n = (size_t)env->n_local;
  if (!f->e) return STATUS_OK;
  for (size_t i = 0; i < n; i++)
    vec_reduce(env->stream, REDUCE_SQUARES, f->e[i], NULL, env->n_params, f->terms + i * N_TERMS + 3, env->scratch);
  stream_copy(env->stream, f->host, f->terms, N_TERMS * n * sizeof *f->host);
  TRY_RETURN(stream_synchronize(env->stream));
  for (size_t i = 0; i < n; i++) {
    const double *t = f->host + i * N_TERMS, before = t[0] + 2 * t[1] + t[2], after = t[3];
    const bool is_noted = f->is_noted[i];
    f->is_noted[i] = false;
    TRY_RETURN(sink->emit(sink->context, "residual_norm2", env->workers[i].id, after));
    if (is_noted && before > 0)
      TRY_RETURN(sink->emit(sink->context, "gamma_hat", env->workers[i].id, 1 - after / before));
  }
  return STATUS_OK;
}
