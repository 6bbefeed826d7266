#include "core/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A choice and a text are read alike. */
static enum param_type kind_of(enum param_type type) { return type == PARAM_CHOICE ? PARAM_TEXT : type; }

/* A name that is not in the module's own table is a defect of that module, found by its first test. */
static const arg *find(const args *a, const char *name, enum param_type type) {
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->items[i].name, name) == 0 && kind_of(a->items[i].type) == type) return &a->items[i];
  fprintf(stderr, "terse: a module asks for parameter '%s', which its table does not declare with that type\n", name);
  abort();
}

int64_t args_int(const args *a, const char *name) { return find(a, name, PARAM_INT)->integer; }

double args_real(const args *a, const char *name) { return find(a, name, PARAM_REAL)->real; }

bool args_bool(const args *a, const char *name) { return find(a, name, PARAM_BOOL)->integer != 0; }

const char *args_text(const args *a, const char *name) { return find(a, name, PARAM_TEXT)->text; }

const module_spec *args_modules(const args *a, const char *name, size_t *n_modules) {
  const arg *found = find(a, name, PARAM_PIPELINE);
  *n_modules = found->n_modules;
  return found->modules;
}

const double *args_reals(const args *a, const char *name, size_t *n_reals) {
  const arg *found = find(a, name, PARAM_REALS);
  *n_reals = found->n_reals;
  return found->reals;
}

bool module_name_equal(const char *a, const char *b) {
  for (; *a && *b; a++, b++) {
    const char x = *a == '-' ? '_' : *a, y = *b == '-' ? '_' : *b;
    if (x != y) return false;
  }
  return *a == *b;
}
