#include "runner/expand.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/suggest.h"
#include "runner/claim.h"
#include "runner/combine.h"
#include "runner/override.h"
#include "runner/resolve.h"

static const char *const file_keys[] = {"experiment", "base", "matrix", "zip", "include", "exclude", "tiers", "claims"};
enum { N_FILE_KEYS = sizeof file_keys / sizeof *file_keys };

static enum status check_file_keys(const node *file) {
  if (file->kind != NODE_MAP)
    return FAIL_AT(file->at, "an experiment file needs 'key: value' pairs, but this is %s", node_kind_name(file));
  for (size_t i = 0; i < file->n; i++) {
    bool known = false;
    for (size_t k = 0; k < N_FILE_KEYS; k++) known |= strcmp(file->entries[i].key, file_keys[k]) == 0;
    if (!known) return section_unknown_key(&file->entries[i], "the experiment file", file_keys, N_FILE_KEYS);
  }
  return STATUS_OK;
}

static enum status read_name(const node *file, const char **out) {
  const node *name = node_get(file, "experiment");
  if (!name) return FAIL_AT(file->at, "the key 'experiment' is missing: rows of results carry this name");
  bool plain = name->kind == NODE_SCALAR && name->text[0];
  for (const char *c = plain ? name->text : ""; *c; c++) plain &= isalnum((unsigned char)*c) || strchr("_/-", *c);
  if (!plain) return FAIL_AT(name->at, "the experiment's name is letters, digits, '_', '-' and '/' only");
  *out = name->text;
  return STATUS_OK;
}

/* Settings name keys of a base section, whatever goes on after the first dot. */
static enum status check_setting(arena *memory, const entry *setting, const char *where) {
  const char *names[SECTION_MAX_KEYS];
  const size_t n = resolve_keys(names), n_first = strcspn(setting->key, ".");
  for (size_t i = 0; i < n; i++)
    if (strncmp(setting->key, names[i], n_first) == 0 && names[i][n_first] == '\0') return STATUS_OK;
  char *first = arena_text(memory, setting->key, n_first);
  if (!first) return STATUS_NO_MEMORY;
  const entry unknown = {.key = first, .at = setting->at};
  return section_unknown_key(&unknown, where, names, n);
}

static enum status check_settings(arena *memory, const node *map, const char *where) {
  if (map->kind != NODE_MAP)
    return FAIL_AT(map->at, "%s needs 'key: value' pairs, but this is %s", where, node_kind_name(map));
  for (size_t i = 0; i < map->n; i++) TRY_RETURN(check_setting(memory, &map->entries[i], where));
  return STATUS_OK;
}

/* A tier without its `matrix`: the settings it lays over base. */
static enum status tier_settings(arena *memory, const node *tier, const entry **out, size_t *n) {
  entry *settings = arena_take(memory, tier->n * sizeof *settings);
  if (!settings) return STATUS_NO_MEMORY;
  *n = 0;
  for (size_t i = 0; i < tier->n; i++)
    if (strcmp(tier->entries[i].key, "matrix") != 0) settings[(*n)++] = tier->entries[i];
  *out = settings;
  return STATUS_OK;
}

/* All tiers are checked, so that a slip in the paper's tier shows in the smoke test. */
static enum status check_tiers(arena *memory, const node *tiers) {
  if (tiers->kind != NODE_MAP)
    return FAIL_AT(tiers->at, "tiers is a map from names to settings, not %s", node_kind_name(tiers));
  for (size_t i = 0; i < tiers->n; i++) {
    const node *tier = tiers->entries[i].value;
    char where[128];
    snprintf(where, sizeof where, "tier %s", tiers->entries[i].key);
    if (tier->kind != NODE_MAP)
      return FAIL_AT(tier->at, "%s needs 'key: value' pairs (or {}), but this is %s", where, node_kind_name(tier));
    const entry *settings;
    size_t n;
    TRY_RETURN(tier_settings(memory, tier, &settings, &n));
    for (size_t k = 0; k < n; k++) TRY_RETURN(check_setting(memory, &settings[k], where));
    const node *matrix = node_get(tier, "matrix");
    if (matrix) TRY_RETURN(check_settings(memory, matrix, "a tier's matrix"));
  }
  return STATUS_OK;
}

static enum status no_such_tier(const node *file, const node *tiers, const char *wanted) {
  if (!tiers || tiers->n == 0)
    return FAIL_AT((tiers ? tiers : file)->at, "there is no tier '%s', the file has none: leave --tier out", wanted);
  const char *names[SECTION_MAX_KEYS];
  size_t n = 0;
  char list[400] = "";
  for (size_t i = 0, used = 0; i < tiers->n && n < SECTION_MAX_KEYS; i++) {
    names[n++] = tiers->entries[i].key;
    if (used < sizeof list)
      used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", tiers->entries[i].key);
  }
  const char *nearest = suggest_nearest(wanted, names, n);
  if (nearest)
    return FAIL_AT(tiers->at, "there is no tier '%s': did you mean '%s'? There are %s", wanted, nearest, list);
  return FAIL_AT(tiers->at, "there is no tier '%s': there are %s", wanted, list);
}

