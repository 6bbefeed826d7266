#include "runner/resolve.h"

#include <math.h>
#include <string.h>

#include "core/args.h"

/* Bounds keep every number exact as a double and within the generator's counters (core/rng.h). */
static const param base_table[] = {
    {.name = "workers", .type = PARAM_INT, .min = 1, .max = 1e6, .help = "how many workers, M"},
    {.name = "batch", .type = PARAM_INT, .min = 1, .max = 1e9, .help = "samples of a worker's mini-batch"},
    {.name = "epochs",
     .type = PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "length of the run in epochs"},
    {.name = "steps", .type = PARAM_INT, .fallback = "0", .min = 0, .max = 4e9, .help = "length of the run in steps"},
    {.name = "eval_every",
     .type = PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "epochs between evaluations"},
    {.name = "probe_every", .type = PARAM_INT, .fallback = "0", .min = 0, .max = 4e9, .help = "rounds between probes"},
    {.name = "seed", .type = PARAM_INT, .fallback = "1", .min = 0, .max = 9e15, .help = "seed of all randomness"},
    {.name = "device", .type = PARAM_CHOICE, .fallback = "auto", .choices = "auto|cpu|cuda|shadow", .help = "device"},
    {.name = "reduction", .type = PARAM_CHOICE, .fallback = "ordered", .choices = "ordered|mpi", .help = "all-reduce"},
    {.name = "accumulate",
     .type = PARAM_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e9,
     .help = "parts of a mini-batch whose gradients are taken one after the other"},
    {.name = "label_smoothing",
     .type = PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 0.999999,
     .help = "share of the label spread over all classes, in training"},
    {.name = "math",
     .type = PARAM_CHOICE,
     .fallback = "fp32",
     .choices = "fp32|tf32|bf16",
     .help = "what products are computed in; the CPU has fp32"},
    {.name = "deterministic",
     .type = PARAM_BOOL,
     .fallback = "true",
     .help = "false: a GPU may take algorithms whose bits differ from run to run; such a run has no digest"},
    PARAM_END,
};
static const char *const base_nested[] = {"model", "dataset", "method", "optimizer", NULL};
static const section base_section = {.name = "base", .tables = {base_table}, .nested = base_nested};

static const param optimizer_table[] = {
    {.name = "lr", .type = PARAM_REAL, .min = 0, .above_min = true, .max = INFINITY, .help = "step size"},
    {.name = "momentum", .type = PARAM_REAL, .fallback = "0", .min = 0, .max = 0.999999, .help = "momentum"},
    {.name = "nesterov", .type = PARAM_BOOL, .fallback = "false", .help = "momentum as Nesterov's, of PyTorch's kind"},
    {.name = "weight_decay", .type = PARAM_REAL, .fallback = "0", .min = 0, .max = INFINITY, .help = "weight decay"},
    {.name = "decay",
     .type = PARAM_CHOICE,
     .fallback = "all",
     .choices = "all|weights",
     .help = "what weight decay acts on; weights: not on biases and batch norm"},
    {.name = "clip",
     .type = PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = INFINITY,
     .help = "norm to clip to; 0: never"},
    PARAM_END,
};
static const char *const optimizer_nested[] = {"schedule", "warmup", NULL};
static const section optimizer_section = {.name = "optimizer", .tables = {optimizer_table}, .nested = optimizer_nested};

static const param schedule_table[] = {
    {.name = "gamma", .type = PARAM_REAL, .fallback = "0.1", .min = 0, .above_min = true, .max = 1, .help = "factor"},
    PARAM_END,
};
static const char *const schedule_nested[] = {"multistep", NULL};
static const param cosine_table[] = {
    {.name = "min", .type = PARAM_REAL, .fallback = "0", .min = 0, .max = INFINITY, .help = "step size at the end"},
    PARAM_END,
};
static const section cosine_section = {.name = "cosine", .tables = {cosine_table}};
static const param inverse_table[] = {
    {.name = "a", .type = PARAM_REAL, .min = 0, .above_min = true, .max = INFINITY, .help = "steps until lr is halved"},
    PARAM_END,
};
static const section inverse_section = {.name = "inverse", .tables = {inverse_table}};
static const param scaled_table[] = {
    {.name = "scaled",
     .type = PARAM_CHOICE,
     .choices = "sqrt(M/T)|1/sqrt(T)|1/T",
     .help = "factor of lr; M workers, T steps of each in the run"},
    PARAM_END,
};
static const section schedule_section = {.name = "schedule", .tables = {schedule_table}, .nested = schedule_nested};

