/* ternary: every value becomes -N, 0 or N, at random.
 *
 * C(x)_i = N sgn(x_i) b_i, b_i = 1 with probability |x_i| / N. With N = |x|_inf (scale max) it is TernGrad (Wen et al.,
 * NeurIPS 2017, Equations 2 and 3), with N = |x|_2 (scale l2) QSGD with one level (Alistarh et al., NeurIPS 2017).
 * E C(x) = x and E|C(x) - x|^2 = N |x|_1 - |x|^2. That is at most omega |x|^2 with omega = (sqrt(n) - 1) / 2 for max
 * (one value 1, the others 1 / (1 + sqrt(n))) and omega = sqrt(n) - 1 for l2 (all values equal). Zeros stay zeros.
 * Wire: N as fp32, then 2 bits a value (levels.h with s = 1); nothing for n = 0. A NaN or an infinity anywhere makes N
 * not finite: divergence is sent, not hidden. */
#include <math.h>
#include <string.h>

#include "algorithms/levels.h"

static const param params[] = {
    {.name = "scale",
     .type = PARAM_CHOICE,
     .fallback = "max",
     .choices = "max|l2",
     .help = "what stands for a value that is not zero: |x|_inf, or |x|_2",
     .in_label = true},
    PARAM_END,
};

static enum status create(const compressor_env *env, const args *a, void **state) {
  const bool max = strcmp(args_text(a, "scale"), "max") == 0;
  return levels_create(env, 1, max ? REDUCE_MAX_ABS : REDUCE_SQUARES, sizeof(level_coder), state);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  if (kind != FACTOR_OMEGA) return NAN;
  const double l2 = n == 0 ? 0 : sqrt((double)n) - 1;
  return ((const level_coder *)state)->norm == REDUCE_MAX_ABS ? l2 / 2 : l2;
}

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  levels_encode((const level_coder *)state, c, x, n, 1, body);
}

MODULE(compressor, ternary) = {
    .name = "ternary",
    .paper = "Wen et al., NeurIPS 2017: Equations 2 and 3",
    .version = "1",
    .params = params,
    .traits = UNBIASED | QUANTIZER | RANDOMIZED,
    .create = create,
    .destroy = levels_destroy,
    .factor = factor,
    .theory_bits = levels_theory_bits,
    .body_bytes = levels_body_bytes,
    .padding_bits = levels_padding_bits,
    .encode = encode,
    .decode_add = levels_decode_add,
};
