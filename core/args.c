#include "core/args.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/suggest.h"

enum { CHOICES_MAX = 32, TABLE_MAX = 64 };

static size_t table_length(const param *table) {
  size_t n = 0;
  while (table && table[n].name) n++;
  return n;
}

static enum status check_bounds(const param *p, double value, const char *text) {
  if (p->min == 0 && p->max == 0) return STATUS_OK;
  const bool above = p->above_min ? value > p->min : value >= p->min;
  if (above && value <= p->max) return STATUS_OK;
  if (isfinite(p->min) && isfinite(p->max))
    return FAIL(STATUS_BAD_INPUT, "%s must lie in %c%g, %g], not %s", p->name, p->above_min ? '(' : '[', p->min, p->max,
                text);
  if (isfinite(p->min))
    return FAIL(STATUS_BAD_INPUT, "%s must be %s %g, not %s", p->name, p->above_min ? "above" : "at least", p->min,
                text);
  return FAIL(STATUS_BAD_INPUT, "%s must be at most %g, not %s", p->name, p->max, text);
}

/* strtod and strtoll skip blanks and take hexadecimal, infinities and NaNs; an experiment file must not. */
static bool has_only(const char *text, const char *allowed) { return *text && text[strspn(text, allowed)] == '\0'; }

static enum status parse_int(const param *p, const char *text, arg *out) {
  char *end;
  errno = 0;
  const long long value = has_only(text, "0123456789+-") ? strtoll(text, &end, 10) : (end = NULL, 0);
  if (!end || *end || end == text) return FAIL(STATUS_BAD_INPUT, "%s must be an integer, not '%s'", p->name, text);
  if (errno == ERANGE) return FAIL(STATUS_BAD_INPUT, "%s is too large for a 64-bit integer: %s", p->name, text);
  out->integer = value;
  return check_bounds(p, (double)value, text);
}

static enum status parse_real(const param *p, const char *text, arg *out) {
  char *end;
  const double value = has_only(text, "0123456789+-.eE") ? strtod(text, &end) : (end = NULL, 0.0);
  if (!end || *end || end == text) return FAIL(STATUS_BAD_INPUT, "%s must be a number, not '%s'", p->name, text);
  if (!isfinite(value)) return FAIL(STATUS_BAD_INPUT, "%s is too large for a number: %s", p->name, text);
  out->real = value;
  return check_bounds(p, value, text);
}

static enum status parse_choice(const param *p, const char *text, arg *out) {
  char copy[512];
  const char *names[CHOICES_MAX];
  size_t n = 0;
  snprintf(copy, sizeof copy, "%s", p->choices);
  char *rest = copy;
  for (char *word; n < CHOICES_MAX && (word = strsep(&rest, "|"));) names[n++] = word;
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], text) == 0) {
      out->text = text;
      return STATUS_OK;
    }
  const char *nearest = suggest_nearest(text, names, n);
  if (nearest)
    return FAIL(STATUS_BAD_INPUT, "%s must be one of %s, not '%s': did you mean %s?", p->name, p->choices, text,
                nearest);
  return FAIL(STATUS_BAD_INPUT, "%s must be one of %s, not '%s'", p->name, p->choices, text);
}

/* "[0.25, 0.01]" */
static enum status parse_reals(const param *p, const char *text, arg *out) {
  char copy[512];
  const size_t n = strlen(text);
  if (n < 2 || n >= sizeof copy || text[0] != '[' || text[n - 1] != ']')
    return FAIL(STATUS_BAD_INPUT, "%s is a list of numbers, [A, B], not '%s'", p->name, text);
  snprintf(copy, sizeof copy, "%.*s", (int)(n - 2), text + 1);
  char *rest = copy + strspn(copy, " ");
  if (!*rest) return STATUS_OK;
  for (char *word; (word = strsep(&rest, ","));) {
    arg one = {0};
    word += strspn(word, " ");
    if (out->n_reals == ARG_MAX_REALS)
      return FAIL(STATUS_BAD_INPUT, "%s takes at most %d numbers", p->name, ARG_MAX_REALS);
    TRY_RETURN(parse_real(p, word, &one));
    out->reals[out->n_reals++] = one.real;
  }
  return STATUS_OK;
}

