/* sign: one bit a value, and one scale.
 *
 * C(x)_i = s sgn(x_i), sgn(0) = +1 (so for NaN), with s = |x|_1 / n (scale l1: EF-signSGD, Karimireddy et al., ICML
 * 2019, Algorithm 1; Basu et al. (Qsparse-local-SGD), NeurIPS 2019, Section 2, where after a selector it is SignTop_k)
 * or s = |x|_2 / sqrt(n) (scale l2: the 1-bit compressor of DoubleSqueeze, Tang et al., ICML 2019, as its first author
 * later published it).
 * l1: |x - C(x)|^2 = (1 - |x|_1^2 / (n |x|_2^2)) |x|^2, biased; delta is 1/n for the worst x, a single spike, and 2/pi
 * for normal x. l2 keeps the norm, |C(x)| = |x|, and is no contraction: of a spike's error 2 (1 - 1/sqrt(n)) |x|^2 is
 * left.
 * Wire: s as fp32, then bit i mod 32 of word i / 32 is 1 where x_i < 0; what is left of the last word is zero.
 * n + 32 bits; nothing for n = 0. A NaN or an infinity anywhere makes s not finite: divergence is sent, not hidden. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/compressor.h"
#include "core/kernel.h"

static const param params[] = {
    {.name = "scale",
     .type = PARAM_CHOICE,
     .fallback = "l1",
     .choices = "l1|l2",
     .help = "what signs are multiplied by: |x|_1 / n, or |x|_2 / sqrt(n)",
     .in_label = true},
    PARAM_END,
};

typedef struct sign {
  device *device;
  bool l1;
  double *norm; /* device, one: |x|_1 or |x|_2^2 */
} sign;

static void destroy(void *state) {
  sign *s = (sign *)state;
  if (!s) return;
  device_release(s->device, s->norm);
  free(s);
}

static enum status create(const compressor_env *env, const args *a, void **state) {
  void *memory = NULL;
  *state = NULL;
  sign *s = (sign *)calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for sign");
  s->device = env->device;
  s->l1 = strcmp(args_text(a, "scale"), "l1") == 0;
  const enum status status = device_alloc(env->device, sizeof *s->norm, &memory);
  s->norm = (double *)memory;
  if (status != STATUS_OK) destroy(s);
  *state = status == STATUS_OK ? s : NULL;
  return status;
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  if (kind != FACTOR_DELTA || !((const sign *)state)->l1) return NAN;
  return n == 0 ? 1 : 1 / (double)n;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)state, (void)convention;
  return n == 0 ? 0 : (double)n + 32;
}

static size_t body_bytes(const void *state, size_t n) {
  (void)state;
  return n == 0 ? 0 : 4 + (n + 31) / 32 * 4;
}

static unsigned padding_bits(const void *state, size_t n) {
  (void)state;
  return (unsigned)((32 - n % 32) % 32);
}

typedef struct {
  const double *norm;
  uint32_t *word;
  size_t n;
  bool l1;
} scale_args;

static HD inline void put_scale(const scale_args *p, size_t i) {
  const float scale = (float)(p->l1 ? *p->norm / (double)p->n : sqrt(*p->norm / (double)p->n));
  memcpy(&p->word[i], &scale, sizeof scale);
}
KERNEL(put_scales, scale_args, put_scale)

typedef struct {
  const float *x;
  uint32_t *words;
  size_t n;
} pack_args;

/* The fixed number of turns is what the compiler turns into vector instructions. */
static HD inline uint32_t full_word(const float *x) {
  uint32_t word = 0;
  for (unsigned b = 0; b < 32; b++) word |= (uint32_t)(x[b] < 0) << b;
  return word;
}

static HD inline void pack_word(const pack_args *p, size_t w) {
  const float *x = p->x + 32 * w;
  uint32_t word = 0;
  if (32 * w + 32 <= p->n)
    word = full_word(x);
  else
    for (unsigned b = 0; 32 * w + b < p->n; b++) word |= (uint32_t)(x[b] < 0) << b;
  p->words[w] = word;
}
KERNEL(pack_words, pack_args, pack_word)

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  const sign *s = (const sign *)state;
  uint32_t *words = (uint32_t *)(void *)body;
  if (n == 0) return;
  vec_reduce(c->stream, s->l1 ? REDUCE_ABS : REDUCE_SQUARES, x, NULL, n, s->norm, c->scratch);
  const scale_args scale = {.norm = s->norm, .word = words, .n = n, .l1 = s->l1};
  put_scales(c->stream, 1, scale);
  const pack_args pack = {.x = x, .words = words + 1, .n = n};
  pack_words(c->stream, (n + 31) / 32, pack);
}

typedef struct {
  const uint32_t *words; /* the scale, then the signs */
  float *y;
  float a;
} add_args;

static HD inline void add_one(const add_args *p, size_t i) {
  float scale;
  memcpy(&scale, p->words, sizeof scale);
  const bool negative = p->words[1 + i / 32] >> (i % 32) & 1;
  p->y[i] += p->a * (negative ? -scale : scale);
}
KERNEL(add_all, add_args, add_one)

static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  (void)state;
  const add_args add = {.words = (const uint32_t *)(const void *)body, .y = y, .a = a};
  add_all(c->stream, n, add);
}

MODULE(compressor, sign) = {
    .name = "sign",
    .paper = "Karimireddy et al., ICML 2019: Algorithm 1; Tang et al., ICML 2019",
    .version = "1",
    .params = params,
    .traits = CONTRACTIVE | QUANTIZER,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .body_bytes = body_bytes,
    .padding_bits = padding_bits,
    .encode = encode,
    .decode_add = decode_add,
};
