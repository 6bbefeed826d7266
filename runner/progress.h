/* How the cells of an invocation get on, told on standard error: one live line on a terminal, otherwise a plain line at
 * the start and the end of each cell and every ten seconds between. */
#ifndef TERSE_RUNNER_PROGRESS_H
#define TERSE_RUNNER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/status.h"
#include "runner/record.h"

typedef struct progress_options {
  FILE *out;
  bool live;      /* rewrite one line */
  bool quiet;     /* say nothing but notes */
  int columns;    /* width of the live line */
  size_t n_cells; /* in all */
  size_t n_slots; /* at once */
} progress_options;

typedef struct progress progress;
enum status progress_create(const progress_options *o, progress **out) WARN_UNUSED;
void progress_destroy(progress *p); /* NULL is ignored; takes the live line away */

/* A cell starts in a free slot; `name` is copied. n_epochs 0: not known. */
void progress_start(progress *p, size_t slot, const char *name, int n_workers, double n_epochs, double now_s);
/* What the cell's run said. */
void progress_record(progress *p, size_t slot, const record *r, double now_s);
/* It ended; the slot is free again. */
void progress_end(progress *p, size_t slot, const char *status, const char *reason, double now_s);
/* Shows what has changed; call it several times a second. */
void progress_tick(progress *p, double now_s);
/* A line of its own, never lost in the live line. Also where quiet. */
void progress_note(progress *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* Seconds as people read them: "0:42", "1:02:03". */
void format_duration(double seconds, char *out, size_t n);
/* "512 B", "2.1 MB" */
void format_bytes(double bytes, char *out, size_t n);

#endif