static const param milestone = {.name = "a milestone", .type = PARAM_REAL, .above_min = true, .max = INFINITY};

static const param warmup_table[] = {
    {.name = "epochs", .type = PARAM_REAL, .fallback = "0", .min = 0, .max = 1e6, .help = "length in epochs; 0: none"},
    {.name = "from", .type = PARAM_REAL, .fallback = "0", .min = 0, .max = 1, .help = "fraction of lr it begins with"},
    PARAM_END,
};
static const section warmup_section = {.name = "warmup", .tables = {warmup_table}};

static const param dataset_table[] = {
    {.name = "limit",
     .type = PARAM_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .help = "training samples used; 0: all"},
    PARAM_END,
};
static const char *const dataset_nested[] = {"name", "partition", NULL};
static const module_common dataset_common = {.params = dataset_table, .nested = dataset_nested};

/* One of them is given, as the only key of its map. */
static const param dirichlet = {.name = "dirichlet", .type = PARAM_REAL, .min = 1e-4, .max = 1e6};
static const param shards = {.name = "shards", .type = PARAM_INT, .min = 1, .max = 1e6};

bool resolve_settings(size_t i, const char **name, const param **params) {
  const struct {
    const char *name;
    const param *params;
  } all[] = {{"base", base_table},         {"optimizer", optimizer_table},
             {"optimizer.warmup", warmup_table}, {"optimizer.schedule (with multistep)", schedule_table},
             {"optimizer.schedule.cosine", cosine_table}, {"optimizer.schedule.inverse", inverse_table},
             {"optimizer.schedule (instead)", scaled_table}};
  if (i >= sizeof all / sizeof *all) return false;
  *name = all[i].name;
  *params = all[i].params;
  return true;
}

size_t resolve_keys(const char **names) { return section_keys(&base_section, names); }

static enum status read_milestones(const node *list, optimizer *o) {
  if (list->kind != NODE_LIST || list->n == 0)
    return FAIL_AT(list->at, "multistep needs a list of epochs, e.g. [1, 2], but this is %s",
                   list->kind == NODE_LIST ? "empty" : node_kind_name(list));
  if (list->n > SCHEDULE_MAX_MILESTONES)
    return FAIL_AT(list->at, "multistep takes %d milestones at most, not %zu", SCHEDULE_MAX_MILESTONES, list->n);
  for (size_t i = 0; i < list->n; i++) {
    const node *written = list->items[i];
    arg value;
    if (written->kind != NODE_SCALAR || written->quoted)
      return FAIL_AT(written->at, "a milestone is a number of epochs, without quotes or brackets");
    TRY_RETURN(place_prefix(written->at, arg_from_text(&milestone, written->text, &value)));
    if (i > 0 && value.real <= o->milestones[i - 1])
      return FAIL_AT(written->at, "milestones must ascend, but %g does not come after %g", value.real,
                     o->milestones[i - 1]);
    o->milestones[i] = value.real;
  }
  o->n_milestones = list->n;
  o->schedule = SCHEDULE_MULTISTEP;
  return STATUS_OK;
}

static enum status read_cosine(arena *memory, const node *written, optimizer *o) {
  args read[SECTION_MAX_TABLES];
  TRY_RETURN(section_read(memory, written, &cosine_section, read));
  o->schedule = SCHEDULE_COSINE;
  o->lr_min = args_real(&read[0], "min");
  if (o->lr_min <= o->lr) return STATUS_OK;
  return FAIL_AT(node_get(written, "min")->at, "min must not be above lr, %g, but is %g", o->lr, o->lr_min);
}

static enum status read_inverse(arena *memory, const node *written, optimizer *o) {
  args read[SECTION_MAX_TABLES];
  TRY_RETURN(section_read(memory, written, &inverse_section, read));
  o->schedule = SCHEDULE_INVERSE;
  o->a = args_real(&read[0], "a");
  return STATUS_OK;
}

static enum status read_scaled(const node *written, optimizer *o) {
  arg value;
  if (written->kind != NODE_SCALAR) return FAIL_AT(written->at, "scaled is one of %s", scaled_table->choices);
  TRY_RETURN(place_prefix(written->at, arg_from_text(scaled_table, written->text, &value)));
  o->schedule = SCHEDULE_SCALED;
  for (int i = 0; i < N_SCHEDULE_RULES; i++)
    if (strcmp(value.text, schedule_rule_names[i]) == 0) o->rule = (enum schedule_rule)i;
  return STATUS_OK;
}

