#include "runner/commands.h"

#include <stdio.h>

int command_failed(enum status code) {
  const char *detail = status_detail();
  fprintf(stderr, "terse: %s\n", *detail ? detail : status_name(code));
  switch (code) {
    case STATUS_BAD_INPUT:
    case STATUS_BAD_DATA:
    case STATUS_NO_DATA:
    case STATUS_STORE:
      return 2;
    case STATUS_INTERRUPTED:
      return 130;
    default:
      fprintf(stderr, "terse: (%s, at %s)\n", status_name(code), status_place());
      return 1;
  }
}
