#include "runner/cell.h"

#define XXH_INLINE_ALL
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/args.h"
#include "runner/json.h"
#include "runner/resolve.h"

/* `before`, then the shortest decimal that reads back as the same double (80 rather than 8e+01). */
static void write_real(FILE *f, const char *before, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.0f", value != 0 && fabs(value) < 1e15 ? value : 0); /* and no -0 */
  for (int digits = 1; strtod(text, NULL) != value; digits++) snprintf(text, sizeof text, "%.*g", digits, value);
  fprintf(f, "%s%s", before, text);
}

static void write_args(FILE *f, const args *a);

/* Without the closing brace: data sets have more to add. */
static void open_module(FILE *f, const char *before, const module_spec *m) {
  fprintf(f, "%s{\"name\":\"%s\"", before, m->name);
}

static void write_reals(FILE *f, const arg *a) {
  for (size_t i = 0; i < a->n_reals; i++) write_real(f, i ? "," : "[", a->reals[i]);
  fputs(a->n_reals ? "]" : "[]", f);
}

/* Names and choices are words of the modules' own tables, so they need no escaping. */
static void write_arg(FILE *f, const arg *a) {
  fprintf(f, ",\"%s\":", a->name);
  switch (a->type) {
    case PARAM_INT:
      fprintf(f, "%" PRId64, a->integer);
      break;
    case PARAM_REAL:
      write_real(f, "", a->real);
      break;
    case PARAM_BOOL:
      fputs(a->integer ? "true" : "false", f);
      break;
    case PARAM_CHOICE:
      fprintf(f, "\"%s\"", a->text);
      break;
    case PARAM_TEXT:
      json_write_string(f, a->text);
      break;
    case PARAM_PIPELINE:
      if (a->n_modules == 0) fputc('[', f);
      for (size_t i = 0; i < a->n_modules; i++) {
        open_module(f, i ? "," : "[", &a->modules[i]);
        write_args(f, &a->modules[i].args);
      }
      fputc(']', f);
      break;
    case PARAM_REALS:
      write_reals(f, a);
      break;
  }
}

static void write_args(FILE *f, const args *a) {
  for (size_t i = 0; i < a->n; i++) write_arg(f, &a->items[i]);
  fputc('}', f);
}

static void write_schedule(FILE *f, const optimizer *o) {
  fputs(",\"schedule\":", f);
  switch (o->schedule) {
    case SCHEDULE_CONSTANT:
      fputs("\"constant\"", f);
      break;
    case SCHEDULE_MULTISTEP:
      for (size_t i = 0; i < o->n_milestones; i++) write_real(f, i ? "," : "{\"multistep\":[", o->milestones[i]);
      write_real(f, "],\"gamma\":", o->gamma);
      fputc('}', f);
      break;
    case SCHEDULE_COSINE:
      write_real(f, "{\"cosine\":{\"min\":", o->lr_min);
      fputs("}}", f);
      break;
    case SCHEDULE_INVERSE:
      write_real(f, "{\"inverse\":{\"a\":", o->a);
      fputs("}}", f);
      break;
    case SCHEDULE_SCALED:
      fprintf(f, "{\"scaled\":\"%s\"}", schedule_rule_names[o->rule]);
      break;
  }
}

/* What came later than the first results is written where it is not the default: old cells keep their hashes. */
static void write_optimizer(FILE *f, const optimizer *o) {
  write_real(f, ",\"optimizer\":{\"lr\":", o->lr);
  write_real(f, ",\"momentum\":", o->momentum);
  if (o->nesterov) fputs(",\"nesterov\":true", f);
  write_real(f, ",\"weight_decay\":", o->weight_decay);
  if (o->decay_weights) fputs(",\"decay\":\"weights\"", f);
  write_real(f, ",\"clip\":", o->clip);
  write_schedule(f, o);
  write_real(f, ",\"warmup\":{\"epochs\":", o->warmup_epochs);
  write_real(f, ",\"from\":", o->warmup_from);
  fputs("}}", f);
}

static void write_partition(FILE *f, const partition_rule *p) {
  if (p->kind == PARTITION_IID) fputs("\"iid\"", f);
  if (p->kind == PARTITION_DIRICHLET) write_real(f, "{\"dirichlet\":", p->alpha), fputc('}', f);
  if (p->kind == PARTITION_SHARDS) fprintf(f, "{\"shards\":%zu}", p->n_pieces);
}

/* accumulate, label_smoothing, math and deterministic are written like that too. */
static void write_config(FILE *f, const cell *c) {
  static const char *const device_words[] = {[DEVICE_CPU] = "cpu", [DEVICE_SHADOW] = "shadow", [DEVICE_CUDA] = "cuda"};
  open_module(f, "{\"model\":", &c->model_spec);
  write_args(f, &c->model_spec.args);
  open_module(f, ",\"dataset\":", &c->dataset_spec);
  fprintf(f, ",\"limit\":%zu,\"partition\":", c->limit);
  write_partition(f, &c->partition);
  write_args(f, &c->dataset_spec.args);
  open_module(f, ",\"method\":", &c->method_spec);
  write_args(f, &c->method_spec.args);
  fprintf(f, ",\"workers\":%d,\"batch\":%zu", c->workers, c->batch);
  if (c->accumulate > 1) fprintf(f, ",\"accumulate\":%zu", c->accumulate);
  write_real(f, ",\"epochs\":", c->epochs);
  fprintf(f, ",\"steps\":%" PRIu64, c->steps);
  write_real(f, ",\"eval_every\":", c->eval_every);
  fprintf(f, ",\"probe_every\":%" PRIu64, c->probe_every);
  write_optimizer(f, &c->optimizer);
  if (c->label_smoothing > 0) write_real(f, ",\"label_smoothing\":", c->label_smoothing);
  if (c->math != MATH_FP32) fprintf(f, ",\"math\":\"%s\"", math_names[c->math]);
  if (c->wavers) fputs(",\"deterministic\":false", f);
  fprintf(f, ",\"seed\":%" PRIu64 ",\"device\":\"%s\",\"reduction\":\"%s\"}", c->seed, device_words[c->device],
          c->reduction == REDUCTION_MPI ? "mpi" : "ordered");
}

