/* The CPU's executor: a compiled graph, run by functions issued to the stream, so that it is ordered with the vector
 * kernels and may touch device memory. What they leave (sums, labels, the batch) is host memory of ours: the host writes
 * it only after `consumed`, and reads it only after the stream is synchronised. */
#include <stdlib.h>
#include <string.h>

#include "models/cpu/compiled.h"
#include "models/executor.h"

typedef struct cpu_executor {
  executor base;
  device *device;
  stream *stream;
  event *consumed; /* the last issued run has read its batch */
  compiled *compiled;
  size_t n_params, n_steps; /* n_steps: labels of a sample */
  double l2;
  int32_t *labels;
  float *state; /* evaluation's own */
  float *part;  /* one batch's share of a full gradient */
  double *sum;  /* the full gradient so far, from the first part on */
  bool has_sum; /* since begin_sums there was one */
  sums sums;
} cpu_executor;

/* ---- work issued to the stream */

typedef struct job {
  cpu_executor *e;
  pass pass;
  float *gradient, *loss;
} job;

static void issue(cpu_executor *e, kernel_loop work, const job *j) {
  e->device->ops->launch(e->stream, work, j, sizeof *j, 1);
  event_record(e->consumed, e->stream);
}

/* Runs the batch; false (and the stream's error) where that fails. */
static bool run_batch(const job *j, float *gradient, run *r) {
  cpu_executor *e = j->e;
  const pass *p = &j->pass;
  *r = (run){.mode = p->mode,
             .collected = p->collected,
             .state = p->state ? p->state : e->state,
             .fresh = p->fresh,
             .drops = p->drops,
             .key = p->key,
             .params = p->params,
             .gradient = gradient,
             .labels = e->labels,
             .count = p->count,
             .total = p->total};
  const enum status status = compiled_run(e->compiled, r);
  stream_fail(e->stream, status);
  return status == STATUS_OK;
}

/* l2/2 |params|^2 */
static double penalty_of(const cpu_executor *e, const float *params) {
  double sum = 0;
  for (size_t i = 0; e->l2 > 0 && i < e->n_params; i++) sum += (double)params[i] * params[i];
  return 0.5 * e->l2 * sum;
}

static void step_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  const cpu_executor *e = j->e;
  run r;
  if (!run_batch(j, j->gradient, &r)) return;
  *j->loss = (float)(r.loss_sum / (double)(j->pass.total * e->n_steps) + penalty_of(e, j->pass.params));
  const float l2 = (float)e->l2;
  for (size_t i = 0; l2 > 0 && i < e->n_params; i++) j->gradient[i] += l2 * j->pass.params[i];
}

static void clear_work(const void *arguments, size_t unused) {
  (void)unused;
  cpu_executor *e = ((const job *)arguments)->e;
  e->sums = (sums){.loss = 0};
  e->has_sum = false;
}

static void score_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  run r;
  if (!run_batch(j, NULL, &r)) return;
  j->e->sums.loss += r.loss_sum;
  j->e->sums.n_right += r.n_right;
}

/* Batches are added in fp64, so that the sum is as exact as its terms. */
static void gradient_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  cpu_executor *e = j->e;
  run r;
  if (!run_batch(j, e->part, &r)) return;
  e->sums.loss += r.loss_sum;
  if (!e->has_sum) memset(e->sum, 0, e->n_params * sizeof *e->sum); /* evaluation alone never touches it */
  e->has_sum = true;
  for (size_t i = 0; i < e->n_params; i++) e->sum[i] += e->part[i];
}

static void end_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  cpu_executor *e = j->e;
  for (size_t i = 0; j->gradient && i < e->n_params; i++)
    j->gradient[i] = (float)(e->sum[i] + e->l2 * j->pass.params[i]);
  e->sums.penalty = penalty_of(e, j->pass.params);
}

/* ---- the interface */

