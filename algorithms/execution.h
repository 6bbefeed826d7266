/* How the workers of an asynchronous method run: on a seeded schedule, the same at every number of ranks, or really
 * asynchronously, one worker a rank (core/comm_window.h). */
#ifndef TERSE_ALGORITHMS_EXECUTION_H
#define TERSE_ALGORITHMS_EXECUTION_H

#include "core/module.h"

/* clang-format off */
#define EXECUTION_PARAM                                                                                    \
  {.name = "execution", .type = PARAM_CHOICE, .fallback = "simulated", .choices = "simulated|free",        \
   .help = "a seeded schedule, the same at every number of ranks; or really asynchronous workers, one a "  \
           "rank, which no run repeats"}
/* clang-format on */

bool execution_is_free(const args *a);
/* A method's `unrepeatable`. */
const char *execution_unrepeatable(const args *a);

#endif
