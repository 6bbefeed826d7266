/* topk: keeps the k coordinates of largest magnitude.
 *
 * Top_k(x)_i = x_i for the k largest |x_i|, else 0; k = max(floor(density n), 1), ties to the lower index.
 * Aji and Heafield, EMNLP 2017; Stich et al., NeurIPS 2018, Definition 2.1; Basu et al. (Qsparse-local-SGD), NeurIPS
 * 2019, Section 2; Shi et al. (gTop-k), ICDCS 2019, Algorithm 1. Wire: k fp32 values, then k indices; 64 k bits with
 * 32-bit indices. |x - Top_k(x)|^2 <= (1 - k/n) |x|^2, deterministic, biased. A NaN counts as larger than infinity: a
 * diverging coordinate is sent, not hidden. */
#include <math.h>
#include <stdlib.h>

#include "algorithms/compressor.h"
#include "algorithms/density.h"
#include "algorithms/index_coding.h"

static const param params[] = {
    DENSITY_PARAM("0.01"),
    K_PARAM,
    PARAM_END,
};

typedef struct topk {
  double density;
  size_t k; /* 0: by density */
} topk;

static enum status create(const compressor_env *env, const args *a, void **state) {
  (void)env;
  topk *t = (topk *)calloc(1, sizeof *t);
  if (!t) return FAIL(STATUS_NO_MEMORY, "no memory for topk");
  t->density = args_real(a, "density");
  t->k = (size_t)args_int(a, "k");
  *state = t;
  return STATUS_OK;
}

static void destroy(void *state) { free(state); }

static size_t count(const void *state, size_t n) {
  const topk *t = (const topk *)state;
  return density_count(t->density, t->k, n);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  if (kind != FACTOR_DELTA) return NAN;
  return n == 0 ? 1 : (double)count(state, n) / (double)n;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  return (double)count(state, n) * (32 + index_width(convention == INDEX_32 ? INDEX_RAW32 : INDEX_PACKED, n));
}

static void pick(void *state, const call *c, const float *x, size_t n, sparse *out) {
  vec_select_k(c->stream, x, n, count(state, n), out, c->scratch);
}

MODULE(compressor, topk) = {
    .name = "topk",
    .paper = "Stich et al., NeurIPS 2018: Definition 2.1",
    .version = "1",
    .params = params,
    .traits = CONTRACTIVE | SELECTOR,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .count = count,
    .select = pick,
};
