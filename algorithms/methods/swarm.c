/* SwarmSGD (Nadiradze et al., Asynchronous Decentralized SGD with Quantized and Local Updates, NeurIPS 2021). In each
 * event a worker i meets a random neighbour j; eta h_w is what w's local steps take off its model, H_w of them: H, or
 * geometric with mean H.
 *   blocking       both take their steps, then x_i = x_j = (x_i + x_j)/2
 *   non-blocking   A = (x_i + x_j)/2;  x_i = A - eta h_i, y_i = x_i;  x_j = A, y_j untouched
 *   quantized      the same with A = (Q(x_i) + Q(x_j))/2 (algorithms/lattice.h)
 * where x_w is what others get to see of w, its communication copy, which lacks its unfinished steps, and y_w the model
 * from which those start, x_w as it was after the last event that w began. They are computed when the event comes,
 * which is the same thing. Averaging leaves the mean of all x_w where it is; blocking moves it by -(eta/M)(h_i + h_j),
 * non-blocking by -(eta/M) h_i. Momentum stays each worker's own.
 *
 * A round is M events: 2 H steps of a worker on average (blocking), or H; 64 d bits an event, 2 b d quantized. A
 * worker's own count of steps drives its samples and its step size. With `execution: free` workers run at their own
 * pace instead of the schedule's, one event each a round (algorithms/free_pairs.h). */
#include <stdlib.h>
#include <string.h>

#include "algorithms/free_pairs.h"
#include "algorithms/lattice.h"
#include "algorithms/local_models.h"

enum variant { BLOCKING, NON_BLOCKING, QUANTIZED };

typedef struct swarm {
  const method_env *env;
  enum variant variant;
  uint64_t steps; /* H */
  bool is_geometric;
  pairwise pairs;
  local_models models; /* x_w, and the momentum */
  float **start;       /* y_w of local workers; NULL where blocking */
  float *live;         /* one model under way */
  lattice lattice;
  free_pairs free;
} swarm;

static void destroy(void *state) {
  swarm *s = state;
  free_pairs_destroy(&s->free);
  lattice_destroy(&s->lattice);
  device_release(s->env->device, s->live);
  worker_vectors_destroy(s->env, s->start);
  local_models_destroy(&s->models);
  pairwise_destroy(&s->pairs);
}

static const char *skip(const method_env *env, const args *a) {
  if (execution_is_free(a) && strcmp(args_text(a, "variant"), "non-blocking") != 0)
    return "execution: free goes with variant: non-blocking alone: no partner waits or decodes";
  return pairwise_skip(env, a);
}

static enum status create_copies(swarm *s) {
  const method_env *env = s->env;
  TRY_RETURN(worker_vectors_create(env, env->n_params, &s->start));
  worker_vectors_set(env, s->start, env->initial);
  return device_floats(env->device, env->n_params, &s->live);
}

static enum status create(const method_env *env, const args *a, void *state) {
  swarm *s = state;
  const char *variant = args_text(a, "variant");
  s->env = env;
  s->variant = strcmp(variant, "blocking") == 0    ? BLOCKING
               : strcmp(variant, "quantized") == 0 ? QUANTIZED
                                                   : NON_BLOCKING;
  s->steps = (uint64_t)args_int(a, "steps");
  s->is_geometric = strcmp(args_text(a, "steps_kind"), "geometric") == 0;
  TRY_RETURN(pairwise_create(env, a, &s->pairs));
  TRY_RETURN(local_models_create(env, &s->models));
  if (s->variant != BLOCKING) TRY_RETURN(create_copies(s));
  if (s->variant == QUANTIZED) TRY_RETURN(lattice_create(&s->pairs, a, &s->lattice));
  return free_pairs_create(env, a, &s->free);
}

static size_t steps_per_round(const void *state) {
  const swarm *s = state;
  return s->variant == BLOCKING ? 2 * s->steps : s->steps;
}

/* Worker w's local steps of this event on x_w, where it lives here; counted everywhere. */
static enum status take_steps(swarm *s, const schedule_event *e, int w) {
  const int i = pairwise_local(&s->pairs, w);
  const uint64_t n = s->is_geometric ? event_geometric(&s->pairs.schedule, e, w, (double)s->steps) : s->steps;
  const uint64_t first = pairwise_count(&s->pairs, w, n);
  return i < 0 ? STATUS_OK : local_models_steps(&s->models, i, first, n);
}

static enum status meet_blocking(swarm *s, const schedule_event *e, int partner) {
  TRY_RETURN(take_steps(s, e, e->worker));
  TRY_RETURN(take_steps(s, e, partner));
  return pairwise_average(&s->pairs, e->worker, partner, s->models.x);
}

/* The steps go on from y_i, away from x_i, which meanwhile is what the partner sees; live = -eta h_i afterwards. */
static enum status take_steps_apart(swarm *s, const schedule_event *e) {
  const method_env *env = s->env;
  const int i = pairwise_local(&s->pairs, e->worker);
  if (i < 0) return take_steps(s, e, e->worker);
  float *const copy = s->models.x[i];
  vec_copy(env->stream, s->live, s->start[i], env->n_params);
  s->models.x[i] = s->live;
  const enum status status = take_steps(s, e, e->worker);
  s->models.x[i] = copy;
  vec_sub(env->stream, s->live, s->start[i], s->live, env->n_params);
  return status;
}

