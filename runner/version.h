/* What this program was built from. */
#ifndef TERSE_RUNNER_VERSION_H
#define TERSE_RUNNER_VERSION_H

#include <stdbool.h>

typedef struct version_info {
  const char *commit; /* 40 hex digits, or "unknown" outside a checkout */
  bool dirty;         /* the checkout had changes that were not committed */
  const char *flags;  /* the compiler's */
  const char *compiler;
  const char *root; /* the source folder, absolute */
} version_info;

extern const version_info version;

#endif
