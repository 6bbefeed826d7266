#include "runner/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 512 };
static const double LIVE_EVERY_S = 0.1, PLAIN_EVERY_S = 10;

typedef struct slot {
  bool busy;
  char name[160];
  size_t number; /* among the cells, from 1 */
  int n_workers;
  double n_epochs, started_s, told_s;
  double hello_s; /* when training began; 0: not yet */
  record hello, last;
  double wire_bytes;
} slot;

struct progress {
  progress_options o;
  slot *slots;
  size_t n_started, n_ended;
  double cell_seconds; /* of all cells that ended */
  double shown_s;
  bool line_is_up;
};

enum status progress_create(const progress_options *o, progress **out) {
  progress *p = calloc(1, sizeof *p);
  slot *slots = calloc(o->n_slots, sizeof *slots);
  *out = NULL;
  if (!p || !slots) {
    free(p);
    free(slots);
    return FAIL(STATUS_NO_MEMORY, "no memory for the progress of %zu cells", o->n_slots);
  }
  *p = (progress){.o = *o, .slots = slots};
  *out = p;
  return STATUS_OK;
}

static void clear_line(progress *p) {
  if (p->line_is_up) fputs("\r\033[K", p->o.out);
  p->line_is_up = false;
}

void progress_destroy(progress *p) {
  if (!p) return;
  clear_line(p);
  fflush(p->o.out);
  free(p->slots);
  free(p);
}

void format_duration(double seconds, char *out, size_t n) {
  const long s = seconds > 0 && seconds < 1e9 ? (long)(seconds + 0.5) : 0;
  if (s >= 3600)
    snprintf(out, n, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(out, n, "%ld:%02ld", s / 60, s % 60);
}

void format_bytes(double bytes, char *out, size_t n) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]; unit++) bytes /= 1000;
  snprintf(out, n, unit && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* Seconds this cell still needs, or -1. */
static double cell_left_s(const slot *s, double now_s) {
  const double done = (double)(s->last.round - s->hello.resumed_round);
  const double left = (double)(s->hello.n_rounds - s->last.round);
  return s->hello_s > 0 && done > 0 ? (now_s - s->hello_s) * left / done : -1;
}

/* Seconds all cells still need, judged by the mean of those that ended and the ones running; -1 without any. */
static double all_left_s(const progress *p, double now_s) {
  double known_s = p->cell_seconds, left_s = 0;
  size_t n_known = p->n_ended;
  for (size_t i = 0; i < p->o.n_slots; i++) {
    const slot *s = &p->slots[i];
    const double cell_s = s->busy ? cell_left_s(s, now_s) : -1;
    if (cell_s < 0) continue;
    left_s += cell_s;
    known_s += now_s - s->started_s + cell_s;
    n_known++;
  }
  if (n_known == 0) return -1;
  const double to_come = (double)(p->o.n_cells - p->n_started);
  return (left_s + to_come * known_s / (double)n_known) / (double)p->o.n_slots;
}

static void append(char *line, const char *format, ...) PRINTF_LIKE(2, 3);
static void append(char *line, const char *format, ...) {
  const size_t n = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + n, MAX_LINE - n, format, arguments);
  va_end(arguments);
}

/* "gtopk(recursive) seed 2  epoch 1.3/2  loss 0.41  2.1 MB  ETA 0:42" */
static void describe(const slot *s, char *line, double now_s) {
  char words[32];
  append(line, "%s", s->name);
  if (s->hello_s == 0) append(line, "  starting");
  if (isfinite(s->last.epoch)) {
    append(line, "  epoch %.2f", s->last.epoch);
    if (s->n_epochs > 0) append(line, "/%g", s->n_epochs);
  }
  if (isfinite(s->last.loss)) append(line, "  loss %.3g", s->last.loss);
  if (s->wire_bytes > 0) {
    format_bytes(s->wire_bytes / s->n_workers, words, sizeof words);
    append(line, "  %s", words);
  }
  const double left_s = cell_left_s(s, now_s);
  if (left_s >= 0) {
    format_duration(left_s, words, sizeof words);
    append(line, "  ETA %s", words);
  }
}

static void append_all_left(const progress *p, char *line, double now_s) {
  char words[32];
  const double left_s = all_left_s(p, now_s);
  if (left_s < 0 || p->o.n_cells < 2) return;
  format_duration(left_s, words, sizeof words);
  append(line, " (all %s)", words);
}

