#include "runner/override.h"

#include <stdio.h>
#include <string.h>

#include "runner/section.h"

enum { MAX_PARTS = 6 };

typedef struct path {
  const char *parts[MAX_PARTS];
  size_t n;
} path;

static enum status split(arena *memory, const entry *setting, path *out) {
  char *rest = arena_text(memory, setting->key, strlen(setting->key));
  if (!rest) return STATUS_NO_MEMORY;
  out->n = 0;
  for (char *part; (part = strsep(&rest, "."));) {
    if (*part == '\0')
      return FAIL_AT(setting->at, "'%s' is not a key: write KEY or SECTION.KEY, e.g. optimizer.lr", setting->key);
    if (out->n == MAX_PARTS) return FAIL_AT(setting->at, "'%s' is deeper than any key", setting->key);
    out->parts[out->n++] = part;
  }
  return STATUS_OK;
}

/* `map` with `key` set to `value`, or without it where value is NULL. */
static enum status with(arena *memory, const node *map, const entry *set, const node **out) {
  node *copy = arena_take(memory, sizeof *copy);
  entry *entries = arena_take(memory, (map->n + 1) * sizeof *entries);
  if (!copy || !entries) return STATUS_NO_MEMORY;
  size_t n = 0;
  bool found = false;
  for (size_t i = 0; i < map->n; i++) {
    const bool same = strcmp(map->entries[i].key, set->key) == 0;
    found |= same;
    if (!same)
      entries[n++] = map->entries[i];
    else if (set->value)
      entries[n++] = *set;
  }
  if (!found && set->value) entries[n++] = *set;
  *copy = *map;
  copy->entries = entries;
  copy->n = n;
  *out = copy;
  return STATUS_OK;
}

/* Sets parts[depth..] of the setting inside `map`. The depth is bounded by MAX_PARTS. */
static enum status set_inside(arena *memory, const node *map, const path *p, size_t depth, const entry *setting,
                              const node **out) {
  const entry last = {.key = p->parts[depth], .at = setting->at, .value = setting->value};
  if (depth + 1 == p->n) return with(memory, map, &last, out);
  const node *inner = node_get(map, p->parts[depth]);
  const node *changed;
  const node nothing = {.kind = NODE_MAP, .at = setting->at, .weight = 1};
  if (!inner)
    inner = &nothing;
  else if (module_is_key(p->parts[0]))
    TRY_RETURN(module_form(memory, inner, &inner));
  if (inner->kind != NODE_MAP)
    return FAIL_AT(setting->at, "'%s' cannot be set: '%s' is %s, without keys inside", setting->key, p->parts[depth],
                   node_kind_name(inner));
  TRY_RETURN(set_inside(memory, inner, p, depth + 1, setting, &changed));
  const entry around = {.key = p->parts[depth], .at = setting->at, .value = changed};
  return with(memory, map, &around, out);
}

static bool is_set(const entry *settings, size_t n, const char *key) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(settings[i].key, key) == 0) return true;
  return false;
}

/* The length of a run is given once: a later layer's `steps` replaces an earlier one's `epochs`. */
static enum status drop_other_length(arena *memory, const entry *settings, size_t n, const node **config) {
  const bool epochs = is_set(settings, n, "epochs"), steps = is_set(settings, n, "steps");
  if (epochs == steps) return STATUS_OK;
  const entry gone = {.key = epochs ? "steps" : "epochs", .value = NULL};
  return with(memory, *config, &gone, config);
}

enum status override_apply(arena *memory, const node *config, const entry *settings, size_t n, const node **out) {
  path *paths = arena_take(memory, n * sizeof *paths);
  if (!paths) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < n; i++) TRY_RETURN(split(memory, &settings[i], &paths[i]));
  TRY_RETURN(drop_other_length(memory, settings, n, &config));
  for (size_t length = 1; length <= MAX_PARTS; length++)
    for (size_t i = 0; i < n; i++)
      if (paths[i].n == length) TRY_RETURN(set_inside(memory, config, &paths[i], 0, &settings[i], &config));
  *out = config;
  return STATUS_OK;
}

enum status override_parse(arena *memory, const char *option, entry *out) {
  const char *equals = strchr(option, '=');
  const size_t n_source = strlen(option) + sizeof "--set ";
  char *source = arena_take(memory, n_source);
  if (!source) return STATUS_NO_MEMORY;
  snprintf(source, n_source, "--set %s", option);
  const place at = {.source = source};
  if (!equals || equals == option) return FAIL_AT(at, "write --set KEY=VALUE, e.g. --set optimizer.lr=0.1");
  const char *key = arena_text(memory, option, (size_t)(equals - option));
  if (!key) return STATUS_NO_MEMORY;
  const node *value;
  TRY_RETURN(yaml_read_text(memory, source, false, equals + 1, strlen(equals + 1), &value));
  *out = (entry){.key = key, .at = at, .value = value};
  return STATUS_OK;
}

bool override_covers(const char *outer, const char *inner) {
  const size_t n = strlen(outer);
  return strncmp(outer, inner, n) == 0 && (inner[n] == '\0' || inner[n] == '.');
}
