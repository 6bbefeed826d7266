/* The steps of a program that are our own: cheap beside the library's, or without a counterpart there. Each says what
 * it makes of a step's tensors a, b, c and sizes. Sums run in one fixed order. */
#ifndef TERSE_MODELS_CPU_LOOPS_H
#define TERSE_MODELS_CPU_LOOPS_H

#include "models/cpu/program.h"

/* a = max(a, 0) over all of a, padding included; a NaN stays one. */
void loop_relu(const step *s, run *r);
/* b = 0 where a, ReLU's output, is 0; a and b have one layout. */
void loop_relu_backward(const step *s, run *r);
/* Every row of a (rows x columns) += b. */
void loop_add_bias(const step *s, run *r);
/* b = the sum of the rows of a (rows x columns). */
void loop_bias_gradient(const step *s, run *r);
/* Logits a (rows x columns): the cross-entropies of the counting rows into r, and their gradient over r->total into b.
 * The rows that do not count get gradient 0. */
void loop_softmax_loss(const step *s, run *r);
/* Samples a (rows x columns), the point b, spectrum h: 1/2 sum h x^2 - <z, x> of the counting samples z into r, and,
 * where r has a gradient, its gradient over r->total into c. */
void loop_quadratic_loss(const step *s, run *r);

#endif
