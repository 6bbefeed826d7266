#include "models/cuda/executor.h"

#include <stdlib.h>
#include <string.h>

#include "core/vec.h"
#include "models/cuda/lane.h"

enum { MAX_LANES = 8 };

typedef struct gpu_executor {
  executor base;
  device *device;
  stream *stream;
  size_t n_params, n_labels; /* n_labels: of a sample */
  double l2;
  lane lanes[MAX_LANES]; /* the first works on the executor's stream and does everything but steps side by side */
  int n_lanes, turn;
  bool is_forked;
  lane *current; /* whose batch was loaded last */
  event *forked;
  resident_set *sets;
  float *state;  /* device: evaluation's own */
  outcome *sums; /* device */
  float *part;   /* device: one batch's share of a full gradient; NULL until there is one, like the next */
  double *sum;   /* device: the full gradient so far */
} gpu_executor;

static gpu_executor *of(executor *e) { return (gpu_executor *)e; }

/* ---- creation */

void gpu_executor_destroy(executor *base) {
  gpu_executor *e = of(base);
  if (!e) return;
  for (int i = 0; i < e->n_lanes; i++) lane_close(&e->lanes[i]); /* which waits for its work */
  resident_set_release_all(&e->sets, e->device);
  event_close(e->forked);
  device_release(e->device, e->state);
  device_release(e->device, e->sums);
  device_release(e->device, e->part);
  device_release(e->device, e->sum);
  free(e);
}

static enum status open_lanes(gpu_executor *e, const graph *g, const executor_env *env, const library_ops *libraries) {
  const int asked = env->options->side_by_side, n = asked < 1 ? 1 : asked > MAX_LANES ? MAX_LANES : asked;
  for (int i = 0; i < n; i++) {
    e->n_lanes = i + 1; /* closed in any case */
    TRY_RETURN(lane_open(&e->lanes[i], env->device, i == 0 ? env->stream : NULL, g, env->batch, env->options,
                         libraries));
  }
  e->current = &e->lanes[0];
  return STATUS_OK;
}

enum status gpu_executor_create(const graph *g, const executor_env *env, const library_ops *libraries,
                                const executor_ops *ops, executor **out) {
  enum status status = STATUS_OK;
  void *memory = NULL;
  *out = NULL;
  gpu_executor *e = (gpu_executor *)calloc(1, sizeof *e);
  if (!e) return FAIL(STATUS_NO_MEMORY, "no memory for a model");
  e->base.ops = ops;
  e->device = env->device;
  e->stream = env->stream;
  e->n_params = g->n_params;
  e->n_labels = g->layers[g->n_layers - 1].steps;
  e->l2 = g->l2;
  TRY(open_lanes(e, g, env, libraries));
  TRY(event_open(env->device, &e->forked));
  TRY(device_floats(env->device, e->lanes[0].n_state, &e->state));
  TRY(device_alloc(env->device, sizeof *e->sums, &memory));
  e->sums = (outcome *)memory;
  *out = &e->base;
exit:
  if (status != STATUS_OK) gpu_executor_destroy(&e->base);
  return status;
}

size_t gpu_executor_n_state(const executor *e) { return ((const gpu_executor *)e)->lanes[0].n_state; }

/* ---- passes */

enum status gpu_executor_load(executor *base, const data *d, const batch_request *request) {
  gpu_executor *e = of(base);
  const resident_set *set = NULL;
  TRY_RETURN(resident_set_find(&e->sets, e->device, e->stream, d, &set));
  e->current = e->is_forked ? &e->lanes[e->turn++ % e->n_lanes] : &e->lanes[0];
  return lane_load(e->current, d, request, set);
}

/* One pass with all its pointers. */
typedef struct work {
  gpu_executor *e;
  enum pass_kind kind;
  const pass *pass;
  float *gradient, *loss;
} work;

