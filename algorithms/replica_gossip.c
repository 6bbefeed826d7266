#include "algorithms/replica_gossip.h"

#include <stdlib.h>

#include "algorithms/worker_vectors.h"

static enum status create_copies(replica_gossip *r, int i) {
  const method_env *env = r->gossip.env;
  size_t count;
  gossip_heard(&r->gossip, 0, i, &count);
  r->copies[i] = calloc(count + 1, sizeof *r->copies[i]); /* NULL-terminated */
  if (!r->copies[i]) return FAIL(STATUS_NO_MEMORY, "no memory for copies of %zu models", count);
  for (size_t k = 0; k < count; k++) {
    TRY_RETURN(device_floats(env->device, env->n_params, &r->copies[i][k]));
    vec_copy(env->stream, r->copies[i][k], env->initial, env->n_params);
  }
  return STATUS_OK;
}

enum status replica_gossip_create(const method_env *env, const args *a, replica_gossip *out) {
  TRY_RETURN(gossip_create(env, a, GOSSIP_COMPRESSED, env->n_params, &out->gossip));
  TRY_RETURN(worker_vectors_create(env, env->n_params, &out->x));
  worker_vectors_set(env, out->x, env->initial);
  out->copies = calloc((size_t)env->n_local, sizeof *out->copies);
  if (!out->copies) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(create_copies(out, i));
  return STATUS_OK;
}

void replica_gossip_destroy(void *state) {
  replica_gossip *r = state;
  const method_env *env = r->gossip.env;
  for (int i = 0; r->copies && i < env->n_local; i++) {
    for (float **copy = r->copies[i]; copy && *copy; copy++) device_release(env->device, *copy);
    free(r->copies[i]);
  }
  free(r->copies);
  worker_vectors_destroy(env, r->x);
  gossip_destroy(&r->gossip);
}

/* spare_i = z_i - x_i = (y_i - x_i) + sum_j (W_ij - I_ij) xh_j */
static void aim(replica_gossip *r, uint64_t round, int i) {
  gossip *g = &r->gossip;
  const method_env *env = g->env;
  const int w = env->workers[i].id;
  size_t count;
  const transfer *heard = gossip_heard(g, round, i, &count);
  vec_sub(env->stream, g->models.x[i], r->x[i], g->spare[i], env->n_params);
  vec_axpy(env->stream, (float)(topology_weight(&g->topology, round, w, w) - 1), r->x[i], g->spare[i], env->n_params);
  for (size_t k = 0; k < count; k++) {
    const float weight = (float)topology_weight(&g->topology, round, w, heard[k].from);
    vec_axpy(env->stream, weight, r->copies[i][k], g->spare[i], env->n_params);
  }
}

static enum status apply(replica_gossip *r, uint64_t round, int i) {
  gossip *g = &r->gossip;
  TRY_RETURN(gossip_add_own(g, round, i, r->x[i]));
  for (size_t k = 0; r->copies[i][k]; k++) TRY_RETURN(gossip_add_heard(g, round, i, k, r->copies[i][k]));
  vec_copy(g->env->stream, g->models.x[i], r->x[i], g->env->n_params);
  return STATUS_OK;
}

enum status replica_gossip_round(replica_gossip *r, uint64_t round, uint64_t steps) {
  gossip *g = &r->gossip;
  const method_env *env = g->env;
  TRY_RETURN(gossip_steps(g, round * steps, steps));
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) aim(r, round, i);
  TRY_RETURN(gossip_encode(g, round, g->spare));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(apply(r, round, i));
  gossip_release(g);
  return STATUS_OK;
}

enum status replica_gossip_archive(void *state, archive *a) {
  replica_gossip *r = state;
  const method_env *env = r->gossip.env;
  TRY_RETURN(gossip_archive(&r->gossip, a));
  for (int i = 0; archive_is_loading(a) && i < env->n_local; i++) {
    size_t count;
    const transfer *heard = gossip_heard(&r->gossip, 0, i, &count);
    vec_copy(env->stream, r->x[i], r->gossip.models.x[i], env->n_params);
    for (size_t k = 0; k < count; k++)
      TRY_RETURN(archive_floats(a, heard[k].from, "x", r->copies[i][k], env->n_params));
  }
  return STATUS_OK;
}
