#include "runner/section.h"

#include <stdio.h>
#include <string.h>

#include "algorithms/method.h"
#include "algorithms/pipeline.h"
#include "core/args.h"
#include "core/suggest.h"
#include "datasets/dataset.h"
#include "models/model.h"

static const char *const kind_names[] = {[MODULE_MODEL] = "model",
                                         [MODULE_DATASET] = "data set",
                                         [MODULE_METHOD] = "method",
                                         [MODULE_COMPRESSOR] = "compressor"};

#define FACE(m) ((module_face){.name = (m)->name, .version = (m)->version, .params = (m)->params, .module = (m)})

bool module_at(enum module_kind kind, size_t i, module_face *out) {
  *out = (module_face){.name = NULL};
  switch (kind) {
    case MODULE_MODEL:
      if (model_registry[i]) *out = FACE(model_registry[i]);
      break;
    case MODULE_DATASET:
      if (dataset_registry[i]) *out = FACE(dataset_registry[i]);
      break;
    case MODULE_METHOD:
      if (method_registry[i]) *out = FACE(method_registry[i]);
      break;
    case MODULE_COMPRESSOR:
      if (compressor_registry[i]) *out = FACE(compressor_registry[i]);
      break;
  }
  return out->name != NULL;
}

bool module_named(enum module_kind kind, const char *name, module_face *out) {
  for (size_t i = 0; module_at(kind, i, out); i++)
    if (module_name_equal(out->name, name)) return true;
  return false;
}

/* "a, b, c", cut where it does not fit. */
static void join(const char *const *names, size_t n, char *out, size_t n_out) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < n && used < n_out; i++)
    used += (size_t)snprintf(out + used, n_out - used, "%s%s", i ? ", " : "", names[i]);
}

enum status section_unknown_key(const entry *e, const char *section_name, const char *const *names, size_t n) {
  const char *nearest = suggest_nearest(e->key, names, n);
  if (nearest) return FAIL_AT(e->at, "unknown key '%s' in %s: did you mean '%s'?", e->key, section_name, nearest);
  if (n == 0) return FAIL_AT(e->at, "unknown key '%s': %s takes no parameters", e->key, section_name);
  char list[700];
  join(names, n, list, sizeof list);
  return FAIL_AT(e->at, "unknown key '%s' in %s: the keys are %s", e->key, section_name, list);
}

size_t section_keys(const section *s, const char **names) {
  size_t n = 0;
  for (const char *const *key = s->nested; key && *key && n < SECTION_MAX_KEYS; key++) names[n++] = *key;
  for (size_t t = 0; t < SECTION_MAX_TABLES; t++)
    for (const param *p = s->tables[t]; p && p->name && n < SECTION_MAX_KEYS; p++) names[n++] = p->name;
  return n;
}

static enum status check_keys(const node *map, const section *s) {
  const char *names[SECTION_MAX_KEYS];
  const size_t n = section_keys(s, names);
  for (size_t i = 0; i < map->n; i++) {
    bool known = false;
    for (size_t k = 0; k < n && !known; k++) known = strcmp(map->entries[i].key, names[k]) == 0;
    /* `name` is how a module is written, not one of its parameters to list. */
    if (!known) {
      const bool named = s->nested && strcmp(s->nested[0], "name") == 0;
      return section_unknown_key(&map->entries[i], s->name, names + named, n - named);
    }
  }
  return STATUS_OK;
}

static enum status read_pipeline(arena *memory, const node *written, arg *out) {
  const bool is_list = written->kind == NODE_LIST;
  const size_t n = is_list ? written->n : 1;
  if (n == 0) return FAIL_AT(written->at, "%s is an empty list: name at least one compressor", out->name);
  module_spec *modules = arena_take(memory, n * sizeof *modules);
  if (!modules) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < n; i++) {
    module_read_result stage;
    TRY_RETURN(module_read(memory, MODULE_COMPRESSOR, is_list ? written->items[i] : written, NULL, &stage));
    modules[i] = stage.spec;
  }
  out->modules = modules;
  out->n_modules = n;
  const compressor *selector, *coder;
  return place_prefix(written->at, pipeline_compose(NULL, modules, n, &selector, &coder));
}

