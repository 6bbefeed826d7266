#include "runner/bench_serve.h"

#include <stdio.h>
#include <stdlib.h>

enum status bench_serve(enum status (*answer)(void *context), void *context) {
  char *line = NULL;
  size_t capacity = 0;
  enum status status = STATUS_OK;
  while (getline(&line, &capacity, stdin) >= 0) {
    TRY(answer(context));
    fflush(stdout);
  }
exit:
  free(line);
  return status;
}