static enum status meet_non_blocking(swarm *s, const schedule_event *e, int partner) {
  const method_env *env = s->env;
  const int i = pairwise_local(&s->pairs, e->worker);
  TRY_RETURN(take_steps_apart(s, e));
  if (s->variant == QUANTIZED)
    TRY_RETURN(lattice_average(&s->lattice, e->number, e->worker, partner, s->models.x));
  else
    TRY_RETURN(pairwise_average(&s->pairs, e->worker, partner, s->models.x));
  if (i < 0) return STATUS_OK;
  env->enter(env->clock, PHASE_UPDATE);
  vec_add(env->stream, s->models.x[i], s->live, s->models.x[i], env->n_params);
  vec_copy(env->stream, s->start[i], s->models.x[i], env->n_params);
  return STATUS_OK;
}

/* One event of every worker, here this rank's one for real; the steps of all are counted. */
static enum status run_free(swarm *s, uint64_t round) {
  const method_env *env = s->env;
  const schedule_event e = free_pairs_event(&s->free, round, env->workers[0].id);
  const int partner = pairwise_partner(&s->pairs, &e);
  for (int w = 0; w < env->n_workers; w++) {
    const schedule_event of_w = free_pairs_event(&s->free, round, w);
    TRY_RETURN(w == e.worker ? take_steps_apart(s, &of_w) : take_steps(s, &of_w, w));
  }
  TRY_RETURN(free_pairs_meet(&s->free, partner, s->models.x[0]));
  vec_add(env->stream, s->models.x[0], s->live, s->models.x[0], env->n_params);
  TRY_RETURN(free_pairs_part(&s->free, partner, s->models.x[0]));
  vec_copy(env->stream, s->start[0], s->models.x[0], env->n_params);
  return free_pairs_account(&s->free);
}

static enum status run_round(void *state, uint64_t round) {
  swarm *s = state;
  if (s->free.window) return run_free(s, round);
  for (int k = 0; k < s->env->n_workers; k++) {
    const schedule_event e = event_schedule_next(&s->pairs.schedule);
    const int partner = pairwise_partner(&s->pairs, &e);
    if (s->variant == BLOCKING)
      TRY_RETURN(meet_blocking(s, &e, partner));
    else
      TRY_RETURN(meet_non_blocking(s, &e, partner));
  }
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  swarm *s = state;
  TRY_RETURN(free_pairs_gather(&s->free, w, s->models.x));
  return local_models_iterate(&s->models, w, x);
}

static enum status facts(void *state, const probe_sink *sink) {
  return topology_facts(&((swarm *)state)->pairs.topology, sink);
}

static enum status probe(void *state, const probe_sink *sink) {
  swarm *s = state;
  TRY_RETURN(free_pairs_gather(&s->free, -1, s->models.x));
  TRY_RETURN(local_models_probe(&s->models, sink));
  TRY_RETURN(pairwise_probe(&s->pairs, sink));
  return s->variant == QUANTIZED ? lattice_probe(&s->lattice, sink) : STATUS_OK;
}

static enum status archive_state(void *state, archive *a) {
  swarm *s = state;
  TRY_RETURN(pairwise_archive(&s->pairs, a));
  TRY_RETURN(free_pairs_archive(&s->free, &s->models, a));
  if (s->start) TRY_RETURN(worker_vectors_archive(s->env, a, "start", s->start, s->env->n_params));
  return s->variant == QUANTIZED ? lattice_archive(&s->lattice, a) : STATUS_OK;
}

static const param params[] = {
    {.name = "variant",
     .type = PARAM_CHOICE,
     .fallback = "non-blocking",
     .choices = "blocking|non-blocking|quantized",
     .help = "whether a pair waits for both ends' steps; quantized: non-blocking, with lattice codes",
     .in_label = true},
    LOCAL_STEPS_PARAM("4", "local steps between a worker's interactions (H)"),
    {.name = "steps_kind",
     .type = PARAM_CHOICE,
     .fallback = "fixed",
     .choices = "fixed|geometric",
     .help = "H steps, or geometric with mean H"},
    LATTICE_PARAMS,
    EXECUTION_PARAM,
    PAIRWISE_PARAMS,
    PARAM_END,
};

MODULE(method, swarm) = {
    .name = "swarm",
    .paper = "Nadiradze et al., NeurIPS 2021: SwarmSGD",
    .version = "1",
    .params = params,
    .traits = ASYNCHRONOUS | DECENTRALISED,
    .skip = skip,
    .unrepeatable = execution_unrepeatable,
    .state_bytes = sizeof(swarm),
    .create = create,
    .steps_per_round = steps_per_round,
    .round = run_round,
    .iterate = iterate,
    .facts = facts,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