/* *tier: NULL for the base alone. */
static enum status choose_tier(arena *memory, const node *file, const char *wanted, const entry **tier) {
  const node *tiers = node_get(file, "tiers");
  *tier = NULL;
  if (tiers) TRY_RETURN(check_tiers(memory, tiers));
  *tier = node_entry(tiers, wanted ? wanted : "laptop");
  return *tier || !wanted ? STATUS_OK : no_such_tier(file, tiers, wanted);
}

/* A setting that the matrix would silently replace in every cell is a mistake. */
static enum status check_tier_counts(const entry *tier, const entry *settings, size_t n, const combinations *all) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < all->n_varied; k++)
      if (override_covers(all->varied[k], settings[i].key))
        return FAIL_AT(settings[i].at,
                       "tier %s sets '%s', but the matrix varies '%s': write matrix: {%s: [...]} in the tier instead",
                       tier->key, settings[i].key, all->varied[k], all->varied[k]);
  return STATUS_OK;
}

/* What is laid over every cell last: --set in order, then --device. */
static enum status last_settings(arena *memory, const plan_options *options, const entry **out, size_t *n) {
  entry *settings = arena_take(memory, (options->n_sets + 1) * sizeof *settings);
  if (!settings) return STATUS_NO_MEMORY;
  *n = 0;
  for (size_t i = 0; i < options->n_sets; i++) {
    entry *setting = &settings[(*n)++];
    TRY_RETURN(override_parse(memory, options->sets[i], setting));
    TRY_RETURN(check_setting(memory, setting, "base"));
  }
  if (options->device) {
    node *wanted = arena_take(memory, sizeof *wanted);
    if (!wanted) return STATUS_NO_MEMORY;
    *wanted = (node){.kind = NODE_SCALAR, .at = {.source = "--device"}, .text = options->device, .weight = 1};
    settings[(*n)++] = (entry){.key = "device", .at = wanted->at, .value = wanted};
  }
  *out = settings;
  return STATUS_OK;
}

static enum status check_combination_keys(arena *memory, const node *file) {
  static const char *const names[] = {"matrix", "zip", "include", "exclude"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const node *part = node_get(file, names[i]);
    if (!part) continue;
    if (part->kind == NODE_LIST && strcmp(names[i], "matrix") != 0)
      for (size_t k = 0; k < part->n; k++) TRY_RETURN(check_settings(memory, part->items[k], names[i]));
    else if (part->kind == NODE_MAP && i < 2)
      TRY_RETURN(check_settings(memory, part, names[i]));
    else
      return FAIL_AT(part->at, "%s is a %s, but this is %s", names[i],
                     i == 0   ? "map from keys to lists"
                     : i == 1 ? "map from keys to lists, or a list of such maps"
                              : "list of maps",
                     node_kind_name(part));
  }
  return STATUS_OK;
}

enum status expand_experiment(arena *memory, const node *file, const plan_options *options, expansion *out) {
  const entry *tier, *of_tier = NULL, *last;
  size_t n_of_tier = 0, n_last;
  combinations all;
  claim_list unused;
  TRY_RETURN(check_file_keys(file));
  TRY_RETURN(read_name(file, &out->experiment));
  const node *base = node_get(file, "base");
  if (!base) return FAIL_AT(file->at, "the key 'base' is missing: the configuration all cells share");
  TRY_RETURN(check_settings(memory, base, "base"));
  TRY_RETURN(claims_read(memory, file, &unused));
  TRY_RETURN(check_combination_keys(memory, file));
  TRY_RETURN(choose_tier(memory, file, options->tier, &tier));
  TRY_RETURN(combine(memory, file, tier ? node_get(tier->value, "matrix") : NULL, options, &all));
  if (tier) {
    TRY_RETURN(tier_settings(memory, tier->value, &of_tier, &n_of_tier));
    TRY_RETURN(check_tier_counts(tier, of_tier, n_of_tier, &all));
  }
  TRY_RETURN(last_settings(memory, options, &last, &n_last));

  const node nothing = {.kind = NODE_MAP, .at = base->at, .weight = 1}, *shared = &nothing;
  TRY_RETURN(override_apply(memory, shared, base->entries, base->n, &shared));
  TRY_RETURN(override_apply(memory, shared, of_tier, n_of_tier, &shared));
  out->cells = arena_take(memory, all.n * sizeof *out->cells);
  if (!out->cells) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < all.n; i++) {
    const node *config;
    TRY_RETURN(override_apply(memory, shared, all.items[i].settings, all.items[i].n, &config));
    for (size_t k = 0; k < n_last; k++) TRY_RETURN(override_apply(memory, config, &last[k], 1, &config));
    out->cells[i] = config;
  }
  out->n_cells = all.n;
  out->tier = tier ? tier->key : "";
  return STATUS_OK;
}