enum status arg_from_text(const param *p, const char *text, arg *out) {
  *out = (arg){.name = p->name, .type = p->type};
  switch (p->type) {
    case PARAM_INT:
      return parse_int(p, text, out);
    case PARAM_REAL:
      return parse_real(p, text, out);
    case PARAM_CHOICE:
      return parse_choice(p, text, out);
    case PARAM_TEXT:
    case PARAM_PIPELINE:
      out->text = text;
      return STATUS_OK;
    case PARAM_REALS:
      return parse_reals(p, text, out);
    case PARAM_BOOL:
      out->integer = strcmp(text, "true") == 0;
      if (out->integer || strcmp(text, "false") == 0) return STATUS_OK;
      return FAIL(STATUS_BAD_INPUT, "%s must be true or false, not '%s'", p->name, text);
  }
  return FAIL(STATUS_BAD_INPUT, "%s has a type no text can give", p->name);
}

static enum status check_keys(const param *table, size_t n_table, const char *const *keys, size_t n) {
  for (size_t i = 0; i < n; i++) {
    bool known = false;
    for (size_t t = 0; t < n_table; t++) known |= strcmp(table[t].name, keys[i]) == 0;
    for (size_t j = 0; j < i; j++)
      if (strcmp(keys[i], keys[j]) == 0) return FAIL(STATUS_BAD_INPUT, "%s is given twice", keys[i]);
    if (known) continue;
    if (n_table == 0) return FAIL(STATUS_BAD_INPUT, "unknown parameter '%s': there are none to set", keys[i]);
    const char *names[TABLE_MAX];
    for (size_t t = 0; t < n_table && t < TABLE_MAX; t++) names[t] = table[t].name;
    const char *nearest = suggest_nearest(keys[i], names, n_table < TABLE_MAX ? n_table : TABLE_MAX);
    if (nearest) return FAIL(STATUS_BAD_INPUT, "unknown parameter '%s': did you mean %s?", keys[i], nearest);
    char known_names[512] = "";
    for (size_t t = 0, used = 0; t < n_table && used < sizeof known_names; t++)
      used += (size_t)snprintf(known_names + used, sizeof known_names - used, "%s%s", t ? ", " : "", table[t].name);
    return FAIL(STATUS_BAD_INPUT, "unknown parameter '%s'; the parameters are %s", keys[i], known_names);
  }
  return STATUS_OK;
}

/* The text of entry p: as given, or the default; NULL where it is required and missing. */
static const char *text_of(const param *p, const char *const *keys, const char *const *values, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(p->name, keys[i]) == 0) return values[i];
  return p->fallback;
}

enum status args_from_text(const param *table, const char *const *keys, const char *const *values, size_t n,
                           args *out) {
  const size_t n_table = table_length(table);
  size_t n_text = 0;
  *out = (args){.items = NULL, .n = 0};
  TRY_RETURN(check_keys(table, n_table, keys, n));
  for (size_t t = 0; t < n_table; t++) {
    const char *text = text_of(&table[t], keys, values, n);
    if (!text)
      return FAIL(STATUS_BAD_INPUT, "%s is missing: it has no default (%s)", table[t].name,
                  table[t].help ? table[t].help : "required");
    n_text += strlen(text) + 1;
  }
  if (n_table == 0) return STATUS_OK;
  /* One block: the items, then the texts they point to. */
  arg *items = malloc(n_table * sizeof *items + n_text);
  if (!items) return FAIL(STATUS_NO_MEMORY, "no memory for %zu parameters", n_table);
  char *next = (char *)(items + n_table);
  for (size_t t = 0; t < n_table; t++) {
    const char *text = text_of(&table[t], keys, values, n);
    const size_t n_bytes = strlen(text) + 1;
    memcpy(next, text, n_bytes);
    const enum status status = arg_from_text(&table[t], next, &items[t]);
    if (status != STATUS_OK) {
      free(items);
      return status;
    }
    next += n_bytes;
  }
  *out = (args){.items = items, .n = n_table};
  return STATUS_OK;
}

void args_set_modules(args *a, const char *name, const module_spec *modules, size_t n_modules) {
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->items[i].name, name) == 0 && a->items[i].type == PARAM_PIPELINE) {
      arg *item = (arg *)&a->items[i]; /* allocated, and handed out as const, by args_from_text */
      item->modules = modules;
      item->n_modules = n_modules;
    }
}

void args_free(args *a) {
  free((void *)a->items);
  *a = (args){.items = NULL, .n = 0};
}
