/* gTop-k S-SGD (Shi et al., ICDCS 2019, Algorithms 1-4; IJCAI 2019 for the analysis). Worker w, with residual e_w:
 *   u_w = g_w + e_w;  V_w = the k largest |u_w|;  e_w = u_w - V_w;
 *   G = the k largest of sum_w V_w (gtopk_aggregate.h), whose left-out entries go back into the e_w;
 *   x <- x - gamma G / M, with momentum, weight decay and clipping acting on the sparse mean.
 * The residual is in gradient units, as in the authors' code; with `step_inside` it is u_w = e_w + gamma g_w and
 * x <- x - G / M, the form of the IJCAI analysis. The two agree for a constant gamma and no momentum. */
#include <stdlib.h>
#include <string.h>

#include "algorithms/error_feedback.h"
#include "algorithms/gtopk_aggregate.h"
#include "algorithms/replica.h"

typedef struct gtopk {
  const method_env *env;
  replica replica;
  error_feedback feedback;
  bool step_inside;
  pipeline *pipeline; /* selects, and codes the messages */
  sparse *selected;   /* n_local, k entries */
  gtopk_aggregator *aggregator;
} gtopk;

static void destroy(void *state) {
  gtopk *s = state;
  gtopk_aggregator_destroy(s->aggregator);
  for (int i = 0; s->selected && i < s->env->n_local; i++) sparse_release(s->env->device, &s->selected[i]);
  free(s->selected);
  pipeline_destroy(s->pipeline);
  error_feedback_destroy(&s->feedback);
  replica_destroy(&s->replica);
  free(s);
}

/* The selection is Top-k over the whole model. */
static enum status create_pipeline(const method_env *env, const args *a, pipeline **out) {
  const arg items[] = {
      {.name = "density", .type = PARAM_REAL, .real = args_real(a, "density")},
      {.name = "k", .type = PARAM_INT, .integer = args_int(a, "k")},
  };
  const module_spec stage = {.name = "topk", .args = {.items = items, .n = sizeof items / sizeof items[0]}};
  const pipeline_spec spec = {
      .stages = &stage,
      .n_stages = 1,
      .scope = SCOPE_GLOBAL,
      .indices = strcmp(args_text(a, "indices"), "packed") == 0 ? INDEX_PACKED : INDEX_RAW32,
  };
  return pipeline_create(&spec, env->device, env->stream, env->layers, env->seed, out);
}

static enum gtopk_aggregate aggregate_from(const char *name) {
  if (strcmp(name, "naive") == 0) return GTOPK_NAIVE;
  return strcmp(name, "tree") == 0 ? GTOPK_TREE : GTOPK_RECURSIVE;
}

static enum status allocate(gtopk *s, const args *a) {
  const method_env *env = s->env;
  TRY_RETURN(create_pipeline(env, a, &s->pipeline));
  s->selected = calloc((size_t)env->n_local, sizeof *s->selected);
  if (!s->selected) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  for (int i = 0; i < env->n_local; i++)
    TRY_RETURN(sparse_alloc(env->device, pipeline_max_count(s->pipeline), &s->selected[i]));
  TRY_RETURN(gtopk_aggregator_create(env, s->pipeline, aggregate_from(args_text(a, "aggregate")), &s->aggregator));
  TRY_RETURN(error_feedback_create(env, args_bool(a, "memory"), &s->feedback));
  return replica_create(env, REPLICA_MOMENTUM_SHARED, &s->replica);
}

static const char *skip(const method_env *env, const args *a) {
  const optimizer *o = env->optimizer;
  if (args_bool(a, "step_inside") && (o->momentum > 0 || o->weight_decay > 0 || o->clip > 0))
    return "step_inside is defined for plain SGD: momentum, weight_decay and clip must be 0";
  return NULL;
}