static enum status read_schedule(arena *memory, const node *written, optimizer *o) {
  args read[SECTION_MAX_TABLES];
  o->gamma = 1;
  if (!written || (written->kind == NODE_SCALAR && strcmp(written->text, "constant") == 0)) return STATUS_OK;
  if (written->kind == NODE_SCALAR && strcmp(written->text, "cosine") == 0) {
    o->schedule = SCHEDULE_COSINE;
    return STATUS_OK;
  }
  if (written->kind == NODE_MAP && written->n == 1) {
    const node *given;
    if ((given = node_get(written, "cosine"))) return read_cosine(memory, given, o);
    if ((given = node_get(written, "inverse"))) return read_inverse(memory, given, o);
    if ((given = node_get(written, "scaled"))) return read_scaled(given, o);
  }
  if (written->kind != NODE_MAP || !node_get(written, "multistep"))
    return FAIL_AT(written->at, "schedule is constant or {multistep: [EPOCH, EPOCH], gamma: FACTOR}, "
                                "cosine or {cosine: {min: LR}}, {inverse: {a: STEPS}} or {scaled: sqrt(M/T)}");
  TRY_RETURN(section_read(memory, written, &schedule_section, read));
  o->gamma = args_real(&read[0], "gamma");
  return read_milestones(node_get(written, "multistep"), o);
}

static enum status read_optimizer(arena *memory, const node *map, optimizer *o) {
  args read[SECTION_MAX_TABLES];
  TRY_RETURN(section_read(memory, map, &optimizer_section, read));
  *o = (optimizer){.lr = args_real(&read[0], "lr"),
                   .momentum = args_real(&read[0], "momentum"),
                   .nesterov = args_bool(&read[0], "nesterov"),
                   .weight_decay = args_real(&read[0], "weight_decay"),
                   .decay_weights = strcmp(args_text(&read[0], "decay"), "weights") == 0,
                   .clip = args_real(&read[0], "clip")};
  if (o->nesterov && o->momentum == 0)
    return FAIL_AT(node_get(map, "nesterov")->at, "nesterov needs momentum, which is 0: give momentum too");
  TRY_RETURN(read_schedule(memory, node_get(map, "schedule"), o));
  const node *warmup = node_get(map, "warmup");
  if (!warmup) return STATUS_OK;
  TRY_RETURN(section_read(memory, warmup, &warmup_section, read));
  o->warmup_epochs = args_real(&read[0], "epochs");
  o->warmup_from = args_real(&read[0], "from");
  return STATUS_OK;
}

static enum status read_partition(const node *written, partition_rule *out) {
  *out = (partition_rule){.kind = PARTITION_IID};
  if (!written || (written->kind == NODE_SCALAR && strcmp(written->text, "iid") == 0)) return STATUS_OK;
  const entry *e = written->kind == NODE_MAP && written->n == 1 ? written->entries : NULL;
  const bool by_mix = e && strcmp(e->key, dirichlet.name) == 0;
  if (!e || (!by_mix && strcmp(e->key, shards.name) != 0))
    return FAIL_AT(e ? e->at : written->at, "partition is iid, {dirichlet: ALPHA} or {shards: NUMBER}");
  if (e->value->kind != NODE_SCALAR || e->value->quoted)
    return FAIL_AT(e->value->at, "%s needs a number, without quotes or brackets", e->key);
  arg value;
  TRY_RETURN(place_prefix(e->value->at, arg_from_text(by_mix ? &dirichlet : &shards, e->value->text, &value)));
  *out = (partition_rule){.kind = by_mix ? PARTITION_DIRICHLET : PARTITION_SHARDS,
                          .alpha = by_mix ? value.real : 0,
                          .n_pieces = by_mix ? 0 : (size_t)value.integer};
  return STATUS_OK;
}

