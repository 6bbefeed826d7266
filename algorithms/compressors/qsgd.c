/* qsgd: s levels between 0 and the norm, rounded at random.
 *
 * Q(x)_i = |x|_2 sgn(x_i) z_i / s, z_i = s |x_i| / |x|_2 rounded up or down so that E z_i is just that. Alistarh et
 * al., NeurIPS 2017, Equation 2 and Lemma 3.1; after a selector it is QTop_k and QRand_k of Basu et al.
 * (Qsparse-local-SGD), NeurIPS 2019, Section 2. E Q(x) = x and E|Q(x) - x|^2 <= omega |x|^2, omega = min(n / s^2,
 * sqrt(n) / s). Zeros stay zeros: where |x|_2 = 0 every z_i is 0. shrink: C(x) = Q(x) / (1 + omega), biased, with
 * E|C(x) - x|^2 <= (1 - delta) |x|^2, delta = 1 / (1 + omega), for any number of levels (Basu et al., Lemma 2): what
 * error feedback needs where omega >= 1. Wire: the scale |x|_2 (or |x|_2 / (1 + omega)) as fp32, then the values in a
 * fixed 1 + ceil(log2(s + 1)) bits each (levels.h); nothing for n = 0. A NaN or an infinity anywhere makes the scale
 * not finite: divergence is sent, not hidden. */
#include <math.h>

#include "algorithms/levels.h"

static const param params[] = {
    {.name = "levels",
     .type = PARAM_INT,
     .fallback = "15",
     .min = 1,
     .max = LEVELS_MOST,
     .help = "s: how many steps from 0 to the norm",
     .in_label = true},
    {.name = "shrink",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "divide by 1 + omega: biased, but a contraction"},
    PARAM_END,
};

typedef struct qsgd {
  level_coder coder;
  bool shrink;
} qsgd;

static enum status create(const compressor_env *env, const args *a, void **state) {
  TRY_RETURN(levels_create(env, (uint32_t)args_int(a, "levels"), REDUCE_SQUARES, sizeof(qsgd), state));
  ((qsgd *)*state)->shrink = args_bool(a, "shrink");
  return STATUS_OK;
}

static double omega_of(const qsgd *q, size_t n) {
  const double s = q->coder.levels;
  return fmin((double)n / (s * s), sqrt((double)n) / s);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  const qsgd *q = (const qsgd *)state;
  if (q->shrink != (kind == FACTOR_DELTA)) return NAN;
  return q->shrink ? 1 / (1 + omega_of(q, n)) : omega_of(q, n);
}

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  const qsgd *q = (const qsgd *)state;
  levels_encode(&q->coder, c, x, n, q->shrink ? 1 + omega_of(q, n) : 1, body);
}

MODULE(compressor, qsgd) = {
    .name = "qsgd",
    .paper = "Alistarh et al., NeurIPS 2017: Equation 2",
    .version = "1",
    .params = params,
    .traits = UNBIASED | CONTRACTIVE | QUANTIZER | RANDOMIZED,
    .create = create,
    .destroy = levels_destroy,
    .factor = factor,
    .theory_bits = levels_theory_bits,
    .body_bytes = levels_body_bytes,
    .padding_bits = levels_padding_bits,
    .encode = encode,
    .decode_add = levels_decode_add,
};
