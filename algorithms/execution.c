#include "algorithms/execution.h"

#include <string.h>

bool execution_is_free(const args *a) { return strcmp(args_text(a, "execution"), "free") == 0; }

const char *execution_unrepeatable(const args *a) {
  return execution_is_free(a) ? "with execution: free the machine decides who communicates when" : NULL;
}
