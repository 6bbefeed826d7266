#include "algorithms/optimizer.h"

#include "core/vec.h"

double optimizer_lr(const optimizer *o, double epoch) {
  double factor = 1.0;
  if (epoch < o->warmup_epochs) factor = o->warmup_from + (1.0 - o->warmup_from) * epoch / o->warmup_epochs;
  if (o->schedule == SCHEDULE_MULTISTEP)
    for (size_t i = 0; i < o->n_milestones && epoch >= o->milestones[i]; i++) factor *= o->gamma;
  return o->lr * factor;
}

void optimizer_step(const optimizer *o, stream *s, double epoch, float *x, float *g, float *m, size_t n, double *norm,
                    void *scratch) {
  if (o->clip > 0) {
    vec_reduce(s, REDUCE_SQUARES, g, NULL, n, norm, scratch);
    vec_clip(s, g, n, norm, (float)o->clip);
  }
  vec_momentum_step(s, x, g, m, n, (float)optimizer_lr(o, epoch), (float)o->momentum, (float)o->weight_decay);
}