static bool may_be_empty(const param *p) { return p->fallback && strcmp(p->fallback, "[]") == 0; }

/* A default is written as in YAML, and so read; empty may be what is so by default. */
static enum status read_pipeline_default(arena *memory, const param *p, arg *out) {
  const node *written;
  if (may_be_empty(p)) return STATUS_OK;
  TRY_RETURN(yaml_read_text(memory, "default compressor", false, p->fallback, strlen(p->fallback), &written));
  return read_pipeline(memory, written, out);
}

static enum status read_reals(const param *p, const node *written, arg *out) {
  if (written->kind != NODE_LIST)
    return FAIL_AT(written->at, "%s is a list of numbers, [A, B], but this is %s", p->name, node_kind_name(written));
  if (written->n > ARG_MAX_REALS)
    return FAIL_AT(written->at, "%s takes at most %d numbers, not %zu", p->name, ARG_MAX_REALS, written->n);
  param number = *p;
  number.type = PARAM_REAL;
  for (size_t i = 0; i < written->n; i++) {
    const node *item = written->items[i];
    arg one;
    if (item->kind != NODE_SCALAR || item->quoted)
      return FAIL_AT(item->at, "%s holds numbers, without quotes or brackets", p->name);
    TRY_RETURN(place_prefix(item->at, arg_from_text(&number, item->text, &one)));
    out->reals[out->n_reals++] = one.real;
  }
  return STATUS_OK;
}

static enum status read_value(arena *memory, const param *p, const node *written, arg *out) {
  *out = (arg){.name = p->name, .type = p->type};
  if (p->type == PARAM_PIPELINE) {
    if (may_be_empty(p) && written->kind == NODE_LIST && written->n == 0) return STATUS_OK;
    return read_pipeline(memory, written, out);
  }
  if (p->type == PARAM_REALS) return read_reals(p, written, out);
  if (written->kind != NODE_SCALAR || node_is_empty(written))
    return FAIL_AT(written->at, "%s needs a single value, but this is %s", p->name, node_kind_name(written));
  if (written->quoted && p->type != PARAM_CHOICE && p->type != PARAM_TEXT)
    return FAIL_AT(written->at, "%s is not a text: write \"%s\" without the quotes", p->name, written->text);
  const char *text = arena_text(memory, written->text, strlen(written->text));
  if (!text) return STATUS_NO_MEMORY;
  return place_prefix(written->at, arg_from_text(p, text, out));
}

static enum status read_table(arena *memory, const node *map, const section *s, const param *table, args *out) {
  size_t n = 0;
  while (table && table[n].name) n++;
  arg *items = arena_take(memory, n * sizeof *items);
  if (!items) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < n; i++) {
    const param *p = &table[i];
    const node *written = node_get(map, p->name);
    if (written)
      TRY_RETURN(read_value(memory, p, written, &items[i]));
    else if (!p->fallback)
      return FAIL_AT(map->at, "%s needs the key '%s' (%s)", s->name, p->name, p->help);
    else if (p->type == PARAM_PIPELINE) {
      items[i] = (arg){.name = p->name, .type = p->type};
      TRY_RETURN(read_pipeline_default(memory, p, &items[i]));
    } else
      TRY_RETURN(place_prefix(map->at, arg_from_text(p, p->fallback, &items[i])));
  }
  *out = (args){.items = items, .n = n};
  return STATUS_OK;
}

enum status section_read(arena *memory, const node *map, const section *s, args out[SECTION_MAX_TABLES]) {
  if (map->kind != NODE_MAP)
    return FAIL_AT(map->at, "%s needs 'key: value' pairs, but this is %s", s->name, node_kind_name(map));
  TRY_RETURN(check_keys(map, s));
  for (size_t t = 0; t < SECTION_MAX_TABLES; t++) {
    out[t] = (args){.items = NULL, .n = 0};
    if (s->tables[t]) TRY_RETURN(read_table(memory, map, s, s->tables[t], &out[t]));
  }
  return STATUS_OK;
}

