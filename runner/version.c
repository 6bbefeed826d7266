#include "runner/version.h"

/* make defines the TERSE_ macros; a hand-made build says so. */
#ifndef TERSE_COMMIT
#define TERSE_COMMIT "unknown"
#define TERSE_DIRTY 1
#define TERSE_FLAGS "unknown"
#define TERSE_ROOT "."
#endif

const version_info version = {
    .commit = TERSE_COMMIT,
    .dirty = TERSE_DIRTY,
    .flags = TERSE_FLAGS,
#ifdef __clang__
    .compiler = __VERSION__,
#else
    .compiler = "gcc " __VERSION__,
#endif
    .root = TERSE_ROOT,
};
