/* Step sizes and the update rule every method shares: SGD with momentum, weight decay and clipping (PyTorch's
 * convention). */
#ifndef TERSE_ALGORITHMS_OPTIMIZER_H
#define TERSE_ALGORITHMS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/device.h"
#include "models/model.h"

enum { SCHEDULE_MAX_MILESTONES = 16 };

/* At step t of T (every worker's steps), in units of lr unless said otherwise. */
enum schedule_kind {
  SCHEDULE_CONSTANT,
  SCHEDULE_MULTISTEP, /* gamma for every milestone reached */
  SCHEDULE_COSINE,    /* from lr to lr_min along half a wave: (1 + cos(pi t / T)) / 2 of their difference, above lr_min */
  SCHEDULE_INVERSE,   /* a / (a + t): c / (a + t) for c = a lr */
  SCHEDULE_SCALED,    /* a constant that the run's length and workers give */
};

enum schedule_rule { RULE_SQRT_M_OVER_T, RULE_ONE_OVER_SQRT_T, RULE_ONE_OVER_T, N_SCHEDULE_RULES };
/* As YAML has them: sqrt(M/T), 1/sqrt(T), 1/T. */
extern const char *const schedule_rule_names[N_SCHEDULE_RULES];

typedef struct optimizer {
  double lr;           /* > 0 */
  double momentum;     /* [0, 1) */
  bool nesterov;       /* needs momentum */
  double weight_decay; /* >= 0 */
  bool decay_weights;  /* weight decay leaves out the tensors of one dimension: biases, and batch norm's parameters */
  double clip;         /* norm the (aggregated) gradient is clipped to; 0: never */
  enum schedule_kind schedule;
  double milestones[SCHEDULE_MAX_MILESTONES]; /* epochs, ascending */
  size_t n_milestones;
  double gamma;            /* factor at each milestone */
  double lr_min;           /* cosine: [0, lr] */
  double a;                /* inverse: > 0, in steps */
  enum schedule_rule rule; /* scaled */
  double warmup_epochs;    /* a factor, linear from warmup_from to 1; 0: none */
  double warmup_from;      /* e.g. 1/M */
  /* Of the run: see optimizer_of_run. */
  double steps_per_epoch, n_steps, n_workers; /* cosine, inverse and scaled need them */
  const layer_table *layers;                  /* decay_weights needs it */
} optimizer;

/* `o` for a run of n_steps steps of each of n_workers workers; `layers` outlives it. */
optimizer optimizer_of_run(const optimizer *o, size_t steps_per_epoch, double n_steps, int n_workers,
                           const layer_table *layers);

/* The step size at a position in epochs (fractional; 0 at the start). Pure. */
double optimizer_lr(const optimizer *o, double epoch);
/* Whether a step before the run's end has size 0. */
bool optimizer_stands_still(const optimizer *o);

/* Clips g to o->clip (uses `norm`, one double of device memory, and scratch), then
 * d = g + weight_decay x;  m = momentum m + d;  x -= lr m, or with nesterov x -= lr (d + momentum m).
 * m may be NULL where momentum is 0. With decay_weights n is the number of parameters. */
void optimizer_step(const optimizer *o, stream *s, double epoch, float *x, float *g, float *m, size_t n, double *norm,
                    void *scratch);

#endif
