/* A module's parameters from text: strict numbers, bounds, choices and defaults, each mistake with a sentence that says
 * what is allowed. Used alike for experiment files, `--set` and tests. */
#ifndef TERSE_CORE_ARGS_H
#define TERSE_CORE_ARGS_H

#include <stddef.h>

#include "core/module.h"
#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Resolves n pairs keys[i]: values[i] (as written in YAML) against `table`. *out has every entry of the table in its
 * order, defaults filled in; it owns its memory (args_free) and keeps nothing of keys and values. STATUS_BAD_INPUT: an
 * unknown key (names the nearest), a key given twice, a required one missing, a number with trailing characters, out of
 * the range of its type or not finite, outside the table's bounds, an unknown choice. *out is empty then. Bounds of min
 * = max = 0 are no bounds. PARAM_PIPELINE: `text` holds the list as written (or the default's text) and `modules` is
 * empty: whoever parses the list sets them with args_set_modules. */
enum status args_from_text(const param *table, const char *const *keys, const char *const *values, size_t n,
                           args *out) WARN_UNUSED;

/* One value of one parameter, checked as args_from_text does it; for whoever reports a line for every value.
 * out->text, where there is one, is `text` itself: it must live as long as `out`. */
enum status arg_from_text(const param *p, const char *text, arg *out) WARN_UNUSED;

/* Gives the PARAM_PIPELINE parameter `name` its modules, which must outlive the args. */
void args_set_modules(args *a, const char *name, const module_spec *modules, size_t n_modules);

/* Frees what args_from_text allocated and empties it. Harmless on empty args. */
void args_free(args *a);

#ifdef __cplusplus
}
#endif
#endif