/* Closes a stream of open_memstream; *text is freed and NULL where writing failed for want of memory. */
static enum status close_text(FILE *f, char **text) {
  const bool failed = ferror(f) != 0;
  if (fclose(f) == 0 && !failed) return STATUS_OK;
  free(*text);
  *text = NULL;
  return FAIL(STATUS_NO_MEMORY, "no memory to write a configuration");
}

enum status cell_set_config(cell *c) {
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  if (!f) return FAIL(STATUS_NO_MEMORY, "no memory to write a configuration");
  write_config(f, c);
  TRY_RETURN(close_text(f, &text));
  c->config = arena_text(c->memory, text, n);
  free(text);
  return c->config ? STATUS_OK : STATUS_NO_MEMORY;
}

static void write_compressor_versions(FILE *f, const args *a) {
  for (size_t i = 0; i < a->n; i++)
    for (size_t k = 0; k < a->items[i].n_modules; k++) {
      const module_spec *m = &a->items[i].modules[k];
      module_face face;
      if (module_named(MODULE_COMPRESSOR, m->name, &face)) fprintf(f, "%s %s\n", face.name, face.version);
      write_compressor_versions(f, &m->args);
    }
}

enum status cell_set_hash(cell *c, uint64_t data_checksum) {
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  if (!f) return FAIL(STATUS_NO_MEMORY, "no memory to hash a configuration");
  fprintf(f, "%s\nmodel %s\ndataset %s\nmethod %s\n", c->config, c->model->version, c->dataset->version,
          c->method->version);
  write_compressor_versions(f, &c->method_spec.args);
  fprintf(f, "data %016" PRIx64 "\n", data_checksum);
  TRY_RETURN(close_text(f, &text));
  snprintf(c->hash, sizeof c->hash, "%016" PRIx64, (uint64_t)XXH64(text, n, 0));
  free(text);
  return STATUS_OK;
}

enum status cell_from_json(const char *json, cell **out) {
  arena *memory;
  const node *config;
  *out = NULL;
  TRY_RETURN(arena_create(&memory));
  enum status status = yaml_read_text(memory, "cell", true, json, strlen(json), &config);
  if (status == STATUS_OK) status = resolve_cell(config, out);
  arena_destroy(memory);
  return status;
}

void cell_destroy(cell *c) {
  if (c) arena_destroy(c->memory); /* the cell itself lies in it */
}

static bool is_silent(const param *table, const arg *a) {
  const param *p = table;
  while (strcmp(p->name, a->name) != 0) p++;
  arg fallback;
  if (a->type == PARAM_PIPELINE) return a->n_modules == 0;
  if (p->in_label || !p->fallback || arg_from_text(p, p->fallback, &fallback) != STATUS_OK)
    return false;
  if (a->type == PARAM_CHOICE || a->type == PARAM_TEXT) return strcmp(a->text, fallback.text) == 0;
  if (a->type == PARAM_REALS)
    return a->n_reals == fallback.n_reals && memcmp(a->reals, fallback.reals, a->n_reals * sizeof *a->reals) == 0;
  return a->integer == fallback.integer && a->real == fallback.real;
}

static void label_module(FILE *f, const module_spec *m, const param *table) {
  const char *before = "(";
  fputs(m->name, f);
  for (size_t i = 0; i < m->args.n; i++) {
    const arg *a = &m->args.items[i];
    if (is_silent(table, a)) continue;
    fputs(before, f);
    before = ", ";
    if (a->type == PARAM_PIPELINE && strcmp(a->name, "compressor") != 0) fprintf(f, "%s ", a->name);
    for (size_t k = 0; k < a->n_modules; k++) {
      module_face stage;
      if (k > 0) fputs(" + ", f);
      if (module_named(MODULE_COMPRESSOR, a->modules[k].name, &stage)) label_module(f, &a->modules[k], stage.params);
    }
    if (a->type == PARAM_INT) fprintf(f, "%s %" PRId64, a->name, a->integer);
    if (a->type == PARAM_REAL) fputs(a->name, f), write_real(f, " ", a->real);
    if (a->type == PARAM_BOOL) fprintf(f, "%s%s", a->integer ? "" : "no ", a->name);
    if (a->type == PARAM_CHOICE) fputs(a->text, f);
    if (a->type == PARAM_TEXT) fprintf(f, "%s %s", a->name, a->text);
    if (a->type == PARAM_REALS) fprintf(f, "%s ", a->name), write_reals(f, a);
  }
  if (before[0] == ',') fputc(')', f);
}

void cell_label(const cell *c, char *out, size_t n) {
  char *text = NULL;
  size_t n_text = 0;
  FILE *f = open_memstream(&text, &n_text);
  if (f) label_module(f, &c->method_spec, c->method->params);
  /* Without memory a table still shows the name. */
  const bool written = f && close_text(f, &text) == STATUS_OK;
  snprintf(out, n, "%s", written ? text : c->method_spec.name);
  free(text);
}
