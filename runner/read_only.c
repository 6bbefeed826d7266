#include "runner/read_only.h"

#include <stdbool.h>
#include <string.h>

#include "runner/clock.h"

static bool is_harmless_pragma(const char *name, const char *value) {
  static const char *const words[] = {"table_info", "table_xinfo", "table_list", "index_list", "index_info"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(name, words[i]) == 0) return true;
  return !value && (strcmp(name, "user_version") == 0 || strcmp(name, "database_list") == 0);
}

/* Reading and computing is allowed; nothing that writes, attaches or loads. */
static int authorize(void *context, int action, const char *first, const char *second, const char *database,
                     const char *trigger) {
  (void)context, (void)database, (void)trigger;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return strcmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      return is_harmless_pragma(first, second) ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

static int is_late(void *deadline_ns) { return clock_now_ns() > *(const uint64_t *)deadline_ns; }

void read_only_guard(sqlite3 *connection, const uint64_t *deadline_ns) {
  sqlite3_set_authorizer(connection, authorize, NULL);
  if (deadline_ns) sqlite3_progress_handler(connection, 10000, is_late, (void *)deadline_ns);
}
