#include "algorithms/servers.h"

#include <stdlib.h>

#include "algorithms/shards.h"

/* Stretch j belongs to participant owner_of(j): there is one stretch, the server's, or one for each worker. */
struct servers {
  const method_env *env;
  bool is_sharded, is_sum;
  shards up, down;
  float **residual;      /* [stretch], device; NULL where there is no memory and for those of other ranks */
  message **outgoing;    /* [local worker][stretch] */
  transfer *list;        /* where sharded: of every worker to every other, by sender, then receiver */
  message **replies;     /* of the stretches hosted here, in order */
  const message **inbox; /* [worker] */
};

static const module_spec dense_stage = {.name = "identity"};
const pipeline_spec servers_dense = {.stages = &dense_stage, .n_stages = 1};

static const arg nonzero_arg = {.name = "tau", .type = PARAM_REAL, .real = 0};
static const module_spec nonzero_stage = {.name = "threshold", .args = {.items = &nonzero_arg, .n = 1}};
pipeline_spec servers_nonzero(enum index_coding indices) {
  return (pipeline_spec){.stages = &nonzero_stage, .n_stages = 1, .indices = indices};
}

int servers_one(const args *a) {
  (void)a;
  return 1;
}

static int owner_of(const servers *s, int j) { return s->is_sharded ? j : s->env->n_workers; }

static bool is_hosted(const servers *s, int j) {
  return comm_rank_of(s->env->comm, owner_of(s, j)) == comm_rank(s->env->comm);
}

void servers_destroy(servers *s) {
  if (!s) return;
  for (int j = 0; s->residual && j < s->up.n; j++) device_release(s->env->device, s->residual[j]);
  shards_destroy(&s->up);
  shards_destroy(&s->down);
  free(s->residual);
  free(s->outgoing);
  free(s->list);
  free(s->replies);
  free(s->inbox);
  free(s);
}

static enum status allocate(servers *s, const servers_spec *spec) {
  const method_env *env = s->env;
  const int n = spec->is_sharded ? env->n_workers : 1;
  TRY_RETURN(shards_create(env, &spec->up, n, &s->up));
  TRY_RETURN(shards_create(env, &spec->down, n, &s->down));
  s->residual = calloc((size_t)n, sizeof *s->residual);
  s->outgoing = calloc((size_t)(env->n_local * n), sizeof *s->outgoing);
  s->list = calloc((size_t)(env->n_workers * n), sizeof *s->list);
  s->replies = calloc((size_t)n, sizeof *s->replies);
  s->inbox = calloc((size_t)env->n_workers, sizeof *s->inbox);
  if (!s->residual || !s->outgoing || !s->list || !s->replies || !s->inbox)
    return FAIL(STATUS_NO_MEMORY, "no memory for the messages of %d workers", env->n_workers);
  for (int j = 0; j < n && spec->memory; j++)
    if (is_hosted(s, j)) TRY_RETURN(device_floats(env->device, s->up.list[j].n, &s->residual[j]));
  return STATUS_OK;
}

enum status servers_create(const method_env *env, const servers_spec *spec, servers **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  servers *s = calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for servers");
  *s = (servers){.env = env, .is_sharded = spec->is_sharded, .is_sum = spec->is_sum};
  TRY(allocate(s, spec));
  *out = s;
  s = NULL;
exit:
  servers_destroy(s);
  return status;
}

/* ---------------------------------------------------------------- an exchange */

/* Encodes v, after what `residual` (NULL: none) holds back is added, as `sender`'s message about stretch j. */
static enum status encode(servers *s, const shards *way, int j, uint64_t round, int sender, const float *v,
                          float *residual, message **out) {
  pipeline *p = way->list[j].pipeline;
  TRY_RETURN(shards_message(way, s->env, j, out));
  if (!residual) return pipeline_encode(p, round, sender, v, *out);
  return pipeline_encode_feedback(p, round, sender, v, residual, *out);
}

static enum status encode_all(servers *s, uint64_t round, float *const *g, float *const *e) {
  for (int i = 0; i < s->env->n_local; i++)
    for (int j = 0; j < s->up.n; j++) {
      const size_t at = s->up.list[j].offset;
      TRY_RETURN(encode(s, &s->up, j, round, s->env->workers[i].id, g[i] + at, e ? e[i] + at : NULL,
                        &s->outgoing[i * s->up.n + j]));
    }
  return STATUS_OK;
}

/* Worker w's message to j's server, where one of them is local; sharded only. */
static message *outgoing_of(servers *s, int w, int j) {
  const int i = w - s->env->workers[0].id;
  return i >= 0 && i < s->env->n_local ? s->outgoing[i * s->up.n + j] : NULL;
}

