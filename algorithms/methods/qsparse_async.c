/* Qsparse-local-SGD, asynchronous (Basu et al., NeurIPS 2019, Algorithm 2). On a common clock t every worker takes a
 * step of its own, as in qsparse.c, but each has its own sync steps, with gaps of at most H, and its own last received
 * x_r. With S the workers whose sync is after step t:
 *
 *   r in S:  sends C(u_r), u_r = m_r + x_r - y_r;  m_r = u_r - C(u_r)
 *
 *   server:  x <- x - (1/M) sum_{r in S} C(u_r), 1/M and not 1/|S|; sends x, dense, to S alone
 *
 *   r in S:  x_r = y_r = x
 *
 * Without momentum, with x~ as there, x_t - x~_t = (1/M) sum_r (m_r + x_r - y_r) at every t. Who is in S follows from
 * the seed, so that the run is the same at every number of ranks. A round is a step of the clock; where S is empty
 * nothing is sent. With `execution: free` there is no common clock: every worker takes its steps at its own pace, and
 * finds the server's x as it then is (algorithms/free_server.h). */
#include <stdlib.h>

#include "algorithms/error_feedback.h"
#include "algorithms/execution.h"
#include "algorithms/free_server.h"
#include "algorithms/local_models.h"
#include "algorithms/servers.h"
#include "algorithms/sync_gaps.h"

typedef struct qsparse_async {
  const method_env *env;
  local_models models;     /* y_r */
  error_feedback feedback; /* m_r */
  float **received;        /* n_local, device: x_r */
  float *x, *mean;         /* device, on the server's rank alone: its model, and scratch */
  pipeline *up, *down;
  sync_gaps gaps;
  transfer *list; /* of the senders, by worker; then of the answers */
  free_server free;
  bool reset_on_drop;
} qsparse_async;

static int server_of(const qsparse_async *s) { return s->env->n_workers; }

static void destroy(void *state) {
  qsparse_async *s = state;
  free_server_destroy(&s->free);
  worker_vectors_destroy(s->env, s->received);
  device_release(s->env->device, s->x);
  device_release(s->env->device, s->mean);
  pipeline_destroy(s->up);
  pipeline_destroy(s->down);
  error_feedback_destroy(&s->feedback);
  local_models_destroy(&s->models);
  sync_gaps_destroy(&s->gaps);
  free(s->list);
}

static enum status allocate(qsparse_async *s) {
  const method_env *env = s->env;
  s->list = calloc((size_t)env->n_workers, sizeof *s->list);
  if (!s->list) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_workers);
  TRY_RETURN(worker_vectors_create(env, env->n_params, &s->received));
  worker_vectors_set(env, s->received, env->initial);
  if (comm_rank_of(env->comm, server_of(s)) != comm_rank(env->comm)) return STATUS_OK;
  TRY_RETURN(device_floats(env->device, env->n_params, &s->x));
  vec_copy(env->stream, s->x, env->initial, env->n_params);
  return device_floats(env->device, env->n_params, &s->mean);
}

static enum status create(const method_env *env, const args *a, void *state) {
  qsparse_async *s = state;
  const pipeline_spec up = pipeline_spec_from(a);
  s->env = env;
  s->reset_on_drop = args_bool(a, "reset_memory_on_lr_drop");
  TRY_RETURN(sync_gaps_create(env, a, env->n_workers, &s->gaps));
  TRY_RETURN(pipeline_create(&up, env->device, env->stream, env->layers, env->seed, &s->up));
  TRY_RETURN(pipeline_create(&servers_dense, env->device, env->stream, env->layers, env->seed, &s->down));
  TRY_RETURN(error_feedback_create(env, true, &s->feedback));
  TRY_RETURN(local_models_create(env, &s->models));
  TRY_RETURN(free_server_create(env, execution_is_free(a), s->up, &s->free));
  return allocate(s);
}

/* The local worker with an id, or -1. */
static int local_of(const qsparse_async *s, int id) {
  const int i = id - s->env->workers[0].id;
  return i >= 0 && i < s->env->n_local ? i : -1;
}

/* C(u_r) of local worker i; x_r - y_r takes y_r's place. */
static enum status encode(qsparse_async *s, uint64_t round, int i, message **out) {
  const method_env *env = s->env;
  vec_sub(env->stream, s->received[i], s->models.x[i], s->models.x[i], env->n_params);
  error_feedback_note(&s->feedback, round, i, s->models.x[i]);
  TRY_RETURN(message_acquire(comm_pool(env->comm), pipeline_wire_bound(s->up), out));
  return pipeline_encode_feedback(s->up, round, env->workers[i].id, s->models.x[i], s->feedback.e[i], *out);
}

/* The messages of S, of whom there are n, to the server. */
static enum status send_up(qsparse_async *s, uint64_t round, size_t n) {
  const method_env *env = s->env;
  env->enter(env->clock, PHASE_ENCODE);
  for (size_t k = 0; k < n; k++) {
    const int i = local_of(s, s->list[k].from);
    if (i >= 0) TRY_RETURN(encode(s, round, i, &s->list[k].out));
  }
  env->enter(env->clock, PHASE_EXCHANGE);
  return comm_transfer(env->comm, s->list, n, pipeline_wire_bound(s->up));
}