bool module_is_key(const char *key) {
  return strcmp(key, "model") == 0 || strcmp(key, "dataset") == 0 || strcmp(key, "method") == 0;
}

#define MODULE_FORMS "NAME, {name: NAME, key: value} or {NAME: {key: value}}"

enum status module_form(arena *memory, const node *written, const node **out) {
  const node *name = node_get(written, "name"), *params = NULL;
  if (name) {
    if (name->kind != NODE_SCALAR || node_is_empty(name))
      return FAIL_AT(name->at, "a module's name is a single word, but this is %s", node_kind_name(name));
    *out = written;
    return STATUS_OK;
  }
  node *scalar = arena_take(memory, sizeof *scalar);
  if (!scalar) return STATUS_NO_MEMORY;
  if (written->kind == NODE_SCALAR && !node_is_empty(written)) {
    *scalar = *written;
  } else if (written->kind == NODE_MAP && written->n == 1) {
    const entry *e = &written->entries[0];
    *scalar = (node){.kind = NODE_SCALAR, .at = e->at, .text = e->key, .weight = 1};
    if (e->value->kind == NODE_MAP)
      params = e->value;
    else if (!node_is_empty(e->value))
      return FAIL_AT(e->value->at, "the parameters of %s are 'key: value' pairs, but this is %s", e->key,
                     node_kind_name(e->value));
  } else {
    return FAIL_AT(written->at, "a module is written " MODULE_FORMS ", but this is %s", node_kind_name(written));
  }
  const size_t n = 1 + (params ? params->n : 0);
  entry *entries = arena_take(memory, n * sizeof *entries);
  node *map = arena_take(memory, sizeof *map);
  if (!entries || !map) return STATUS_NO_MEMORY;
  entries[0] = (entry){.key = "name", .at = scalar->at, .value = scalar};
  for (size_t i = 1; i < n; i++) entries[i] = params->entries[i - 1];
  if (params && node_get(params, "name"))
    return FAIL_AT(node_entry(params, "name")->at, "a module is named once: write it as " MODULE_FORMS);
  *map = (node){.kind = NODE_MAP, .at = written->at, .entries = entries, .n = n, .weight = written->weight + 2};
  *out = map;
  return STATUS_OK;
}

static enum status unknown_module(enum module_kind kind, const node *name) {
  const char *names[SECTION_MAX_KEYS];
  size_t n = 0;
  for (module_face face; n < SECTION_MAX_KEYS && module_at(kind, n, &face); n++) names[n] = face.name;
  char list[700];
  join(names, n, list, sizeof list);
  const char *nearest = suggest_nearest(name->text, names, n);
  if (nearest)
    return FAIL_AT(name->at, "unknown %s '%s': did you mean '%s'? There are %s", kind_names[kind], name->text, nearest,
                   list);
  return FAIL_AT(name->at, "unknown %s '%s': there are %s", kind_names[kind], name->text, list);
}

enum status module_read(arena *memory, enum module_kind kind, const node *written, const module_common *common,
                        module_read_result *out) {
  static const char *const only_name[] = {"name", NULL};
  const node *map;
  args read[SECTION_MAX_TABLES];
  char title[128];
  TRY_RETURN(module_form(memory, written, &map));
  const node *name = node_get(map, "name");
  if (!module_named(kind, name->text, &out->face)) return unknown_module(kind, name);
  snprintf(title, sizeof title, "%s %s", kind_names[kind], out->face.name);
  const section s = {.name = title,
                     .tables = {out->face.params, common ? common->params : NULL},
                     .nested = common ? common->nested : only_name};
  TRY_RETURN(section_read(memory, map, &s, read));
  out->spec = (module_spec){.name = out->face.name, .args = read[0]};
  out->common = read[1];
  out->map = map;
  return STATUS_OK;
}