static void plain(progress *p, const slot *s, double now_s, const char *end) {
  char line[MAX_LINE] = "";
  if (p->o.quiet) return;
  append(line, "[%zu/%zu] ", s->number, p->o.n_cells);
  if (end)
    append(line, "%s", s->name);
  else
    describe(s, line, now_s);
  clear_line(p);
  fprintf(p->o.out, "%s%s\n", line, end ? end : "");
  fflush(p->o.out);
}

void progress_start(progress *p, size_t slot_index, const char *name, int n_workers, double n_epochs, double now_s) {
  slot *s = &p->slots[slot_index];
  *s = (slot){.busy = true,
              .number = ++p->n_started,
              .n_workers = n_workers,
              .n_epochs = n_epochs,
              .started_s = now_s,
              .told_s = now_s};
  s->last.epoch = s->last.loss = NAN;
  snprintf(s->name, sizeof s->name, "%s", name);
  if (!p->o.live) plain(p, s, now_s, NULL);
}

void progress_record(progress *p, size_t slot_index, const record *r, double now_s) {
  slot *s = &p->slots[slot_index];
  if (r->kind == RECORD_HELLO) {
    s->hello = *r;
    s->hello_s = now_s;
    s->last.round = r->resumed_round;
  }
  if (r->kind == RECORD_CURVE) s->wire_bytes = r->wire_bytes;
  if (r->kind == RECORD_PROGRESS || r->kind == RECORD_CURVE) {
    const double loss = isfinite(r->loss) ? r->loss : s->last.loss;
    s->last = *r;
    s->last.loss = loss;
  }
}

void progress_end(progress *p, size_t slot_index, const char *status, const char *reason, double now_s) {
  slot *s = &p->slots[slot_index];
  char end[MAX_LINE] = "", words[32];
  format_duration(now_s - s->started_s, words, sizeof words);
  append(end, ": %s in %s%s%s", status, words, *reason ? ": " : "", reason);
  plain(p, s, now_s, end);
  s->busy = false;
  p->n_ended++;
  p->cell_seconds += now_s - s->started_s;
}

/* Cuts to a number of columns, between characters. */
static void cut(char *line, int columns) {
  int width = 0;
  for (char *c = line; *c; c++) {
    if (((unsigned char)*c & 0xc0) == 0x80) continue;
    if (++width > columns) {
      *c = '\0';
      return;
    }
  }
}

static void tick_live(progress *p, double now_s) {
  char line[MAX_LINE] = "";
  size_t n_busy = 0;
  for (size_t i = 0; i < p->o.n_slots; i++) n_busy += p->slots[i].busy;
  if (n_busy == 0 || now_s - p->shown_s < LIVE_EVERY_S) return;
  p->shown_s = now_s;
  append(line, "[%zu/%zu] ", p->n_ended + 1, p->o.n_cells);
  for (size_t i = 0, n = 0; i < p->o.n_slots; i++) {
    const slot *s = &p->slots[i];
    if (!s->busy) continue;
    if (n_busy == 1)
      describe(s, line, now_s);
    else
      append(line, "%s%s %.0f%%", n++ ? ", " : "", s->name,
             s->hello.n_rounds > 0 ? 100.0 * (double)s->last.round / (double)s->hello.n_rounds : 0.0);
  }
  append_all_left(p, line, now_s);
  cut(line, p->o.columns - 1);
  fprintf(p->o.out, "\r%s\033[K", line);
  fflush(p->o.out);
  p->line_is_up = true;
}

void progress_tick(progress *p, double now_s) {
  if (p->o.quiet) return;
  if (p->o.live) {
    tick_live(p, now_s);
    return;
  }
  for (size_t i = 0; i < p->o.n_slots; i++) {
    slot *s = &p->slots[i];
    if (!s->busy || now_s - s->told_s < PLAIN_EVERY_S) continue;
    s->told_s = now_s;
    plain(p, s, now_s, NULL);
  }
}

void progress_note(progress *p, const char *format, ...) {
  va_list arguments;
  clear_line(p);
  va_start(arguments, format);
  vfprintf(p->o.out, format, arguments);
  va_end(arguments);
  fputc('\n', p->o.out);
  fflush(p->o.out);
}
