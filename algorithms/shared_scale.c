#include "algorithms/shared_scale.h"

#include <math.h>
#include <stdlib.h>

struct shared_scale {
  const method_env *env;
  size_t bucket, n_buckets;
  uint32_t levels;
  servers *servers;   /* sums whole numbers */
  pipeline *norms;    /* sends a worker's norms */
  double *squares;    /* device, [n_local][bucket] */
  double *on_host;    /* pinned, the same */
  float *norm;        /* device, [n_workers][bucket] */
  float *norm_host;   /* pinned, the same; the first row becomes the largest of all */
  message **outgoing; /* [local worker] */
  const message **inbox;
};

void shared_scale_destroy(shared_scale *s) {
  if (!s) return;
  servers_destroy(s->servers);
  pipeline_destroy(s->norms);
  device_release(s->env->device, s->squares);
  device_release(s->env->device, s->norm);
  device_release_host(s->env->device, s->on_host);
  device_release_host(s->env->device, s->norm_host);
  free(s->outgoing);
  free(s->inbox);
  free(s);
}

/* ceil(log2 n) */
static int bits_below(uint64_t n) {
  int bits = 0;
  while (((uint64_t)1 << bits) < n) bits++;
  return bits;
}

static enum status create_sums(shared_scale *s) {
  const int bits = 1 + bits_below((uint64_t)s->levels + 1) + bits_below((uint64_t)s->env->n_workers);
  const arg item = {.name = "bits", .type = PARAM_INT, .integer = bits};
  const module_spec stage = {.name = "integers", .args = {.items = &item, .n = 1}};
  const pipeline_spec numbers = {.stages = &stage, .n_stages = 1};
  if (bits > 24)
    return FAIL(STATUS_UNSUPPORTED, "sums of %d bits are not exact in fp32: take fewer levels than %u", bits,
                (unsigned)s->levels);
  const servers_spec spec = {.up = numbers, .down = numbers, .is_sharded = true, .is_sum = true};
  return servers_create(s->env, &spec, &s->servers);
}

static enum status allocate(shared_scale *s) {
  const method_env *env = s->env;
  const size_t local = (size_t)env->n_local * s->n_buckets, all = (size_t)env->n_workers * s->n_buckets;
  const layer_table table = {.n_params = s->n_buckets};
  TRY_RETURN(create_sums(s));
  TRY_RETURN(pipeline_create(&servers_dense, env->device, env->stream, &table, env->seed, &s->norms));
  TRY_RETURN(device_alloc(env->device, local * sizeof *s->squares, (void **)&s->squares));
  TRY_RETURN(device_alloc_host(env->device, local * sizeof *s->on_host, (void **)&s->on_host));
  TRY_RETURN(device_floats(env->device, all, &s->norm));
  TRY_RETURN(device_alloc_host(env->device, all * sizeof *s->norm_host, (void **)&s->norm_host));
  s->outgoing = calloc((size_t)env->n_local, sizeof *s->outgoing);
  s->inbox = calloc((size_t)env->n_workers, sizeof *s->inbox);
  if (!s->outgoing || !s->inbox) return FAIL(STATUS_NO_MEMORY, "no memory for %d messages", env->n_workers);
  return STATUS_OK;
}

enum status shared_scale_create(const method_env *env, uint32_t levels, size_t bucket, shared_scale **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  shared_scale *s = calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for a shared scale");
  s->env = env;
  s->levels = levels;
  s->bucket = bucket > 0 ? bucket : env->n_params;
  s->n_buckets = (env->n_params + s->bucket - 1) / s->bucket;
  TRY(allocate(s));
  *out = s;
  s = NULL;
exit:
  shared_scale_destroy(s);
  return status;
}

static size_t bucket_size(const shared_scale *s, size_t b) {
  const size_t left = s->env->n_params - b * s->bucket;
  return left < s->bucket ? left : s->bucket;
}

/* norm_host = the norms of the local workers' buckets, in their rows. */
static enum status own_norms(shared_scale *s, float *const *v) {
  const method_env *env = s->env;
  const size_t n = (size_t)env->n_local * s->n_buckets;
  for (int i = 0; i < env->n_local; i++)
    for (size_t b = 0; b < s->n_buckets; b++)
      vec_reduce(env->stream, REDUCE_SQUARES, v[i] + b * s->bucket, NULL, bucket_size(s, b),
                 &s->squares[(size_t)i * s->n_buckets + b], env->scratch);
  stream_copy(env->stream, s->on_host, s->squares, n * sizeof *s->on_host);
  TRY_RETURN(stream_synchronize(env->stream));
  for (size_t k = 0; k < n; k++) s->norm_host[k] = (float)sqrt(s->on_host[k]);
  stream_copy(env->stream, s->norm, s->norm_host, n * sizeof *s->norm);
  return STATUS_OK;
}

/* A norm that is not a number is the largest: divergence is not hidden. */
static enum status largest_norms(shared_scale *s) {
  const method_env *env = s->env;
  const size_t n = s->n_buckets, all = (size_t)env->n_workers * n;
  stream_copy(env->stream, s->norm_host, s->norm, all * sizeof *s->norm);
  TRY_RETURN(stream_synchronize(env->stream));
  for (size_t k = n; k < all; k++)
    if (isnan(s->norm_host[k]) || s->norm_host[k] > s->norm_host[k % n]) s->norm_host[k % n] = s->norm_host[k];
  return STATUS_OK;
}

static enum status agree(shared_scale *s, uint64_t round, float *const *v) {
  const method_env *env = s->env;
  env->enter(env->clock, PHASE_ENCODE);
  TRY_RETURN(own_norms(s, v));
  for (int i = 0; i < env->n_local; i++) {
    TRY_RETURN(message_acquire(comm_pool(env->comm), pipeline_wire_bound(s->norms), &s->outgoing[i]));
    TRY_RETURN(
        pipeline_encode(s->norms, round, env->workers[i].id, s->norm + (size_t)i * s->n_buckets, s->outgoing[i]));
  }
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_allgather(env->comm, s->outgoing, pipeline_wire_bound(s->norms), s->inbox));
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, s->norm, 0.0f, (size_t)env->n_workers * s->n_buckets);
  for (int w = 0; w < env->n_workers; w++)
    TRY_RETURN(pipeline_decode_add(s->norms, round, w, s->inbox[w], 1.0f, s->norm + (size_t)w * s->n_buckets));
  TRY_RETURN(largest_norms(s));
  comm_release(env->comm);
  return STATUS_OK;
}

/* Multiplies every bucket by steps / N, or back by N / steps. Where N is 0 all values are. */
static void scale_buckets(const shared_scale *s, float *v, double steps, bool back) {
  for (size_t b = 0; b < s->n_buckets; b++) {
    const double norm = s->norm_host[b];
    const double factor = norm == 0 ? 0 : back ? norm / steps : steps / norm;
    vec_scale(s->env->stream, v + b * s->bucket, (float)factor, bucket_size(s, b));
  }
}

enum status shared_scale_mean(shared_scale *s, uint64_t round, float *const *v, float *mean) {
  const method_env *env = s->env;
  const double levels = s->levels;
  TRY_RETURN(agree(s, round, v));
  for (int i = 0; i < env->n_local; i++) scale_buckets(s, v[i], levels, false);
  TRY_RETURN(servers_exchange(s->servers, round, v, NULL, mean));
  scale_buckets(s, mean, levels * env->n_workers, true);
  return STATUS_OK;
}
