#include "algorithms/pairwise.h"

#include <stdlib.h>
#include <string.h>

enum { DENSE_FORMAT = 0x7061 };

const char *pairwise_skip(const method_env *env, const args *a) {
  if (env->n_workers < 2) return "one worker has nobody to meet; give workers: 2 or more";
  return topology_skip(env, a);
}

enum status pairwise_create(const method_env *env, const args *a, pairwise *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  out->steps = calloc((size_t)env->n_workers, sizeof *out->steps);
  if (!out->steps) return FAIL(STATUS_NO_MEMORY, "no memory for the counts of %d workers", env->n_workers);
  TRY_RETURN(topology_create(a, env->n_workers, env->seed, &out->topology));
  return event_schedule_create(a, env->seed, env->n_workers, &out->schedule);
}

void pairwise_destroy(pairwise *p) {
  event_schedule_destroy(&p->schedule);
  topology_destroy(&p->topology);
  free(p->steps);
}

enum status pairwise_archive(pairwise *p, archive *a) {
  TRY_RETURN(archive_bytes(a, ARCHIVE_SHARED, "steps", p->steps, (size_t)p->env->n_workers * sizeof *p->steps));
  return event_schedule_archive(&p->schedule, a);
}

enum status pairwise_probe(const pairwise *p, const probe_sink *sink) {
  for (int i = 0; i < p->env->n_local; i++) {
    const int w = p->env->workers[i].id;
    TRY_RETURN(sink->emit(sink->context, "steps", w, (double)p->steps[w]));
  }
  return STATUS_OK;
}

int pairwise_local(const pairwise *p, int w) {
  const int i = w - p->env->workers[0].id;
  return i >= 0 && i < p->env->n_local ? i : -1;
}

int pairwise_partner(const pairwise *p, const schedule_event *e) {
  int n;
  const int *neighbours = topology_neighbours(&p->topology, e->worker, &n);
  return neighbours[event_choice(&p->schedule, e, (size_t)n)];
}

uint64_t pairwise_count(pairwise *p, int w, uint64_t n) {
  const uint64_t first = p->steps[w];
  p->steps[w] += n;
  return first;
}

enum status pair_transfer(const pairwise *p, const int ends[2], message *const out[2], size_t bound,
                          const message *in[2]) {
  transfer list[2] = {{.from = ends[1], .to = ends[0], .out = out[1]}, {.from = ends[0], .to = ends[1], .out = out[0]}};
  p->env->enter(p->env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_transfer(p->env->comm, list, 2, bound));
  in[0] = list[0].in;
  in[1] = list[1].in;
  return STATUS_OK;
}

enum status pair_expect(const message *m, int from, const message_head *expected) {
  TRY_RETURN(event_wait(m->ready));
  if (memcmp(m->head, expected, sizeof *expected) == 0) return STATUS_OK;
  return FAIL(STATUS_BAD_MESSAGE,
              "the message of worker %d is not what a pair exchanges: format %u, %u elements, %u bytes", from,
              (unsigned)m->head->format, (unsigned)m->head->n, (unsigned)m->head->body_bytes);
}

enum status pairwise_average(const pairwise *p, int i, int j, float *const *x) {
  const method_env *env = p->env;
  const int ends[2] = {i, j}, local[2] = {pairwise_local(p, i), pairwise_local(p, j)};
  const size_t n = env->n_params, bound = sizeof(message_head) + n * sizeof(float);
  const message_head head = {
      .format = DENSE_FORMAT, .n = (uint32_t)n, .count = (uint32_t)n, .body_bytes = (uint32_t)(n * sizeof(float))};
  message *out[2] = {NULL, NULL};
  const message *in[2];
  env->enter(env->clock, PHASE_ENCODE);
  for (int e = 0; e < 2; e++) {
    if (local[e] < 0) continue;
    TRY_RETURN(message_acquire(comm_pool(env->comm), bound, &out[e]));
    vec_copy(env->stream, (float *)(void *)message_body(out[e]), x[local[e]], n);
    out[e]->theory_bits = 32.0 * (double)n;
    message_seal(out[e], env->stream, &head);
  }
  TRY_RETURN(pair_transfer(p, ends, out, bound, in));
  env->enter(env->clock, PHASE_DECODE);
  for (int e = 0; e < 2; e++) {
    if (local[e] < 0) continue;
    TRY_RETURN(pair_expect(in[e], ends[1 - e], &head));
    vec_add(env->stream, x[local[e]], (const float *)(const void *)message_body(in[e]), x[local[e]], n);
    vec_scale(env->stream, x[local[e]], 0.5f, n);
  }
  comm_release(env->comm);
  return STATUS_OK;
}
