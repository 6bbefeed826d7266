/* The events of asynchronous methods: which worker finishes next, drawn from the seed alone and therefore the same on
 * every rank, at every number of ranks.
 *
 * Worker w's c-th piece of work (local steps and an interaction, c = 0, 1, …) ends at t_w(c) = t_w(c - 1) + tau_w(c),
 * and events are these ends in order of time, ties to the lower worker. With exponential times of mean 1 that is a
 * Poisson clock of rate 1 at each worker; whoever then meets a random neighbour meets along a uniformly random edge of
 * a regular graph (and along edge ij with probability (1/deg_i + 1/deg_j)/M otherwise). M events are on average one
 * unit of time. */
#ifndef TERSE_ALGORITHMS_EVENT_SCHEDULE_H
#define TERSE_ALGORITHMS_EVENT_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "core/archive.h"
#include "core/module.h"
#include "core/status.h"

enum event_speeds {
  SPEEDS_EXPONENTIAL, /* tau exponential with mean 1: Poisson clocks */
  SPEEDS_EQUAL,       /* tau = 1: the workers one after the other */
  SPEEDS_STRAGGLERS,  /* the first workers take `factor`, the others 1 */
};

typedef struct schedule_event {
  uint64_t number; /* from 0 */
  int worker;      /* who has finished */
  double time;     /* when; the start is at 0 */
} schedule_event;

typedef struct event_schedule {
  uint64_t seed;
  int n_workers;
  enum event_speeds speeds;
  int n_stragglers;
  double factor;     /* of the stragglers' tau */
  uint64_t number;   /* of the next event */
  double *ends;      /* [n_workers]: t_w, when w's present work ends */
  uint64_t *n_ended; /* [n_workers]: how much work w has ended */
} event_schedule;

/* A method's parameters of its schedule. */
#define EVENT_SCHEDULE_PARAMS                                                                                 \
  {.name = "speeds",                                                                                          \
   .type = PARAM_CHOICE,                                                                                      \
   .fallback = "exponential",                                                                                 \
   .choices = "exponential|equal|stragglers",                                                                 \
   .help = "how long workers take: exponential times of mean 1 (Poisson clocks), 1, or some of them longer"}, \
      {.name = "stragglers",                                                                                  \
       .type = PARAM_INT,                                                                                     \
       .fallback = "1",                                                                                       \
       .min = 0,                                                                                              \
       .max = 1e6,                                                                                            \
       .help = "speeds stragglers: how many workers are slow"},                                               \
  {                                                                                                           \
    .name = "straggler_factor", .type = PARAM_REAL, .fallback = "4", .min = 1, .max = 1e6,                    \
    .help = "speeds stragglers: how many times as long a slow worker takes"                                   \
  }

/* From those parameters. After a failure too *out is in a state for event_schedule_destroy. */
enum status event_schedule_create(const args *a, uint64_t seed, int n_workers, event_schedule *out) WARN_UNUSED;
void event_schedule_destroy(event_schedule *s); /* a zeroed one is ignored */

schedule_event event_schedule_next(event_schedule *s);

/* A number below n > 0, uniform: whom the event's worker meets. */
size_t event_choice(const event_schedule *s, const schedule_event *e, size_t n);
/* Steps of `worker` in the event: geometric with this mean >= 1, support from 1. */
uint64_t event_geometric(const event_schedule *s, const schedule_event *e, int worker, double mean);

/* Shared sections "event …": the schedule goes on where it was. */
enum status event_schedule_archive(event_schedule *s, archive *a) WARN_UNUSED;

#endif
