#include "algorithms/event_schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

/* What is drawn from one stream; streams of work are numbered by work, those of an event by the event. */
enum { DRAW_TIME, DRAW_CHOICE, DRAW_STEPS };

/* Uniform in (0, 1). */
static double uniform(rng_key key, uint64_t index) { return ((double)rng_draw(key, index).w[0] + 0.5) * 0x1p-32; }

static double duration(const event_schedule *s, int w) {
  if (s->speeds == SPEEDS_EQUAL) return 1;
  if (s->speeds == SPEEDS_STRAGGLERS) return w < s->n_stragglers ? s->factor : 1;
  return -rng_log(uniform(rng_stream(s->seed, RNG_SCHEDULE, w, s->n_ended[w]), DRAW_TIME));
}

enum status event_schedule_create(const args *a, uint64_t seed, int n_workers, event_schedule *out) {
  const char *speeds = args_text(a, "speeds");
  *out = (event_schedule){.seed = seed,
                          .n_workers = n_workers,
                          .speeds = strcmp(speeds, "equal") == 0        ? SPEEDS_EQUAL
                                    : strcmp(speeds, "stragglers") == 0 ? SPEEDS_STRAGGLERS
                                                                        : SPEEDS_EXPONENTIAL,
                          .n_stragglers = (int)args_int(a, "stragglers"),
                          .factor = args_real(a, "straggler_factor"),
                          .ends = calloc((size_t)n_workers, sizeof *out->ends),
                          .n_ended = calloc((size_t)n_workers, sizeof *out->n_ended)};
  if (!out->ends || !out->n_ended) return FAIL(STATUS_NO_MEMORY, "no memory for the clocks of %d workers", n_workers);
  for (int w = 0; w < n_workers; w++) out->ends[w] = duration(out, w);
  return STATUS_OK;
}

void event_schedule_destroy(event_schedule *s) {
  free(s->ends);
  free(s->n_ended);
}

schedule_event event_schedule_next(event_schedule *s) {
  int first = 0;
  for (int w = 1; w < s->n_workers; w++)
    if (s->ends[w] < s->ends[first]) first = w;
  const schedule_event e = {.number = s->number++, .worker = first, .time = s->ends[first]};
  s->n_ended[first]++;
  s->ends[first] += duration(s, first);
  return e;
}

size_t event_choice(const event_schedule *s, const schedule_event *e, size_t n) {
  const uint32_t word = rng_draw(rng_stream(s->seed, RNG_SCHEDULE, -1, e->number), DRAW_CHOICE).w[0];
  return (size_t)((uint64_t)word * n >> 32);
}

/* P(steps > h) = (1 - 1/mean)^h. */
uint64_t event_geometric(const event_schedule *s, const schedule_event *e, int worker, double mean) {
  if (mean <= 1) return 1;
  const double u = uniform(rng_stream(s->seed, RNG_SCHEDULE, worker, e->number), DRAW_STEPS);
  return 1 + (uint64_t)floor(rng_log(u) / rng_log(1 - 1 / mean));
}

enum status event_schedule_archive(event_schedule *s, archive *a) {
  const size_t n = (size_t)s->n_workers;
  TRY_RETURN(archive_bytes(a, ARCHIVE_SHARED, "event number", &s->number, sizeof s->number));
  TRY_RETURN(archive_bytes(a, ARCHIVE_SHARED, "event ends", s->ends, n * sizeof *s->ends));
  return archive_bytes(a, ARCHIVE_SHARED, "events ended", s->n_ended, n * sizeof *s->n_ended);
}
