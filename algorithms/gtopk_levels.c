#include "algorithms/gtopk_levels.h"

#include <stdlib.h>
#include <string.h>

/* The selection is Top-k over the whole model. */
static enum status create_pipeline(const method_env *env, const args *a, double density, int64_t k, pipeline **out) {
  const arg items[] = {
      {.name = "density", .type = PARAM_REAL, .real = density},
      {.name = "k", .type = PARAM_INT, .integer = k},
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

static enum status create_level(const method_env *env, const args *a, double density, int64_t k, gtopk_level *out) {
  TRY_RETURN(create_pipeline(env, a, density, k, &out->pipeline));
  out->selected = calloc((size_t)env->n_local, sizeof *out->selected);
  if (!out->selected) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  for (int i = 0; i < env->n_local; i++)
    TRY_RETURN(sparse_alloc(env->device, pipeline_max_count(out->pipeline), &out->selected[i]));
  return gtopk_aggregator_create(env, out->pipeline, aggregate_from(args_text(a, "aggregate")), &out->aggregator);
}

enum status gtopk_levels_create(const method_env *env, const args *a, gtopk_levels *out) {
  size_t n_warmup;
  const double *warmup = args_reals(a, "density_warmup", &n_warmup);
  *out = (gtopk_levels){.env = env};
  for (size_t l = 0; l <= n_warmup; l++) {
    out->n++;
    TRY_RETURN(l < n_warmup ? create_level(env, a, warmup[l], 0, &out->items[l])
                            : create_level(env, a, args_real(a, "density"), args_int(a, "k"), &out->items[l]));
    const size_t k = pipeline_max_count(out->items[l].pipeline);
    if (k > out->max_k) out->max_k = k;
  }
  return STATUS_OK;
}

void gtopk_levels_destroy(gtopk_levels *l) {
  for (size_t k = 0; k < l->n; k++) {
    gtopk_level *v = &l->items[k];
    gtopk_aggregator_destroy(v->aggregator);
    for (int i = 0; v->selected && i < l->env->n_local; i++) sparse_release(l->env->device, &v->selected[i]);
    free(v->selected);
    pipeline_destroy(v->pipeline);
  }
}

const gtopk_level *gtopk_levels_at(const gtopk_levels *l, uint64_t epoch) {
  return &l->items[epoch < l->n ? epoch : l->n - 1];
}
