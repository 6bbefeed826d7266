/* A map of the experiment file read against parameter tables: every key known, every value of its type and in its
 * bounds, defaults filled in. The base section, the optimizer and every module's parameters go this one way. */
#ifndef TERSE_RUNNER_SECTION_H
#define TERSE_RUNNER_SECTION_H

#include "core/module.h"
#include "runner/yaml.h"

enum { SECTION_MAX_TABLES = 2, SECTION_MAX_KEYS = 96 };

typedef struct section {
  const char *name;                        /* for sentences: "base", "method gtopk" */
  const param *tables[SECTION_MAX_TABLES]; /* single values and pipelines; NULL: none */
  const char *const *nested;               /* NULL-terminated keys the caller reads itself; NULL: none */
} section;

/* Checks `map` and fills out[i] for tables[i]. Names, texts and lists live in `memory` or in the tables.
 * STATUS_BAD_INPUT with the place. */
enum status section_read(arena *memory, const node *map, const section *s, args out[SECTION_MAX_TABLES]) WARN_UNUSED;
/* All keys of a section into names[SECTION_MAX_KEYS]; returns how many. */
size_t section_keys(const section *s, const char **names);
/* FAIL for a key that is none of `names`: suggests the nearest, else lists them. */
enum status section_unknown_key(const entry *e, const char *section_name, const char *const *names,
                                size_t n) WARN_UNUSED;

enum module_kind { MODULE_MODEL, MODULE_DATASET, MODULE_METHOD, MODULE_COMPRESSOR };

/* What all kinds of module have in common. */
typedef struct module_face {
  const char *name, *version;
  const param *params;
  const void *module; /* the const model *, dataset *, method * or compressor * */
} module_face;

/* The i-th registered module of a kind; false past the last. */
bool module_at(enum module_kind kind, size_t i, module_face *out);
/* By name, `-` and `_` being the same; false where there is none. */
bool module_named(enum module_kind kind, const char *name, module_face *out);

/* Whether a key of the base section holds a module. */
bool module_is_key(const char *key);

/* The three ways to write a module (NAME, {name: NAME, key: value}, {NAME: {key: value}}) brought into the second. */
enum status module_form(arena *memory, const node *written, const node **out) WARN_UNUSED;

/* Keys every module of a kind takes besides its own. */
typedef struct module_common {
  const param *params;
  const char *const *nested; /* NULL-terminated, "name" first: keys the caller reads itself */
} module_common;

typedef struct module_read_result {
  module_face face;
  module_spec spec; /* name: the module's own spelling */
  args common;      /* of common->params */
  const node *map;  /* the module in the form {name: NAME, key: value} */
} module_read_result;
/* A module as written. `common` NULL: there are no common keys. */
enum status module_read(arena *memory, enum module_kind kind, const node *written, const module_common *common,
                        module_read_result *out) WARN_UNUSED;

#endif
