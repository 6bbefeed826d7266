#include "runner/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/expand.h"
#include "runner/resolve.h"

/* A data set opened for this plan. Files are the same for all cells; synthetic data may depend on M and the seed. */
typedef struct opened {
  const cell *first; /* the cell it was opened for */
  data *data;
} opened;

typedef struct planning {
  const plan_options *options;
  arena *memory; /* of the trees: gone when the plan is made */
  opened *datasets;
  size_t n_datasets;
  graph *graph; /* room for trying a model on its data */
} planning;

static bool args_equal(const args *a, const args *b) {
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++) {
    const arg *x = &a->items[i], *y = &b->items[i];
    if (x->integer != y->integer || x->real != y->real) return false;
    if (x->n_reals != y->n_reals || memcmp(x->reals, y->reals, x->n_reals * sizeof *x->reals) != 0) return false;
    if ((x->type == PARAM_CHOICE || x->type == PARAM_TEXT) && strcmp(x->text, y->text) != 0) return false;
  }
  return true;
}

static bool serves(const opened *o, const cell *c) {
  if (o->first->dataset != c->dataset || !args_equal(&o->first->dataset_spec.args, &c->dataset_spec.args)) return false;
  if (strcmp(o->data->standing, "synthetic") != 0) return true;
  return o->first->workers == c->workers && o->first->seed == c->seed;
}

static enum status open_data(planning *p, const cell *c, const node *config, const data **out) {
  for (size_t i = 0; i < p->n_datasets; i++)
    if (serves(&p->datasets[i], c)) {
      *out = p->datasets[i].data;
      return STATUS_OK;
    }
  const dataset_env env = {.folder = p->options->data_folder, .n_workers = c->workers, .seed = c->seed};
  opened *o = &p->datasets[p->n_datasets];
  TRY_RETURN(place_prefix(node_get(config, "dataset")->at, c->dataset->open(&env, &c->dataset_spec.args, &o->data)));
  o->first = c;
  p->n_datasets++;
  *out = o->data;
  return STATUS_OK;
}

/* What can be told only with the data at hand. */
static enum status check_sizes(planning *p, const cell *c, const data *d, const node *config) {
  const node *set = NULL;
  TRY_RETURN(module_form(p->memory, node_get(config, "dataset"), &set));
  if (c->limit > d->n_train)
    return FAIL_AT(node_get(set, "limit")->at,
                   "limit %zu is more than the %zu training samples of %s: lower it, or 0 for all", c->limit,
                   d->n_train, c->dataset->name);
  const size_t n = c->limit > 0 ? c->limit : d->n_train;
  size_t shard;
  if (n < (size_t)c->workers)
    return FAIL_AT(node_get(config, "workers")->at,
                   "%d workers are more than the %zu training samples: use fewer workers", c->workers, n);
  const entry *partition = node_entry(set, "partition");
  TRY_RETURN(
      place_prefix(partition ? partition->at : set->at, partition_plan(&c->partition, d, n, c->workers, &shard)));
  if (c->batch > shard)
    return FAIL_AT(
        node_get(config, "batch")->at,
        "batch %zu is larger than a worker's shard: %zu samples over %d workers are %zu each; lower batch or "
        "workers",
        c->batch, n, c->workers, shard);
  if (c->accumulate > 1 && d->sequential)
    return FAIL_AT(node_get(config, "accumulate")->at,
                   "accumulate is not for sequences, whose state goes from batch to batch: leave it out with %s",
                   c->dataset->name);
  if (c->label_smoothing > 0 && d->n_classes == 0)
    return FAIL_AT(node_get(config, "label_smoothing")->at, "label_smoothing needs labels, which %s has not",
                   c->dataset->name);
  return STATUS_OK;
}

static enum status check_model(planning *p, const cell *c, const data *d, const node *config) {
  graph_begin(p->graph, d->channels, d->height, d->width);
  const model_env env = {.data = d};
  return place_prefix(node_get(config, "model")->at, c->model->build(&env, &c->model_spec.args, p->graph));
}

static void note_device(const plan_options *options) {
  const char *reason = "";
  char line[400];
  const int n = device_cuda_count(&reason);
  if (n > 0)
    snprintf(line, sizeof line, "device auto: using CUDA, %d GPU%s", n, n > 1 ? "s" : "");
  else
    snprintf(line, sizeof line, "device auto: %s; using the CPU", reason);
  options->note(options->note_context, line);
}

static bool has_hash(const plan *p, const char *hash) {
  for (size_t i = 0; i < p->n_cells; i++)
    if (strcmp(p->cells[i]->hash, hash) == 0) return true;
  return false;
}

/* Appends the cell of one configuration to the plan, unless an equal one is there. A cell whose data set was opened
 * for it stays in the plan, so `first` lives as long as it is needed: an equal cell finds the data set already open. */
static enum status add_cell(planning *p, const node *config, plan *out) {
  cell *c;
  const data *d;
  enum status status;
  TRY_RETURN(resolve_cell(config, &c));
  TRY(open_data(p, c, config, &d));
  TRY(check_sizes(p, c, d, config));
  TRY(check_model(p, c, d, config));
  TRY(cell_set_hash(c, d->checksum));
  if (has_hash(out, c->hash)) goto exit;
  out->cells[out->n_cells++] = c;
  return STATUS_OK;
exit:
  cell_destroy(c);
  return status;
}

static bool is_auto(const node *config) {
  const node *written = node_get(config, "device");
  return !written || (written->kind == NODE_SCALAR && strcmp(written->text, "auto") == 0);
}

static enum status fill(planning *p, const char *file, plan *out) {
  const node *root;
  expansion all;
  TRY_RETURN(yaml_read_file(p->memory, file, &root));
  TRY_RETURN(expand_experiment(p->memory, root, p->options, &all));
  out->experiment = strdup(all.experiment);
  out->file = strdup(file);
  out->tier = strdup(all.tier);
  out->cells = calloc(all.n_cells, sizeof *out->cells);
  p->datasets = arena_take(p->memory, all.n_cells * sizeof *p->datasets);
  p->graph = arena_take(p->memory, sizeof *p->graph);
  if (!out->experiment || !out->file || !out->tier || !out->cells || !p->datasets || !p->graph)
    return FAIL(STATUS_NO_MEMORY, "no memory for %zu cells", all.n_cells);
  bool noted = p->options->note == NULL;
  for (size_t i = 0; i < all.n_cells; i++) {
    TRY_RETURN(add_cell(p, all.cells[i], out));
    if (!noted && is_auto(all.cells[i])) {
      note_device(p->options);
      noted = true;
    }
  }
  return STATUS_OK;
}

enum status plan_load(const char *file, const plan_options *options, plan **out) {
  planning p = {.options = options};
  *out = NULL;
  plan *made = calloc(1, sizeof *made);
  if (!made) return FAIL(STATUS_NO_MEMORY, "no memory for a plan");
  enum status status = arena_create(&p.memory);
  if (status == STATUS_OK) status = fill(&p, file, made);
  for (size_t i = 0; i < p.n_datasets; i++) data_close(p.datasets[i].data);
  arena_destroy(p.memory);
  if (status == STATUS_OK)
    *out = made;
  else
    plan_destroy(made);
  return status;
}

void plan_destroy(plan *p) {
  if (!p) return;
  for (size_t i = 0; i < p->n_cells; i++) cell_destroy(p->cells[i]);
  free(p->cells);
  free(p->experiment);
  free(p->file);
  free((char *)p->tier);
  free(p);
}
