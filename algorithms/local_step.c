#include "algorithms/method.h"
#include "core/rng.h"

enum status worker_gradient(const method_env *env, worker *w, uint64_t step, const float *params) {
  const batch_request request = {
      .split = SPLIT_TRAIN,
      .ids = sampler_batch(w->sampler, step),
      .n = env->batch,
      .worker = w->id,
      .key = rng_stream(env->seed, RNG_DATA, w->id, step),
      .fresh = step % env->steps_per_epoch == 0,
  };
  TRY_RETURN(net_gradient(env->net, env->data, &request, params, w->state, w->gradient, env->loss));
  vec_loss_add(env->stream, w->account, env->loss);
  return STATUS_OK;
}

enum status method_archive_workers(const method_env *env, archive *a) {
  const size_t n = net_n_state(env->net);
  for (int i = 0; n > 0 && i < env->n_local; i++)
    TRY_RETURN(archive_floats(a, env->workers[i].id, "state", env->workers[i].state, n));
  return STATUS_OK;
}

double method_epoch(const method_env *env, uint64_t step) { return (double)step / (double)env->steps_per_epoch; }
