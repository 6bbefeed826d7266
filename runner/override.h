/* Settings by dotted path laid over a configuration: "optimizer.lr", "dataset.limit", "method.density", or a whole key.
 */
#ifndef TERSE_RUNNER_OVERRIDE_H
#define TERSE_RUNNER_OVERRIDE_H

#include "runner/yaml.h"

/* *out = `config` (a map, unchanged) with n settings (paths and values) applied: whole keys first, then keys inside
 * them, so that {dataset.limit: 9, dataset: x} limits x whatever the order. A section that is not there begins empty; a
 * module on the way may be written in any of its forms. Setting `epochs` drops a `steps` that was set before, and vice
 * versa. STATUS_BAD_INPUT: a path that is malformed or leads through a value that has no keys. */
enum status override_apply(arena *memory, const node *config, const entry *settings, size_t n,
                           const node **out) WARN_UNUSED;

/* "key.path=value", the value in YAML's flow syntax, as one setting whose place is "--set key.path=value". */
enum status override_parse(arena *memory, const char *option, entry *out) WARN_UNUSED;

/* Whether `outer` names the same setting as `inner` or a section that holds it. */
bool override_covers(const char *outer, const char *inner);

#endif