static enum status read_modules(const node *config, cell *c) {
  module_read_result r;
  TRY_RETURN(module_read(c->memory, MODULE_MODEL, node_get(config, "model"), NULL, &r));
  c->model = r.face.module;
  c->model_spec = r.spec;
  TRY_RETURN(module_read(c->memory, MODULE_DATASET, node_get(config, "dataset"), &dataset_common, &r));
  c->dataset = r.face.module;
  c->dataset_spec = r.spec;
  c->limit = (size_t)args_int(&r.common, "limit");
  TRY_RETURN(read_partition(node_get(r.map, "partition"), &c->partition));
  TRY_RETURN(module_read(c->memory, MODULE_METHOD, node_get(config, "method"), NULL, &r));
  c->method = r.face.module;
  c->method_spec = r.spec;
  return STATUS_OK;
}

static enum status read_length(const node *config, const args *base, cell *c) {
  c->epochs = args_real(base, "epochs");
  c->steps = (uint64_t)args_int(base, "steps");
  if (c->epochs > 0 && c->steps > 0)
    return FAIL_AT(node_get(config, "steps")->at, "epochs and steps are both given: keep one");
  if (c->epochs <= 0 && c->steps == 0)
    return FAIL_AT(config->at, "the length of a run is missing: give epochs or steps, above 0");
  c->eval_every = args_real(base, "eval_every");
  if (c->eval_every <= 0 && c->epochs > 0) c->eval_every = 1;
  return STATUS_OK;
}

static enum status read_device(const node *config, const char *word, cell *c) {
  const char *reason = "";
  const bool is_auto = strcmp(word, "auto") == 0, wants_gpu = is_auto || strcmp(word, "cuda") == 0;
  const bool has_gpu = wants_gpu && device_cuda_count(&reason) > 0;
  c->device = has_gpu ? DEVICE_CUDA : strcmp(word, "shadow") == 0 ? DEVICE_SHADOW : DEVICE_CPU;
  if (has_gpu || is_auto || !wants_gpu) return STATUS_OK;
  return FAIL_AT(node_get(config, "device")->at, "%s; or write device: auto", reason);
}

static enum status read_math(const node *config, const char *word, cell *c) {
  while (strcmp(word, math_names[c->math]) != 0) c->math++;
  if (c->math == MATH_FP32 || c->device == DEVICE_CUDA) return STATUS_OK;
  return FAIL_AT(node_get(config, "math")->at,
                 "the CPU computes in fp32: math: %s needs device: cuda; or write math: fp32", word);
}

static enum status read_batch(const node *config, const args *base, cell *c) {
  c->batch = (size_t)args_int(base, "batch");
  c->accumulate = (size_t)args_int(base, "accumulate");
  if (c->batch % c->accumulate == 0) return STATUS_OK;
  return FAIL_AT(node_get(config, "accumulate")->at, "accumulate %zu does not divide batch %zu", c->accumulate,
                 c->batch);
}

static enum status fill(const node *config, cell *c) {
  args read[SECTION_MAX_TABLES];
  if (config->kind == NODE_MAP)
    for (size_t i = 0; base_nested[i]; i++)
      if (!node_get(config, base_nested[i])) return FAIL_AT(config->at, "base needs the key '%s'", base_nested[i]);
  TRY_RETURN(section_read(c->memory, config, &base_section, read));
  const args *base = &read[0];
  c->workers = (int)args_int(base, "workers");
  c->label_smoothing = args_real(base, "label_smoothing");
  TRY_RETURN(read_batch(config, base, c));
  c->probe_every = (uint64_t)args_int(base, "probe_every");
  c->seed = (uint64_t)args_int(base, "seed");
  c->reduction = strcmp(args_text(base, "reduction"), "mpi") == 0 ? REDUCTION_MPI : REDUCTION_ORDERED;
  TRY_RETURN(read_length(config, base, c));
  TRY_RETURN(read_modules(config, c));
  TRY_RETURN(read_optimizer(c->memory, node_get(config, "optimizer"), &c->optimizer));
  TRY_RETURN(read_device(config, args_text(base, "device"), c));
  TRY_RETURN(read_math(config, args_text(base, "math"), c));
  c->wavers = !args_bool(base, "deterministic") && c->device == DEVICE_CUDA;
  return cell_set_config(c);
}

enum status resolve_cell(const node *config, cell **out) {
  *out = NULL;
  arena *memory;
  TRY_RETURN(arena_create(&memory));
  cell *c = arena_take(memory, sizeof *c);
  if (!c) {
    arena_destroy(memory);
    return STATUS_NO_MEMORY;
  }
  c->memory = memory;
  const enum status status = fill(config, c);
  if (status != STATUS_OK)
    cell_destroy(c);
  else
    *out = c;
  return status;
}