static enum status send_up(servers *s) {
  const method_env *env = s->env;
  size_t n = 0;
  if (!s->is_sharded) return comm_gather(env->comm, env->n_workers, s->outgoing, s->up.bound, s->inbox);
  for (int w = 0; w < env->n_workers; w++)
    for (int j = 0; j < s->up.n; j++)
      if (w != j) s->list[n++] = (transfer){.from = w, .to = j, .out = outgoing_of(s, w, j)};
  return comm_transfer(env->comm, s->list, n, s->up.bound);
}

/* What j's server has got from worker w. */
static const message *received(servers *s, int w, int j) {
  if (!s->is_sharded) return s->inbox[w];
  if (w == j) return outgoing_of(s, w, j);
  return s->list[w * (s->up.n - 1) + j - (j > w)].in;
}

/* v of the stretches hosted here, in their places of `result`. */
static enum status average(servers *s, uint64_t round, float *result) {
  const method_env *env = s->env;
  for (int j = 0; j < s->up.n; j++) {
    const shard *part = &s->up.list[j];
    float *v = result + part->offset;
    if (!is_hosted(s, j)) continue;
    vec_fill(env->stream, v, 0.0f, part->n);
    for (int w = 0; w < env->n_workers; w++)
      TRY_RETURN(pipeline_decode_add(part->pipeline, round, w, received(s, w, j), 1.0f, v));
    if (!s->is_sum) vec_scale(env->stream, v, 1.0f / (float)env->n_workers, part->n);
    if (s->is_sharded) message_give_back(comm_pool(env->comm), outgoing_of(s, j, j));
  }
  return STATUS_OK;
}

/* As a participant of its own a server draws as none of the workers does. */
static int reply_sender(const servers *s, int j) { return s->env->n_workers + j; }

static enum status encode_replies(servers *s, uint64_t round, const float *result, int *n_replies) {
  *n_replies = 0;
  for (int j = 0; j < s->down.n; j++)
    if (is_hosted(s, j))
      TRY_RETURN(encode(s, &s->down, j, round, reply_sender(s, j), result + s->down.list[j].offset, s->residual[j],
                        &s->replies[(*n_replies)++]));
  return STATUS_OK;
}

static enum status send_down(servers *s, int n_replies) {
  comm *c = s->env->comm;
  if (s->is_sharded) return comm_allgather(c, s->replies, s->down.bound, s->inbox);
  return comm_broadcast(c, s->env->n_workers, BROADCAST_STAR, n_replies > 0 ? s->replies[0] : NULL, s->down.bound,
                        &s->inbox[0]);
}

enum status servers_exchange(servers *s, uint64_t round, float *const *g, float *const *e, float *result) {
  const method_env *env = s->env;
  int n_replies;
  env->enter(env->clock, PHASE_ENCODE);
  TRY_RETURN(encode_all(s, round, g, e));
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(send_up(s));
  env->enter(env->clock, PHASE_DECODE);
  TRY_RETURN(average(s, round, result));
  env->enter(env->clock, PHASE_ENCODE);
  TRY_RETURN(encode_replies(s, round, result, &n_replies));
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(send_down(s, n_replies));
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, result, 0.0f, env->n_params);
  for (int j = 0; j < s->down.n; j++)
    TRY_RETURN(pipeline_decode_add(s->down.list[j].pipeline, round, reply_sender(s, j), s->inbox[j], 1.0f,
                                   result + s->down.list[j].offset));
  comm_release(env->comm);
  return STATUS_OK;
}

/* ---------------------------------------------------------------- residuals */

static int section_owner(const servers *s, int j) { return s->is_sharded ? j : ARCHIVE_SHARED; }

void servers_rescale(servers *s, float a) {
  for (int j = 0; j < s->down.n; j++)
    if (s->residual[j]) vec_scale(s->env->stream, s->residual[j], a, s->down.list[j].n);
}

/* The single server lives on rank 0, the one that writes shared sections. */
enum status servers_archive(servers *s, archive *a) {
  for (int j = 0; j < s->down.n; j++)
    if (s->residual[j])
      TRY_RETURN(archive_floats(a, section_owner(s, j), "server_residual", s->residual[j], s->down.list[j].n));
  return STATUS_OK;
}

enum status servers_probe(const servers *s, const probe_sink *sink) {
  for (int j = 0; j < s->down.n; j++)
    if (s->residual[j])
      TRY_RETURN(method_emit_norm2_of(s->env, sink, "server_residual_norm2", section_owner(s, j), s->residual[j],
                                      s->down.list[j].n));
  return STATUS_OK;
}
