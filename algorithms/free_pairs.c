#include "algorithms/free_pairs.h"

/* A worker's number and its rank's are one: comm_window_create sees to it. */
static int self(const free_pairs *f) { return f->env->workers[0].id; }
static size_t n_bytes(const free_pairs *f) { return f->env->n_params * sizeof(float); }

/* A vector that worker w has sent: 32 bits a float and no head. */
static enum status count(free_pairs *f, int w) {
  return comm_window_count(f->window, w, DIRECTION_PEER, 8 * n_bytes(f), n_bytes(f), 8.0 * (double)n_bytes(f));
}

static enum status wait_for_all(const free_pairs *f) {
  uint64_t nothing = 0;
  return comm_control_u64(f->env->comm, CONTROL_MAX, &nothing, 1);
}

static enum status write_own(free_pairs *f, const float *x) {
  TRY_RETURN(comm_window_lock(f->window, self(f)));
  return free_pairs_part(f, -1, x);
}

enum status free_pairs_create(const method_env *env, const args *a, free_pairs *out) {
  *out = (free_pairs){.env = env};
  if (!execution_is_free(a)) return STATUS_OK;
  TRY_RETURN(comm_window_create(env->comm, n_bytes(out), &out->window));
  TRY_RETURN(device_floats(env->device, env->n_params, &out->theirs));
  TRY_RETURN(write_own(out, env->initial));
  return wait_for_all(out);
}

void free_pairs_destroy(free_pairs *f) {
  if (!f->env) return;
  comm_window_destroy(f->window);
  device_release(f->env->device, f->theirs);
}

schedule_event free_pairs_event(const free_pairs *f, uint64_t round, int w) {
  return (schedule_event){.number = round * (uint64_t)f->env->n_workers + (uint64_t)w, .worker = w};
}

/* In ascending order: two that meet each other do not hold one vector each. */
static enum status lock_both(free_pairs *f, int partner) {
  const int me = self(f);
  if (partner >= 0 && partner < me) TRY_RETURN(comm_window_lock(f->window, partner));
  TRY_RETURN(comm_window_lock(f->window, me));
  return partner > me ? comm_window_lock(f->window, partner) : STATUS_OK;
}

enum status free_pairs_meet(free_pairs *f, int partner, float *x) {
  const method_env *env = f->env;
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(lock_both(f, partner));
  vec_copy(env->stream, x, comm_window_own(f->window), env->n_params);
  if (partner < 0) return stream_synchronize(env->stream);
  TRY_RETURN(comm_window_get(f->window, partner, 0, n_bytes(f), f->theirs));
  TRY_RETURN(count(f, partner));
  vec_add(env->stream, x, f->theirs, x, env->n_params);
  vec_scale(env->stream, x, 0.5f, env->n_params);
  TRY_RETURN(stream_synchronize(env->stream));
  TRY_RETURN(count(f, self(f)));
  return comm_window_put(f->window, partner, 0, n_bytes(f), x);
}

enum status free_pairs_part(free_pairs *f, int partner, const float *x) {
  const method_env *env = f->env;
  env->enter(env->clock, PHASE_EXCHANGE);
  vec_copy(env->stream, comm_window_own(f->window), x, env->n_params);
  TRY_RETURN(stream_synchronize(env->stream));
  if (partner >= 0) TRY_RETURN(comm_window_unlock(f->window, partner));
  return comm_window_unlock(f->window, self(f));
}

enum status free_pairs_account(free_pairs *f) { return comm_window_account(f->window); }

enum status free_pairs_gather(free_pairs *f, int w, float *const *x) {
  if (!f->window) return STATUS_OK;
  if (w < 0) TRY_RETURN(wait_for_all(f));
  TRY_RETURN(free_pairs_meet(f, -1, x[0]));
  return free_pairs_part(f, -1, x[0]);
}

enum status free_pairs_archive(free_pairs *f, local_models *models, archive *a) {
  if (!archive_is_loading(a)) TRY_RETURN(free_pairs_gather(f, -1, models->x));
  TRY_RETURN(local_models_archive(models, a));
  if (!f->window || !archive_is_loading(a)) return STATUS_OK;
  TRY_RETURN(write_own(f, models->x[0]));
  return wait_for_all(f);
}
