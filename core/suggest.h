/* The name a user probably meant: nearest by edit distance. */
#ifndef TERSE_CORE_SUGGEST_H
#define TERSE_CORE_SUGGEST_H

#include <stddef.h>

/* The candidate nearest to `word`, or NULL where none is near: more than a third of the longer name would have to
 * change. Upper and lower case, and `-` and `_`, count as the same letter; of equally near candidates the first one
 * wins. */
const char *suggest_nearest(const char *word, const char *const *candidates, size_t n);

#endif
