/* threshold: keeps the coordinates whose magnitude is above tau.
 *
 * C(x)_i = x_i where |x_i| > tau, else 0: the hard threshold of Sahu et al., NeurIPS 2021, Section 4 (before it Strom,
 * Interspeech 2015, who sends tau in place of the values). |x - C(x)|^2 <= n tau^2 whatever x is: an absolute bound,
 * not a contraction, since all of a small x is held back; biased. With error feedback no coordinate of the residual
 * exceeds tau. A NaN is kept: a diverging coordinate is sent, not hidden. Wire: the kept values as fp32, then their
 * indices. How many there are the device decides: 64 bits each with 32-bit indices. */
#include <math.h>
#include <stdlib.h>

#include "algorithms/compressor.h"
#include "algorithms/index_coding.h"

static const param params[] = {
    {.name = "tau",
     .type = PARAM_REAL,
     .fallback = "0.01",
     .min = 0,
     .max = 3e38,
     .help = "magnitudes above this are kept",
     .in_label = true},
    PARAM_END,
};

typedef struct threshold {
  float tau;
} threshold;

static enum status create(const compressor_env *env, const args *a, void **state) {
  (void)env;
  threshold *t = (threshold *)malloc(sizeof *t);
  *state = t;
  if (!t) return FAIL(STATUS_NO_MEMORY, "no memory for threshold");
  t->tau = (float)args_real(a, "tau");
  return STATUS_OK;
}

static void destroy(void *state) { free(state); }

static size_t count(const void *state, size_t n) {
  (void)state;
  return n;
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  (void)state, (void)kind, (void)n;
  return NAN;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)state;
  return (double)n * (32 + index_width(convention == INDEX_32 ? INDEX_RAW32 : INDEX_PACKED, n));
}

static void pick(void *state, const call *c, const float *x, size_t n, sparse *out) {
  vec_compact(c->stream, x, n, ((const threshold *)state)->tau, out, c->scratch);
}

MODULE(compressor, threshold) = {
    .name = "threshold",
    .paper = "Sahu et al., NeurIPS 2021: the hard threshold",
    .version = "1",
    .params = params,
    .traits = SELECTOR | VARIABLE_SIZE,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .count = count,
    .select = pick,
};
