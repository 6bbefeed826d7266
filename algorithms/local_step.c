#include "algorithms/method.h"
#include "core/rng.h"

/* Part i's gradient and loss, of the batch's i-th samples of so many as the net takes. */
static enum status part_gradient(const method_env *env, worker *w, uint64_t step, size_t i, const float *params,
                                 float *gradient, float *loss) {
  const size_t n_parts = env->accumulate > 1 ? env->accumulate : 1, n = env->batch / n_parts;
  const batch_request request = {
      .split = SPLIT_TRAIN,
      .ids = sampler_batch(w->sampler, step) + i * n,
      .n = n,
      .worker = w->id,
      .key = rng_stream(env->seed, RNG_DATA, w->id, step * n_parts + i),
      .fresh = step % env->steps_per_epoch == 0,
  };
  return net_gradient(env->net, env->data, &request, params, w->state, gradient, loss);
}

enum status worker_gradient(const method_env *env, worker *w, uint64_t step, const float *params) {
  float *loss = env->loss + (w - env->workers);
  TRY_RETURN(part_gradient(env, w, step, 0, params, w->gradient, loss));
  for (size_t i = 1; i < env->accumulate; i++) {
    TRY_RETURN(part_gradient(env, w, step, i, params, env->part, env->part + env->n_params));
    vec_add(env->stream, w->gradient, env->part, w->gradient, env->n_params);
    vec_add(env->stream, loss, env->part + env->n_params, loss, 1);
  }
  if (env->accumulate > 1) {
    vec_scale(env->stream, w->gradient, 1.0f / (float)env->accumulate, env->n_params);
    vec_scale(env->stream, loss, 1.0f / (float)env->accumulate, 1);
  }
  vec_loss_add(env->stream, w->account, loss);
  return STATUS_OK;
}

enum status worker_gradients(const method_env *env, uint64_t step, const float *shared, float *const *each) {
  enum status status = STATUS_OK;
  const bool has_parts = env->accumulate > 1; /* which pass through memory that all share */
  for (int i = 0; has_parts && i < env->n_local; i++)
    TRY_RETURN(worker_gradient(env, &env->workers[i], step, shared ? shared : each[i]));
  if (has_parts) return STATUS_OK;
  net_fork(env->net);
  for (int i = 0; i < env->n_local && status == STATUS_OK; i++) {
    worker *w = &env->workers[i];
    status = part_gradient(env, w, step, 0, shared ? shared : each[i], w->gradient, env->loss + i);
  }
  net_join(env->net);
  TRY_RETURN(status);
  for (int i = 0; i < env->n_local; i++) vec_loss_add(env->stream, env->workers[i].account, env->loss + i);
  return STATUS_OK;
}

enum status method_archive_workers(const method_env *env, archive *a) {
  const size_t n = net_n_state(env->net);
  for (int i = 0; n > 0 && i < env->n_local; i++)
    TRY_RETURN(archive_floats(a, env->workers[i].id, "state", env->workers[i].state, n));
  return STATUS_OK;
}

double method_epoch(const method_env *env, uint64_t step) { return (double)step / (double)env->steps_per_epoch; }