static void issue_work(void *context, lane *l) {
  const work *w = (const work *)context;
  gpu_executor *e = w->e;
  stream *s = l->stream;
  const binding b = {l->program.memory, l->control, w->pass->mode, w->pass->params, w->gradient,
                     w->pass->state ? w->pass->state : e->state};
  const outcome *o = (const outcome *)tensor_at(&b, l->outcome);
  gpu_program_run(&l->program, &b, w->gradient != NULL, s);
  if (w->kind == PASS_STEP) {
    const double *squares = e->l2 > 0 ? l->squares : NULL;
    if (squares) vec_reduce(s, REDUCE_SQUARES, b.params, NULL, e->n_params, l->squares, l->scratch);
    issue_finish_step(s, l->control, o, e->n_labels, e->l2, squares, b.params, e->n_params, w->gradient, w->loss);
    return;
  }
  issue_add_outcome(s, o, e->sums);
  if (w->kind == PASS_ADD) issue_add_part(s, e->part, e->n_params, e->sum);
}

static void run_pass(gpu_executor *e, enum pass_kind kind, const pass *p, float *gradient, float *loss) {
  lane *l = e->current;
  work w = {e, kind, p, gradient, loss};
  const pass_key key = {(uint64_t)kind, (uint64_t)p->mode, p->params, p->state, gradient, loss};
  lane_send(l, p);
  lane_run(l, &key, issue_work, &w);
  stream_fail(e->stream, l->stream->error);
}

void gpu_executor_step(executor *e, const pass *p, float *gradient, float *loss) {
  run_pass(of(e), PASS_STEP, p, gradient, loss);
}

void gpu_executor_score(executor *e, const pass *p) { run_pass(of(e), PASS_SCORE, p, NULL, NULL); }

/* Most runs never ask for a full gradient. */
static enum status make_room(gpu_executor *e) {
  void *memory = NULL;
  if (e->sum) return STATUS_OK;
  TRY_RETURN(device_alloc(e->device, e->n_params * sizeof *e->sum, &memory));
  e->sum = (double *)memory;
  return device_floats(e->device, e->n_params, &e->part);
}

void gpu_executor_add_gradient(executor *base, const pass *p) {
  gpu_executor *e = of(base);
  const enum status status = make_room(e);
  stream_fail(e->stream, status);
  if (status == STATUS_OK) run_pass(e, PASS_ADD, p, e->part, NULL);
}

void gpu_executor_begin_sums(executor *base) {
  gpu_executor *e = of(base);
  issue_clear(e->stream, e->sum, e->sum ? e->n_params : 0, e->sums);
}

enum status gpu_executor_end_sums(executor *base, const float *params, float *gradient, sums *out) {
  gpu_executor *e = of(base);
  lane *l = &e->lanes[0];
  outcome o = {0, 0};
  double squares = 0;
  if (gradient) issue_finish_gradient(e->stream, e->sum, params, e->n_params, e->l2, gradient);
  if (e->l2 > 0) {
    vec_reduce(e->stream, REDUCE_SQUARES, params, NULL, e->n_params, l->squares, l->scratch);
    stream_copy(e->stream, &squares, l->squares, sizeof squares);
  }
  stream_copy(e->stream, &o, e->sums, sizeof o);
  TRY_RETURN(stream_synchronize(e->stream));
  out->loss = o.loss;
  out->n_right = (size_t)o.n_right;
  out->penalty = 0.5 * e->l2 * squares;
  return STATUS_OK;
}

/* ---- side by side */

void gpu_executor_fork(executor *base) {
  gpu_executor *e = of(base);
  e->is_forked = true;
  e->turn = 0;
  if (e->n_lanes > 1) event_record(e->forked, e->stream);
  for (int i = 1; i < e->n_lanes; i++) stream_wait(e->lanes[i].stream, e->forked);
}

void gpu_executor_join(executor *base) {
  gpu_executor *e = of(base);
  e->is_forked = false;
  e->current = &e->lanes[0];
  for (int i = 1; i < e->n_lanes; i++) {
    event_record(e->lanes[i].done, e->lanes[i].stream);
    stream_wait(e->stream, e->lanes[i].done);
  }
}
