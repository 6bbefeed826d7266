/* The steps of a program that are our own: cheap beside the library's, or without a counterpart there. Each says what
 * it makes of a step's tensors a, b, c and sizes. Sums run in one fixed order. */
#ifndef TERSE_MODELS_CPU_LOOPS_H
#define TERSE_MODELS_CPU_LOOPS_H

#include "models/cpu/program.h"

/* b = max(a, 0) over all of a, padding included; a NaN stays one. */
void loop_relu(const step *s, run *r);
/* c = b, but 0 where a, ReLU's output, is 0; a, b and c have one layout; c may be b. */
void loop_relu_backward(const step *s, run *r);
/* c = a + b, rows of a and c being `columns` long, those of b `inner` <= columns: the rest of c is a's. Then ReLU,
 * where the step says so. */
void loop_add(const step *s, run *r);
/* c = a, each element kept and grown, or dropped, where the run drops (models/dropout.h); a and c are plain: `inner`
 * steps of `rows` samples of `columns`. */
void loop_dropout(const step *s, run *r);
/* The rows of b (rows x inner) = the beginnings of a's (rows x columns). */
void loop_take_channels(const step *s, run *r);
/* a, b: a batch's mean and variance of each of `columns` channels; replaced by those of all samples of the collecting
 * runs so far. c (2 x columns, fp64) remembers. */
void loop_collect_statistics(const step *s, run *r);
/* Tokens a (rows x inner), sample-major: c (inner x rows x columns), time-major = their rows of b. */
void loop_embedding(const step *s, run *r);
/* b = beta b + the gradient of the table, from c's. */
void loop_embedding_backward(const step *s, run *r);
/* Every row of a (rows x columns) += b. */
void loop_add_bias(const step *s, run *r);
/* b = the sum of the rows of a (rows x columns). */
void loop_bias_gradient(const step *s, run *r);
/* Logits a (inner steps x rows samples x columns classes): the cross-entropies of the counting samples into r, and the
 * gradient of their mean into b, in RUN_TRAIN with labels smoothed. The samples that do not count get gradient 0. */
void loop_softmax_loss(const step *s, run *r);
/* Samples a (rows x columns), the point b, spectrum h: 1/2 sum h x^2 - <z, x> of the counting samples z into r, and,
 * where r has a gradient, its gradient over r->total into c. */
void loop_quadratic_loss(const step *s, run *r);

#endif
