#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

/* Like errno, the last failure belongs to the thread; it is the one mutable state outside an object. */
static _Thread_local char last_detail[2048];
static _Thread_local char last_place[256];

const char *status_name(enum status code) {
  switch (code) {
#define STATUS_CASE(constant, text) \
  case constant: return text;
    STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
  }
  return "unknown status";
}

enum status status_record(enum status code, const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_detail, sizeof last_detail, format, arguments);
  va_end(arguments);
  snprintf(last_place, sizeof last_place, "%s:%d", file, line);
  return code;
}

const char *status_detail(void) { return last_detail; }

const char *status_place(void) { return last_place; }
