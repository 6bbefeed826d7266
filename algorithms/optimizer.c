#include "algorithms/optimizer.h"

#include <math.h>

#include "core/vec.h"

static const double pi = 3.14159265358979323846;

const char *const schedule_rule_names[N_SCHEDULE_RULES] = {
    [RULE_SQRT_M_OVER_T] = "sqrt(M/T)", [RULE_ONE_OVER_SQRT_T] = "1/sqrt(T)", [RULE_ONE_OVER_T] = "1/T"};

optimizer optimizer_of_run(const optimizer *o, size_t steps_per_epoch, double n_steps, int n_workers,
                           const layer_table *layers) {
  optimizer out = *o;
  out.steps_per_epoch = (double)steps_per_epoch;
  out.n_steps = n_steps;
  out.n_workers = n_workers;
  out.layers = layers;
  return out;
}

static double scale_of(const optimizer *o) {
  switch (o->rule) {
    case RULE_SQRT_M_OVER_T:
      return sqrt(o->n_workers / o->n_steps);
    case RULE_ONE_OVER_SQRT_T:
      return 1 / sqrt(o->n_steps);
    case RULE_ONE_OVER_T:
    case N_SCHEDULE_RULES:
      break;
  }
  return 1 / o->n_steps;
}

double optimizer_lr(const optimizer *o, double epoch) {
  const double t = epoch * o->steps_per_epoch;
  double factor = 1.0;
  if (epoch < o->warmup_epochs) factor = o->warmup_from + (1.0 - o->warmup_from) * epoch / o->warmup_epochs;
  switch (o->schedule) {
    case SCHEDULE_CONSTANT:
      break;
    case SCHEDULE_MULTISTEP:
      for (size_t i = 0; i < o->n_milestones && epoch >= o->milestones[i]; i++) factor *= o->gamma;
      break;
    case SCHEDULE_COSINE:
      if (t >= o->n_steps) return o->lr_min * factor;
      return (o->lr_min + (o->lr - o->lr_min) * (1 + cos(pi * t / o->n_steps)) / 2) * factor;
    case SCHEDULE_INVERSE:
      factor *= o->a / (o->a + t);
      break;
    case SCHEDULE_SCALED:
      factor *= scale_of(o);
      break;
  }
  return o->lr * factor;
}

bool optimizer_stands_still(const optimizer *o) {
  return (o->warmup_epochs > 0 && o->warmup_from == 0) || (o->schedule == SCHEDULE_MULTISTEP && o->gamma == 0);
}

static void step_range(const optimizer *o, stream *s, float rate, double decay, float *x, float *g, float *m,
                       size_t n) {
  if (o->nesterov && m)
    vec_nesterov_step(s, x, g, m, n, rate, (float)o->momentum, (float)decay);
  else
    vec_momentum_step(s, x, g, m, n, rate, (float)o->momentum, (float)decay);
}

/* Tensors in a row with decay or without are one call. */
static void step_by_tensor(const optimizer *o, stream *s, float rate, float *x, float *g, float *m) {
  const layer_table *t = o->layers;
  for (size_t i = 0, end; i < t->n_slices; i = end) {
    const bool plain = t->slices[i].n_dims < 2;
    const size_t first = t->slices[i].offset;
    size_t n = 0;
    for (end = i; end < t->n_slices && (t->slices[end].n_dims < 2) == plain; end++) n += t->slices[end].n;
    step_range(o, s, rate, plain ? 0 : o->weight_decay, x + first, g + first, m ? m + first : NULL, n);
  }
}

void optimizer_step(const optimizer *o, stream *s, double epoch, float *x, float *g, float *m, size_t n, double *norm,
                    void *scratch) {
  if (o->clip > 0) {
    vec_reduce(s, REDUCE_SQUARES, g, NULL, n, norm, scratch);
    vec_clip(s, g, n, norm, (float)o->clip);
  }
  const float rate = (float)optimizer_lr(o, epoch);
  if (o->decay_weights && o->weight_decay > 0)
    step_by_tensor(o, s, rate, x, g, m);
  else
    step_range(o, s, rate, o->weight_decay, x, g, m, n);
}
