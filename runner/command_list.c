/* `terse list`: the modules and their parameters, read from the modules themselves. */
#include <stdio.h>
#include <string.h>

#include "algorithms/compressor.h"
#include "algorithms/method.h"
#include "core/suggest.h"
#include "datasets/dataset.h"
#include "models/model.h"
#include "runner/commands.h"
#include "runner/options.h"
#include "runner/resolve.h"

static void print_bounds(const param *p) {
  if (p->type == PARAM_CHOICE) printf(", one of %s", p->choices);
  if (p->type != PARAM_INT && p->type != PARAM_REAL && p->type != PARAM_REALS) return;
  if (p->min == 0 && p->max == 0) return;
  printf(", %c%.10g, %.10g]", p->above_min ? '(' : '[', p->min, p->max);
}

static void print_params(const param *p) {
  static const char *const types[] = {"whole number",        "number",         "true or false", "word",
                                      "list of compressors", "text",   "list of numbers"};
  for (; p && p->name; p++) {
    printf("      %s: %s", p->name, types[p->type]);
    print_bounds(p);
    if (p->fallback)
      printf(", default %s", *p->fallback ? p->fallback : "none");
    else
      printf(", required");
    printf("\n        %s\n", p->help ? p->help : "");
  }
}

static void print_module(const char *name, const char *origin, const param *params) {
  printf("  %s\n      %s\n", name, origin);
  print_params(params);
}

typedef struct word {
  unsigned bit;
  const char *text;
} word;

static void print_traits(unsigned traits, const word *words, size_t n) {
  if (!traits) return;
  printf("      traits:");
  for (size_t i = 0; i < n; i++)
    if (traits & words[i].bit) printf(" %s", words[i].text);
  printf("\n");
}

static void list_methods(void) {
  static const word words[] = {{SYNCHRONOUS, "synchronous"},
                               {ASYNCHRONOUS, "asynchronous"},
                               {DECENTRALISED, "decentralised"},
                               {IDENTICAL_REPLICAS, "identical-replicas"}};
  for (const method *const *m = method_registry; *m; m++) {
    print_module((*m)->name, (*m)->paper, (*m)->params);
    print_traits((*m)->traits, words, sizeof words / sizeof words[0]);
  }
}

static void list_compressors(void) {
  static const word words[] = {{UNBIASED, "unbiased"}, {CONTRACTIVE, "contractive"},
                               {SELECTOR, "selector"}, {QUANTIZER, "quantizer"},
                               {EXACT, "exact"},       {RANDOMIZED, "randomized"}};
  for (const compressor *const *m = compressor_registry; *m; m++) {
    print_module((*m)->name, (*m)->paper, (*m)->params);
    print_traits((*m)->traits, words, sizeof words / sizeof words[0]);
  }
}

static void list_models(void) {
  for (const model *const *m = model_registry; *m; m++) print_module((*m)->name, (*m)->paper, (*m)->params);
}

static void list_datasets(void) {
  for (const dataset *const *m = dataset_registry; *m; m++) print_module((*m)->name, (*m)->source, (*m)->params);
}

static void list_settings(void) {
  const char *name;
  const param *params;
  for (size_t i = 0; resolve_settings(i, &name, &params); i++) {
    printf("  %s\n", name);
    print_params(params);
  }
}

typedef struct kind {
  const char *name;
  void (*list)(void);
} kind;

static enum status list(const text_list *asked) {
  static const kind kinds[] = {{"methods", list_methods},
                               {"compressors", list_compressors},
                               {"models", list_models},
                               {"datasets", list_datasets},
                               {"settings", list_settings}};
  enum { N_KINDS = sizeof kinds / sizeof kinds[0] };
  const char *names[N_KINDS], *wanted = asked->n ? asked->items[0] : NULL;
  bool found = wanted == NULL;
  for (int i = 0; i < N_KINDS; i++) {
    names[i] = kinds[i].name;
    if (wanted && strcmp(wanted, names[i]) != 0) continue;
    found = true;
    printf("%s%s\n", !wanted && i ? "\n" : "", names[i]);
    kinds[i].list();
  }
  if (found) return STATUS_OK;
  const char *near = suggest_nearest(wanted, names, N_KINDS);
  return FAIL(STATUS_BAD_INPUT, "there are no %s%s%s%s: methods, compressors, models, datasets or settings", wanted,
              near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int command_list(const environment *e, int argc, char **argv) {
  (void)e;
  const option_spec none[] = {{0}};
  const command_spec c = {
      .name = "list",
      .usage = "[methods|compressors|models|datasets|settings]",
      .help =
          "Lists what experiment files may name: each module with the paper it implements and its parameters, with\n"
          "type, range, default and meaning; and the settings besides modules, of base and its optimizer.",
      .options = none,
      .after = "Example\n  terse list compressors\n\nExit status: 0 all well, 2 bad input.",
      .max_words = 1};
  command_line l;
  enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK)
    status = list(&l.words);
  command_line_free(&c, &l);
  return status == STATUS_OK ? 0 : command_failed(status);
}
