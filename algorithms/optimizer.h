/* Step sizes and the update rule every method shares: SGD with momentum, weight decay and clipping (PyTorch's
 * convention). */
#ifndef TERSE_ALGORITHMS_OPTIMIZER_H
#define TERSE_ALGORITHMS_OPTIMIZER_H

#include <stddef.h>

#include "core/device.h"

enum { SCHEDULE_MAX_MILESTONES = 16 };

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_MULTISTEP };

typedef struct optimizer {
  double lr;           /* > 0 */
  double momentum;     /* [0, 1) */
  double weight_decay; /* >= 0 */
  double clip;         /* norm the (aggregated) gradient is clipped to; 0: never */
  enum schedule_kind schedule;
  double milestones[SCHEDULE_MAX_MILESTONES]; /* epochs, ascending */
  size_t n_milestones;
  double gamma;         /* factor at each milestone */
  double warmup_epochs; /* linear from warmup_from * lr to lr; 0: none */
  double warmup_from;   /* fraction of lr, e.g. 1/M */
} optimizer;

/* The step size at a position in epochs (fractional; 0 at the start). Pure. */
double optimizer_lr(const optimizer *o, double epoch);

/* Clips g to o->clip (uses `norm`, one double of device memory, and scratch), then
 * d = g + weight_decay x;  m = momentum m + d;  x -= lr m.  m may be NULL where momentum is 0. */
void optimizer_step(const optimizer *o, stream *s, double epoch, float *x, float *g, float *m, size_t n, double *norm,
                    void *scratch);

#endif
