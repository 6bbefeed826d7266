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
#include <stdlib.h>

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
  device *device;
  uint32_t levels;
  bool shrink;
  double *norm2; /* device, one: |x|_2^2 */
  float *scale;  /* device, one: |x|_2 */
} qsgd;

static void destroy(void *state) {
  qsgd *q = (qsgd *)state;
  if (!q) return;
  device_release(q->device, q->norm2);
  device_release(q->device, q->scale);
  free(q);
}

static enum status create(const compressor_env *env, const args *a, void **state) {
  void *memory = NULL;
  *state = NULL;
  qsgd *q = (qsgd *)calloc(1, sizeof *q);
  if (!q) return FAIL(STATUS_NO_MEMORY, "no memory for qsgd");
  q->device = env->device;
  q->levels = (uint32_t)args_int(a, "levels");
  q->shrink = args_bool(a, "shrink");
  enum status status = device_alloc(env->device, sizeof *q->norm2, &memory);
  q->norm2 = (double *)memory;
  if (status == STATUS_OK) status = device_floats(env->device, 1, &q->scale);
  if (status != STATUS_OK) destroy(q);
  *state = status == STATUS_OK ? q : NULL;
  return status;
}

static double omega_of(const qsgd *q, size_t n) {
  const double s = q->levels;
  return fmin((double)n / (s * s), sqrt((double)n) / s);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  const qsgd *q = (const qsgd *)state;
  if (q->shrink != (kind == FACTOR_DELTA)) return NAN;
  return q->shrink ? 1 / (1 + omega_of(q, n)) : omega_of(q, n);
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)convention;
  return n == 0 ? 0 : (double)n * level_width(((const qsgd *)state)->levels) + 32;
}

static size_t body_bytes(const void *state, size_t n) {
  return n == 0 ? 0 : 4 + 4 * level_words(level_width(((const qsgd *)state)->levels), n);
}

static unsigned padding_bits(const void *state, size_t n) {
  const unsigned width = level_width(((const qsgd *)state)->levels);
  return (unsigned)(32 * level_words(width, n) - n * width);
}

typedef struct {
  const double *norm2;
  float *scale;
  uint32_t *word;
  double divisor;
} scale_args;

static HD inline void put_scale(const scale_args *p, size_t i) {
  const double norm = sqrt(*p->norm2);
  const float sent = (float)(norm / p->divisor);
  p->scale[i] = (float)norm;
  memcpy(&p->word[i], &sent, sizeof sent);
}
KERNEL(put_scales, scale_args, put_scale)
KERNEL(encode_groups, group_encode_args, group_encode)
KERNEL(decode_groups, group_decode_args, group_decode_add)

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  const qsgd *q = (const qsgd *)state;
  uint32_t *words = (uint32_t *)(void *)body;
  if (n == 0) return;
  vec_reduce(c->stream, REDUCE_SQUARES, x, NULL, n, q->norm2, c->scratch);
  const scale_args scale = {
      .norm2 = q->norm2, .scale = q->scale, .word = words, .divisor = q->shrink ? 1 + omega_of(q, n) : 1};
  put_scales(c->stream, 1, scale);
  const group_encode_args a = {.x = x,
                               .words = words + 1,
                               .scale = q->scale,
                               .n = n,
                               .levels = q->levels,
                               .width = level_width(q->levels),
                               .key = call_key(c)};
  encode_groups(c->stream, level_groups(n), a);
}

static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  const qsgd *q = (const qsgd *)state;
  const uint32_t *words = (const uint32_t *)(const void *)body;
  const group_decode_args d = {.words = words + 1,
                               .scale = words,
                               .fault = c->stream->fault,
                               .y = y,
                               .a = a,
                               .n = n,
                               .levels = q->levels,
                               .width = level_width(q->levels)};
  decode_groups(c->stream, level_groups(n), d);
}

MODULE(compressor, qsgd) = {
    .name = "qsgd",
    .paper = "Alistarh et al., NeurIPS 2017: Equation 2",
    .version = "1",
    .params = params,
    .traits = UNBIASED | CONTRACTIVE | QUANTIZER | RANDOMIZED,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .body_bytes = body_bytes,
    .padding_bits = padding_bits,
    .encode = encode,
    .decode_add = decode_add,
};
