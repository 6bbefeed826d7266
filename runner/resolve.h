/* A configuration tree (a `base` section with everything applied) checked and made a cell. */
#ifndef TERSE_RUNNER_RESOLVE_H
#define TERSE_RUNNER_RESOLVE_H

#include "runner/cell.h"
#include "runner/section.h"

/* The keys of a base section into names[SECTION_MAX_KEYS]; returns how many. */
size_t resolve_keys(const char **names);

/* The i-th part of what a base section sets besides its modules, with its parameters; false past the last. */
bool resolve_settings(size_t i, const char **name, const param **params);

/* Everything but the hash, which needs the data set's checksum. `device: auto` becomes the device models run on.
 * STATUS_BAD_INPUT with the place. Free with cell_destroy. */
enum status resolve_cell(const node *config, cell **out) WARN_UNUSED;

#endif
