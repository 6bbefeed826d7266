/* What a module is, what it says of its parameters, and the few words that let one source serve C and CUDA.
 *
 * Modules (compressors, methods, models, data sets) are found by make from their file names: algorithms/compressors/
 * topk.c defines MODULE(compressor, topk) and nothing else has to name it. `-` in YAML reads `_` in C. */
#ifndef TERSE_CORE_MODULE_H
#define TERSE_CORE_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define EXTERN_C extern "C"
#define STATIC_ASSERT(condition, text) static_assert(condition, text)
#define RESTRICT __restrict__
#else
#define EXTERN_C extern
#define STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define RESTRICT restrict
#endif

/* HD marks element arithmetic that runs on host and device. */
#ifdef __CUDACC__
#define HD __host__ __device__
#else
#define HD
#endif

/* Defines compressor_topk for MODULE(compressor, topk), with C linkage on both compilers (a plain const would get
 * internal linkage as C++ and vanish). */
#define MODULE(kind, name)               \
  EXTERN_C const struct kind kind##_##name; \
  const struct kind kind##_##name

enum param_type {
  PARAM_INT,      /* args_int */
  PARAM_REAL,     /* args_real */
  PARAM_BOOL,     /* args_bool */
  PARAM_CHOICE,   /* args_text: one of `choices` */
  PARAM_PIPELINE, /* args_modules: a list of compressors, e.g. [topk: {density: 0.01}]; [] where that is the default */
  PARAM_TEXT,     /* args_text: any; its module says what it means */
  PARAM_REALS,    /* args_reals: a list of at most ARG_MAX_REALS numbers, e.g. [0.25, 0.01], each within the bounds */
};

enum { ARG_MAX_REALS = 16 };

/* One parameter a module takes from YAML. A module's table ends with an entry whose name is NULL. */
typedef struct param {
  const char *name;
  enum param_type type;
  const char *fallback; /* the default, written as in YAML; NULL: the user must give it */
  double min, max;      /* inclusive bounds of numbers */
  bool above_min;       /* the lower bound itself is excluded: (min, max] */
  const char *choices;  /* PARAM_CHOICE: "raw32|packed" */
  const char *help;     /* one line, with the unit */
  bool in_label;        /* named in a cell's label at its default too: without it the label would not say what was run */
} param;

#define PARAM_END {.name = NULL}

typedef struct arg arg;

/* The resolved parameters of a module: every entry of its table is there, in the table's order, defaults filled in. */
typedef struct args {
  const arg *items;
  size_t n;
} args;

/* A module named in an experiment, with its parameters. Owned by the configuration that holds it. */
typedef struct module_spec {
  const char *name; /* as in YAML */
  args args;
} module_spec;

struct arg {
  const char *name;
  enum param_type type;
  int64_t integer;            /* PARAM_INT, PARAM_BOOL (0 or 1) */
  double real;                /* PARAM_REAL */
  const char *text;           /* PARAM_CHOICE, PARAM_TEXT */
  const module_spec *modules; /* PARAM_PIPELINE */
  size_t n_modules;
  double reals[ARG_MAX_REALS]; /* PARAM_REALS */
  size_t n_reals;
};

/* The value of parameter `name`, which must be in the module's own table (else the program is wrong, and stops). */
EXTERN_C int64_t args_int(const args *a, const char *name);
EXTERN_C double args_real(const args *a, const char *name);
EXTERN_C bool args_bool(const args *a, const char *name);
EXTERN_C const char *args_text(const args *a, const char *name);
EXTERN_C const module_spec *args_modules(const args *a, const char *name, size_t *n_modules);
EXTERN_C const double *args_reals(const args *a, const char *name, size_t *n_reals);

/* Whether two module names are the same when `-` and `_` are. */
EXTERN_C bool module_name_equal(const char *a, const char *b);

#endif
