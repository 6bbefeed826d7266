/* Queries that others wrote, held to reading. */
#ifndef TERSE_RUNNER_READ_ONLY_H
#define TERSE_RUNNER_READ_ONLY_H

#include <sqlite3.h>
#include <stdint.h>

/* From here on the connection refuses (SQLITE_AUTH) whatever writes, attaches or loads, and stops a query
 * (SQLITE_INTERRUPT) that runs when clock_now_ns passes *deadline_ns, which must live as long; NULL: it may take any
 * time. */
void read_only_guard(sqlite3 *connection, const uint64_t *deadline_ns);

#endif
