#include "runner/combine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/suggest.h"
#include "runner/section.h"

enum { MAX_COMBINATIONS = 10000 };

/* Lists of equal length that step together: one of the matrix alone, several of a zip group. */
typedef struct axis {
  const entry *lists;
  size_t n_lists, n_values;
} axis;

typedef struct axes {
  axis *items;
  size_t n;
  const char **varied;
  size_t n_varied;
} axes;

static enum status add_axis(axes *all, const entry *lists, size_t n_lists) {
  for (size_t i = 0; i < n_lists; i++) {
    const node *list = lists[i].value;
    if (list->kind != NODE_LIST)
      return FAIL_AT(list->at, "'%s' needs a list of values, e.g. [1, 2], but this is %s", lists[i].key,
                     node_kind_name(list));
    if (list->n == 0)
      return FAIL_AT(list->at, "'%s' has an empty list, so there is no cell: give it a value", lists[i].key);
    if (list->n != lists[0].value->n)
      return FAIL_AT(list->at, "zipped lists step together: '%s' has %zu values, '%s' has %zu", lists[i].key, list->n,
                     lists[0].key, lists[0].value->n);
    for (size_t k = 0; k < all->n_varied; k++)
      if (strcmp(all->varied[k], lists[i].key) == 0)
        return FAIL_AT(lists[i].at, "'%s' is varied twice (matrix and zip, or two zip groups): keep one", lists[i].key);
    all->varied[all->n_varied++] = lists[i].key;
  }
  all->items[all->n++] = (axis){.lists = lists, .n_lists = n_lists, .n_values = lists[0].value->n};
  return STATUS_OK;
}

static enum status add_group(axes *all, const node *group) {
  if (group->n == 0) return FAIL_AT(group->at, "a zip group without keys: write {KEY: [values], KEY: [values]}");
  return add_axis(all, group->entries, group->n);
}

static size_t length(const node *n) { return n ? n->n : 0; }

static enum status read_axes(arena *memory, const node *file, const node *tier_matrix, axes *out) {
  const node *matrix = node_get(file, "matrix"), *zip = node_get(file, "zip");
  const bool groups = zip && zip->kind == NODE_LIST;
  size_t n_keys = length(matrix) + length(tier_matrix);
  for (size_t i = 0; groups && i < zip->n; i++) n_keys += zip->items[i]->n;
  if (zip && !groups) n_keys += zip->n;
  *out = (axes){.items = arena_take(memory, (n_keys + 1) * sizeof *out->items),
                .varied = arena_take(memory, n_keys * sizeof *out->varied)};
  if (!out->items || !out->varied) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < length(matrix); i++) {
    const entry *replaced = node_entry(tier_matrix, matrix->entries[i].key);
    TRY_RETURN(add_axis(out, replaced ? replaced : &matrix->entries[i], 1));
  }
  for (size_t i = 0; i < length(tier_matrix); i++)
    if (!node_entry(matrix, tier_matrix->entries[i].key)) TRY_RETURN(add_axis(out, &tier_matrix->entries[i], 1));
  for (size_t i = 0; groups && i < zip->n; i++) TRY_RETURN(add_group(out, zip->items[i]));
  return zip && !groups ? add_group(out, zip) : STATUS_OK;
}

static enum status product(arena *memory, const axes *a, place at, combinations *out) {
  size_t n = 1;
  for (size_t i = 0; i < a->n; i++) {
    n *= a->items[i].n_values;
    if (n > MAX_COMBINATIONS) return FAIL_AT(at, "more than %d combinations: split the experiment", MAX_COMBINATIONS);
  }
  out->items = arena_take(memory, n * sizeof *out->items);
  if (!out->items) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < n; i++) {
    combination *c = &out->items[i];
    if (!(c->settings = arena_take(memory, a->n_varied * sizeof *c->settings))) return STATUS_NO_MEMORY;
    size_t rest = i, after = a->n_varied; /* the last axis is the fastest, so it is filled in first */
    for (size_t k = a->n; k-- > 0;) {
      const axis *x = &a->items[k];
      after -= x->n_lists;
      for (size_t j = 0; j < x->n_lists; j++) {
        c->settings[after + j] = x->lists[j];
        c->settings[after + j].value = x->lists[j].value->items[rest % x->n_values];
      }
      rest /= x->n_values;
    }
    c->n = a->n_varied;
  }
  out->n = n;
  return STATUS_OK;
}

static bool number_of(const node *n, double *out) {
  char *end;
  *out = strtod(n->text, &end);
  return !n->quoted && end != n->text && *end == '\0';
}

/* Equal as written; of numbers the value counts, so 0.10 is 0.1. */
static bool node_equal(const node *a, const node *b) {
  double x, y;
  if (a->kind != b->kind) return false;
  if (a->kind == NODE_SCALAR) return strcmp(a->text, b->text) == 0 || (number_of(a, &x) && number_of(b, &y) && x == y);
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++) {
    if (a->kind == NODE_LIST && !node_equal(a->items[i], b->items[i])) return false;
    if (a->kind != NODE_MAP) continue;
    const node *other = node_get(b, a->entries[i].key);
    if (!other || !node_equal(a->entries[i].value, other)) return false;
  }
  return true;
}