/* On the server's rank: takes what has come into x, and encodes x once for all of S. */
static enum status serve(qsparse_async *s, uint64_t round, size_t n, message **answer) {
  const method_env *env = s->env;
  *answer = NULL;
  if (!s->x) return STATUS_OK;
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, s->mean, 0.0f, env->n_params);
  for (size_t k = 0; k < n; k++)
    TRY_RETURN(pipeline_decode_add(s->up, round, s->list[k].from, s->list[k].in, 1.0f, s->mean));
  vec_scale(env->stream, s->mean, 1.0f / (float)env->n_workers, env->n_params);
  vec_sub(env->stream, s->x, s->mean, s->x, env->n_params);
  env->enter(env->clock, PHASE_ENCODE);
  TRY_RETURN(message_acquire(comm_pool(env->comm), pipeline_wire_bound(s->down), answer));
  return pipeline_encode(s->down, round, server_of(s), s->x, *answer);
}

static enum status send_down(qsparse_async *s, uint64_t round, size_t n, message *answer) {
  const method_env *env = s->env;
  for (size_t k = 0; k < n; k++) s->list[k] = (transfer){.from = server_of(s), .to = s->list[k].from, .out = answer};
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_transfer(env->comm, s->list, n, pipeline_wire_bound(s->down)));
  env->enter(env->clock, PHASE_DECODE);
  for (size_t k = 0; k < n; k++) {
    const int i = local_of(s, s->list[k].to);
    if (i < 0) continue;
    vec_fill(env->stream, s->received[i], 0.0f, env->n_params);
    TRY_RETURN(pipeline_decode_add(s->down, round, server_of(s), s->list[k].in, 1.0f, s->received[i]));
    vec_copy(env->stream, s->models.x[i], s->received[i], env->n_params);
  }
  comm_release(env->comm);
  return STATUS_OK;
}

/* This rank's worker meets the server's memory, where it has a sync. */
static enum status run_free(qsparse_async *s, uint64_t round, bool has_sync) {
  const method_env *env = s->env;
  message *up;
  if (!has_sync) return free_server_account(&s->free);
  env->enter(env->clock, PHASE_ENCODE);
  TRY_RETURN(encode(s, round, 0, &up));
  TRY_RETURN(free_server_sync(&s->free, round, up, s->received[0]));
  vec_copy(env->stream, s->models.x[0], s->received[0], env->n_params);
  return free_server_account(&s->free);
}

static enum status run_round(void *state, uint64_t round) {
  qsparse_async *s = state;
  size_t n = 0;
  bool own = false;
  message *answer;
  if (s->reset_on_drop) error_feedback_reset_on_drop(&s->feedback, round, 1);
  TRY_RETURN(local_models_steps_all(&s->models, round, 1));
  for (int w = 0; w < s->env->n_workers; w++) {
    if (!sync_gaps_take(&s->gaps, w, round + 1)) continue;
    s->list[n++] = (transfer){.from = w, .to = server_of(s)};
    own |= local_of(s, w) == 0;
  }
  if (s->free.window) return run_free(s, round, own);
  if (n == 0) return STATUS_OK;
  TRY_RETURN(send_up(s, round, n));
  TRY_RETURN(serve(s, round, n, &answer));
  return send_down(s, round, n, answer);
}

static enum status iterate(void *state, int w, float *x) {
  return local_models_iterate(&((qsparse_async *)state)->models, w, x);
}

static enum status probe(void *state, const probe_sink *sink) {
  qsparse_async *s = state;
  TRY_RETURN(local_models_probe(&s->models, sink));
  return error_feedback_probe(&s->feedback, sink);
}

static enum status archive_state(void *state, archive *a) {
  qsparse_async *s = state;
  const method_env *env = s->env;
  if (s->free.window)
    TRY_RETURN(free_server_archive(&s->free, a, s->x));
  else if (s->x)
    TRY_RETURN(archive_floats(a, ARCHIVE_SHARED, "x", s->x, env->n_params));
  TRY_RETURN(worker_vectors_archive(env, a, "received", s->received, env->n_params));
  TRY_RETURN(local_models_archive(&s->models, a));
  TRY_RETURN(error_feedback_archive(&s->feedback, a));
  return sync_gaps_archive(&s->gaps, a);
}

static const param params[] = {
    SYNC_GAPS_PARAMS("random"),
    PIPELINE_PARAMS("[topk: {density: 0.01}]"),
    EXECUTION_PARAM,
    {.name = "reset_memory_on_lr_drop",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "forget the memory where the step size drops, as the authors' code does"},
    PARAM_END,
};

MODULE(method, qsparse_async) = {
    .name = "qsparse-async",
    .paper = "Basu et al., NeurIPS 2019: Algorithm 2",
    .version = "1",
    .params = params,
    .traits = ASYNCHRONOUS,
    .n_servers = servers_one,
    .unrepeatable = execution_unrepeatable,
    .state_bytes = sizeof(qsparse_async),
    .create = create,
    .round = run_round,
    .iterate = iterate,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
