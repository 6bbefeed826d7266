/* clipping: drops the low-order bits of every value.
 *
 * C(x)_i = the upper `bits` bits of x_i as fp32, the others zero: sign, exponent and m = bits - 9 bits of the mantissa
 * (16 bits: bfloat16, cut and not rounded). Tang et al. (DoubleSqueeze), ICML 2019, Section 4, names it among its
 * compressors. Towards zero, so biased: |x_i - C(x)_i| <= |x_i| / (2^m + 1) for normal numbers, whence
 * |x - C(x)|^2 <= (1 - delta) |x|^2 with delta = 1 - 1 / (2^m + 1)^2; what is below 2^-126 may be lost altogether.
 * Wire: codes of `bits` bits (codes.h), bits n bits in all. A NaN stays one or becomes an infinity: divergence is sent,
 * not hidden. */
#include <math.h>
#include <string.h>

#include "algorithms/codes.h"
#include "algorithms/compressor.h"
#include "core/kernel.h"

static const param params[] = {
    {.name = "bits",
     .type = PARAM_INT,
     .fallback = "16",
     .min = 9,
     .max = 31,
     .help = "upper bits of a value that are sent: 9 are sign and exponent",
     .in_label = true},
    PARAM_END,
};

static enum status create(const compressor_env *env, const args *a, void **state) {
  (void)env;
  return codes_create(a, state);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  (void)n;
  if (kind != FACTOR_DELTA) return NAN;
  const double worst = 1 / (ldexp(1, (int)codes_bits(state) - 9) + 1);
  return 1 - worst * worst;
}

typedef struct {
  const float *x;
  uint32_t *words;
  size_t n;
  unsigned bits;
} pack_args;

static HD inline void pack_group(const pack_args *p, size_t g) {
  code_writer w = {p->words + g * p->bits, 0, 0};
  const size_t end = codes_group_end(g, p->n);
  for (size_t i = g * CODES_GROUP; i < end; i++) {
    uint32_t word;
    memcpy(&word, &p->x[i], sizeof word);
    code_put(&w, word >> (32 - p->bits), p->bits);
  }
  code_finish(&w);
}
KERNEL(pack_groups, pack_args, pack_group)

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  const pack_args a = {.x = x, .words = (uint32_t *)(void *)body, .n = n, .bits = codes_bits(state)};
  pack_groups(c->stream, codes_groups(n), a);
}

typedef struct {
  const uint32_t *words;
  float *y;
  size_t n;
  float a;
  unsigned bits;
} add_args;

static HD inline void add_group(const add_args *p, size_t g) {
  code_reader r = {p->words + g * p->bits, 0, 0};
  const size_t end = codes_group_end(g, p->n);
  for (size_t i = g * CODES_GROUP; i < end; i++) {
    const uint32_t word = code_take(&r, p->bits) << (32 - p->bits);
    float value;
    memcpy(&value, &word, sizeof value);
    p->y[i] += p->a * value;
  }
}
KERNEL(add_groups, add_args, add_group)

static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  const add_args add = {
      .words = (const uint32_t *)(const void *)body, .y = y, .n = n, .a = a, .bits = codes_bits(state)};
  add_groups(c->stream, codes_groups(n), add);
}

MODULE(compressor, clipping) = {
    .name = "clipping",
    .paper = "Tang et al., ICML 2019: Section 4",
    .version = "1",
    .params = params,
    .traits = CONTRACTIVE | QUANTIZER,
    .create = create,
    .destroy = codes_destroy,
    .factor = factor,
    .theory_bits = codes_theory_bits,
    .body_bytes = codes_body_bytes,
    .padding_bits = codes_padding_bits,
    .encode = encode,
    .decode_add = decode_add,
};