static enum status create(const method_env *env, const args *a, void **state) {
  *state = NULL;
  gtopk *s = calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for the state of gtopk");
  s->env = env;
  s->step_inside = args_bool(a, "step_inside");
  const enum status status = allocate(s, a);
  if (status == STATUS_OK)
    *state = s;
  else
    destroy(s);
  return status;
}

/* Takes V out of u = e + a g; what is left is the new e. Without memory u is a g, in the place of g. */
static enum status take(gtopk *s, uint64_t round, int i) {
  const method_env *env = s->env;
  const worker *w = &env->workers[i];
  const float a = s->step_inside ? (float)optimizer_lr(env->optimizer, method_epoch(env, round)) : 1.0f;
  float *u = s->feedback.e ? s->feedback.e[i] : w->gradient;
  if (s->feedback.e)
    vec_axpy(env->stream, a, w->gradient, u, env->n_params);
  else if (s->step_inside)
    vec_scale(env->stream, u, a, env->n_params);
  TRY_RETURN(pipeline_select(s->pipeline, round, w->id, u, &s->selected[i]));
  if (s->feedback.e) vec_scatter_fill(env->stream, &s->selected[i], 0.0f, u, env->n_params);
  return STATUS_OK;
}

static void update(gtopk *s, uint64_t round, const sparse *sum) {
  const method_env *env = s->env;
  const float share = 1.0f / (float)env->n_workers;
  env->enter(env->clock, PHASE_UPDATE);
  if (s->step_inside) {
    vec_scatter_add(env->stream, -share, sum, s->replica.x, env->n_params);
    return;
  }
  vec_fill(env->stream, s->replica.mean, 0.0f, env->n_params);
  vec_scatter_add(env->stream, share, sum, s->replica.mean, env->n_params);
  replica_step(&s->replica, round);
}

static enum status run_round(void *state, uint64_t round) {
  gtopk *s = state;
  const method_env *env = s->env;
  const sparse *sum;
  env->enter(env->clock, PHASE_COMPUTE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(worker_gradient(env, &env->workers[i], round, s->replica.x));
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(take(s, round, i));
  TRY_RETURN(gtopk_aggregate(s->aggregator, round, s->selected, s->feedback.e, &sum));
  update(s, round, sum);
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((gtopk *)state)->replica, x);
  return STATUS_OK;
}

static enum status probe(void *state, const probe_sink *sink) {
  return error_feedback_probe(&((gtopk *)state)->feedback, sink);
}

static enum status archive_state(void *state, archive *a) {
  gtopk *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  return error_feedback_archive(&s->feedback, a);
}

static const param params[] = {
    {.name = "density",
     .type = PARAM_REAL,
     .fallback = "0.001",
     .min = 0,
     .max = 1,
     .above_min = true,
     .help = "fraction of the coordinates that is kept: k = max(floor(density d), 1)",
     .in_label = true},
    {.name = "k",
     .type = PARAM_INT,
     .fallback = "0",
     .min = 0,
     .max = 4294967295.0,
     .help = "coordinates kept; 0: as density says"},
    {.name = "aggregate",
     .type = PARAM_CHOICE,
     .fallback = "recursive",
     .choices = "naive|tree|recursive",
     .help = "how the k largest of all are found",
     .in_label = true},
    {.name = "memory",
     .type = PARAM_BOOL,
     .fallback = "true",
     .help = "keep what was not applied and add it to the next gradient"},
    {.name = "indices",
     .type = PARAM_CHOICE,
     .fallback = "raw32",
     .choices = "raw32|packed",
     .help = "how indices are coded: 32 bits, or ceil(log2 n) bits each"},
    {.name = "step_inside",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "the step size is part of what is compressed"},
    PARAM_END,
};

MODULE(method, gtopk) = {
    .name = "gtopk",
    .paper = "Shi et al., ICDCS 2019: gTop-k S-SGD",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .skip = skip,
    .create = create,
    .round = run_round,
    .iterate = iterate,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