static void destroy(executor *base) {
  cpu_executor *e = (cpu_executor *)base;
  if (!e) return;
  if (e->consumed) { /* work in flight uses our memory; its failure is the stream's to report */
    const enum status waited = event_wait(e->consumed);
    (void)waited;
  }
  event_close(e->consumed);
  compiled_destroy(e->compiled);
  free(e->labels);
  free(e->state);
  free(e->part);
  free(e->sum);
  free(e);
}

static enum status create(const graph *g, const executor_env *env, executor **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  if (env->options->math != MATH_FP32)
    return FAIL(STATUS_UNSUPPORTED, "the CPU computes in fp32: math: %s needs device: cuda; or write math: fp32",
                math_names[env->options->math]);
  cpu_executor *e = (cpu_executor *)calloc(1, sizeof *e);
  if (!e) return FAIL(STATUS_NO_MEMORY, "no memory for a model");
  e->base.ops = &cpu_executor_ops;
  e->device = env->device;
  e->stream = env->stream;
  e->n_params = graph_n_params(g);
  e->n_steps = g->n_layers > 0 ? g->layers[g->n_layers - 1].steps : 1;
  e->l2 = g->l2;
  TRY(event_open(env->device, &e->consumed));
  TRY(compiled_create(g, env->batch, &e->compiled));
  e->labels = (int32_t *)calloc(env->batch * e->n_steps, sizeof *e->labels);
  e->state = (float *)calloc(compiled_n_state(e->compiled) + 1, sizeof *e->state);
  e->part = (float *)calloc(e->n_params, sizeof *e->part);
  e->sum = (double *)calloc(e->n_params, sizeof *e->sum);
  if (!e->labels || !e->state || !e->part || !e->sum)
    TRY(FAIL(STATUS_NO_MEMORY, "no memory for a model of %zu parameters", e->n_params));
  *out = &e->base;
exit:
  if (status != STATUS_OK) destroy(&e->base);
  return status;
}

static size_t n_state(const executor *e) { return compiled_n_state(((const cpu_executor *)e)->compiled); }

static enum status load(executor *base, const data *d, const batch_request *request) {
  cpu_executor *e = (cpu_executor *)base;
  TRY_RETURN(event_wait(e->consumed));
  return d->fetch(d, request, compiled_input(e->compiled), e->labels);
}

static void issue_step(executor *e, const pass *p, float *gradient, float *loss) {
  const job j = {.e = (cpu_executor *)e, .pass = *p, .gradient = gradient, .loss = loss};
  issue(j.e, step_work, &j);
}

static void begin_sums(executor *e) {
  const job j = {.e = (cpu_executor *)e};
  issue(j.e, clear_work, &j);
}

static void score(executor *e, const pass *p) {
  const job j = {.e = (cpu_executor *)e, .pass = *p};
  issue(j.e, score_work, &j);
}

static void add_gradient(executor *e, const pass *p) {
  const job j = {.e = (cpu_executor *)e, .pass = *p};
  issue(j.e, gradient_work, &j);
}

static enum status end_sums(executor *e, const float *params, float *gradient, sums *out) {
  const job j = {.e = (cpu_executor *)e, .pass = {.params = params}, .gradient = gradient};
  issue(j.e, end_work, &j);
  TRY_RETURN(stream_synchronize(j.e->stream));
  *out = j.e->sums;
  return STATUS_OK;
}

/* One core runs one step at a time. */
static void do_nothing(executor *e) { (void)e; }

static enum status run_library(executor *e) { return compiled_run_library(((cpu_executor *)e)->compiled); }

const executor_ops cpu_executor_ops = {
    .create = create,
    .destroy = destroy,
    .n_state = n_state,
    .load = load,
    .step = issue_step,
    .begin_sums = begin_sums,
    .score = score,
    .add_gradient = add_gradient,
    .end_sums = end_sums,
    .fork = do_nothing,
    .join = do_nothing,
    .run_library = run_library,
};