/* A module matches one of the same name that has at least the pattern's parameters. */
static enum status matches(arena *memory, const char *key, const node *pattern, const node *value, bool *out) {
  *out = false;
  if (!module_is_key(key)) {
    *out = node_equal(pattern, value);
    return STATUS_OK;
  }
  TRY_RETURN(module_form(memory, pattern, &pattern));
  TRY_RETURN(module_form(memory, value, &value));
  if (!module_name_equal(node_get(pattern, "name")->text, node_get(value, "name")->text)) return STATUS_OK;
  for (size_t i = 0; i < pattern->n; i++) {
    if (strcmp(pattern->entries[i].key, "name") == 0) continue;
    const node *other = node_get(value, pattern->entries[i].key);
    if (!other || !node_equal(pattern->entries[i].value, other)) return STATUS_OK;
  }
  *out = true;
  return STATUS_OK;
}

static entry *find(const combination *c, size_t from, const char *key) {
  for (size_t i = from; i < c->n; i++)
    if (strcmp(c->settings[i].key, key) == 0) return &c->settings[i];
  return NULL;
}

/* Whether every key of `pattern` that the matrix varies matches; a combination's first n_varied settings are those. */
static enum status fits(arena *memory, const combination *c, size_t n_varied, const node *pattern, bool *out) {
  const combination varied = {.settings = c->settings, .n = n_varied};
  *out = true;
  for (size_t i = 0; i < pattern->n && *out; i++) {
    const entry *e = &pattern->entries[i], *setting = find(&varied, 0, e->key);
    if (setting) TRY_RETURN(matches(memory, e->key, e->value, setting->value, out));
  }
  return STATUS_OK;
}

static enum status check_excluded_keys(const combinations *all, const node *pattern) {
  if (pattern->n == 0) return FAIL_AT(pattern->at, "an exclude entry without keys would remove every cell: name some");
  for (size_t i = 0; i < pattern->n; i++) {
    const entry *e = &pattern->entries[i];
    bool varied = false;
    for (size_t k = 0; k < all->n_varied; k++) varied |= strcmp(all->varied[k], e->key) == 0;
    if (varied) continue;
    const char *nearest = suggest_nearest(e->key, all->varied, all->n_varied);
    if (nearest) return FAIL_AT(e->at, "exclude names '%s', which is not varied: did you mean '%s'?", e->key, nearest);
    return FAIL_AT(e->at, "exclude names '%s', which neither matrix nor zip varies: leave it out", e->key);
  }
  return STATUS_OK;
}

static enum status exclude(arena *memory, const node *patterns, const plan_options *options, combinations *all) {
  for (size_t p = 0; p < length(patterns); p++) {
    const node *pattern = patterns->items[p];
    TRY_RETURN(check_excluded_keys(all, pattern));
    size_t n_kept = 0, n_before = all->n;
    for (size_t i = 0; i < n_before; i++) {
      bool out;
      TRY_RETURN(fits(memory, &all->items[i], all->n_varied, pattern, &out));
      if (!out) all->items[n_kept++] = all->items[i];
    }
    all->n = n_kept;
    /* No error: in a tier with a shorter matrix an entry may have nothing to do. */
    if (n_kept == n_before && n_before > 0 && options->note) {
      char line[400];
      snprintf(line, sizeof line, "%s:%d:%d: this exclude entry matches no cell", pattern->at.source, pattern->at.line,
               pattern->at.column);
      options->note(options->note_context, line);
    }
  }
  return STATUS_OK;
}

/* Adds the entry's settings that the matrix does not vary; of two includes the later one wins. */
static enum status extend(arena *memory, combination *c, size_t n_varied, const node *included) {
  const combination varied = {.settings = c->settings, .n = n_varied};
  entry *settings = arena_take(memory, (c->n + included->n) * sizeof *settings);
  if (!settings) return STATUS_NO_MEMORY;
  if (c->n > 0) memcpy(settings, c->settings, c->n * sizeof *settings);
  c->settings = settings;
  for (size_t i = 0; i < included->n; i++) {
    if (find(&varied, 0, included->entries[i].key)) continue;
    entry *earlier = find(c, n_varied, included->entries[i].key);
    if (!earlier) earlier = &settings[c->n++];
    *earlier = included->entries[i];
  }
  return STATUS_OK;
}

static enum status include(arena *memory, const node *entries, combinations *all) {
  const size_t n_before = all->n;
  combination *items = arena_take(memory, (n_before + length(entries)) * sizeof *items);
  if (!items) return STATUS_NO_MEMORY;
  if (n_before > 0) memcpy(items, all->items, n_before * sizeof *items);
  all->items = items;
  for (size_t k = 0; k < length(entries); k++) {
    const node *included = entries->items[k];
    bool extended = false;
    for (size_t i = 0; i < n_before; i++) {
      bool fit;
      TRY_RETURN(fits(memory, &items[i], all->n_varied, included, &fit));
      if (fit) TRY_RETURN(extend(memory, &items[i], all->n_varied, included));
      extended |= fit;
    }
    if (!extended) TRY_RETURN(extend(memory, &items[all->n++], 0, included));
  }
  return STATUS_OK;
}

enum status combine(arena *memory, const node *file, const node *tier_matrix, const plan_options *options,
                    combinations *out) {
  const node *included = node_get(file, "include"), *excluded = node_get(file, "exclude");
  axes a;
  TRY_RETURN(read_axes(memory, file, tier_matrix, &a));
  *out = (combinations){.varied = a.varied, .n_varied = a.n_varied};
  TRY_RETURN(product(memory, &a, file->at, out));
  TRY_RETURN(exclude(memory, excluded, options, out));
  /* Where nothing varies there is nothing to extend: every entry is a cell. */
  if (a.n == 0 && length(included) > 0) out->n = 0;
  TRY_RETURN(include(memory, included, out));
  if (out->n == 0) return FAIL_AT(excluded->at, "exclude removes every cell: exclude less");
  return STATUS_OK;
}
