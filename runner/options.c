#include "runner/options.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/suggest.h"

enum { WORD_MAX = 63 };

static enum status list_add(text_list *l, const char *item) {
  const char **items = realloc(l->items, (l->n + 1) * sizeof *items);
  if (!items) return FAIL(STATUS_NO_MEMORY, "no memory for the command line");
  l->items = items;
  l->items[l->n++] = item;
  return STATUS_OK;
}

static enum status unknown_option(const command_spec *c, const char *name) {
  const char *names[64];
  size_t n = 0;
  for (const option_spec *o = c->options; o->name && n < sizeof names / sizeof names[0]; o++) names[n++] = o->name;
  const char *near = suggest_nearest(name, names, n);
  return FAIL(STATUS_BAD_INPUT, "%s has no option --%s%s%s%s; `terse %s --help` lists them", c->name, name,
              near ? ": did you mean --" : "", near ? near : "", near ? "?" : "", c->name);
}

static enum status set_number(const command_spec *c, const option_spec *o, const char *value) {
  char *end = NULL;
  errno = 0;
  const double x = strtod(value, &end);
  const bool whole = o->type == OPTION_REAL || (x == floor(x) && fabs(x) <= INT_MAX);
  if (end == value || *end || errno || !isfinite(x) || !whole || x < o->min)
    return FAIL(STATUS_BAD_INPUT, "%s --%s takes %s of at least %g, not '%s'", c->name, o->name,
                o->type == OPTION_INT ? "a whole number" : "a number", o->min, value);
  if (o->type == OPTION_INT)
    *(int *)o->into = (int)x;
  else
    *(double *)o->into = x;
  return STATUS_OK;
}

/* One option, argv[*i]; moves *i on where its value is the next word. */
static enum status parse_option(const command_spec *c, int argc, char **argv, int *i) {
  char name[WORD_MAX + 1];
  const char *text = argv[*i] + 2, *equals = strchr(text, '=');
  const size_t n = equals ? (size_t)(equals - text) : strlen(text);
  snprintf(name, sizeof name, "%.*s", (int)(n < WORD_MAX ? n : WORD_MAX), text);
  const option_spec *o = c->options;
  while (o->name && strcmp(o->name, name) != 0) o++;
  if (!o->name) return unknown_option(c, name);
  if (o->type == OPTION_FLAG) {
    if (equals) return FAIL(STATUS_BAD_INPUT, "%s --%s takes no value", c->name, name);
    *(bool *)o->into = true;
    return STATUS_OK;
  }
  const char *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
  if (!value) return FAIL(STATUS_BAD_INPUT, "%s --%s needs a value: --%s %s", c->name, name, name, o->value);
  if (o->type == OPTION_LIST) return list_add(o->into, value);
  if (o->type == OPTION_TEXT) {
    *(const char **)o->into = value;
    return STATUS_OK;
  }
  return set_number(c, o, value);
}

enum status command_line_parse(const command_spec *c, int argc, char **argv, command_line *out) {
  *out = (command_line){0};
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) out->help = true;
  if (out->help) return STATUS_OK;
  bool options = true;
  for (int i = 1; i < argc; i++) {
    if (options && strcmp(argv[i], "--") == 0) {
      options = false;
    } else if (options && strncmp(argv[i], "--", 2) == 0) {
      TRY_RETURN(parse_option(c, argc, argv, &i));
    } else if (options && argv[i][0] == '-' && argv[i][1]) {
      return FAIL(STATUS_BAD_INPUT, "%s has no option %s; options are written out, see `terse %s --help`", c->name,
                  argv[i], c->name);
    } else {
      TRY_RETURN(list_add(&out->words, argv[i]));
    }
  }
  if (out->words.n < c->min_words || out->words.n > c->max_words)
    return FAIL(STATUS_BAD_INPUT, "usage: terse %s %s; `terse %s --help` explains it", c->name, c->usage, c->name);
  return STATUS_OK;
}

void command_line_free(const command_spec *c, command_line *l) {
  free(l->words.items);
  for (const option_spec *o = c->options; o->name; o++)
    if (o->type == OPTION_LIST) free(((text_list *)o->into)->items);
}

void command_help(const command_spec *c, FILE *out) {
  fprintf(out, "Usage: terse %s %s\n\n%s\n", c->name, c->usage, c->help);
  if (c->options->name) fputs("\nOptions\n", out);
  for (const option_spec *o = c->options; o->name; o++) {
    char left[WORD_MAX + 1];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    fprintf(out, "  %-20s %s\n", left, o->help);
  }
  fprintf(out, "\n%s\n", c->after);
}
