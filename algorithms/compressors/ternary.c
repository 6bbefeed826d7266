/* ternary: every value becomes -N, 0 or N, at random.
 *
 * C(x)_i = N sgn(x_i) b_i, b_i = 1 with probability |x_i| / N. With N = |x|_inf (scale max) it is TernGrad (Wen et al.,
 * NeurIPS 2017, Equations 2 and 3), with N = |x|_2 (scale l2) QSGD with one level (Alistarh et al., NeurIPS 2017).
 * E C(x) = x and E|C(x) - x|^2 = N |x|_1 - |x|^2. That is at most omega |x|^2 with omega = (sqrt(n) - 1) / 2 for max
 * (one value 1, the others 1 / (1 + sqrt(n))) and omega = sqrt(n) - 1 for l2 (all values equal). Zeros stay zeros.
 * Wire: N as fp32, then 2 bits a value (levels.h with s = 1); nothing for n = 0. A NaN or an infinity anywhere makes N
 * not finite: divergence is sent, not hidden. */
#include <math.h>
#include <stdlib.h>

#include "algorithms/levels.h"

enum { WIDTH = 2 };

static const param params[] = {
    {.name = "scale",
     .type = PARAM_CHOICE,
     .fallback = "max",
     .choices = "max|l2",
     .help = "what stands for a value that is not zero: |x|_inf, or |x|_2",
     .in_label = true},
    PARAM_END,
};

typedef struct ternary {
  device *device;
  bool max;
  double *norm; /* device, one: |x|_inf or |x|_2^2 */
  float *scale; /* device, one: N */
} ternary;

static void destroy(void *state) {
  ternary *t = (ternary *)state;
  if (!t) return;
  device_release(t->device, t->norm);
  device_release(t->device, t->scale);
  free(t);
}

static enum status create(const compressor_env *env, const args *a, void **state) {
  void *memory = NULL;
  *state = NULL;
  ternary *t = (ternary *)calloc(1, sizeof *t);
  if (!t) return FAIL(STATUS_NO_MEMORY, "no memory for ternary");
  t->device = env->device;
  t->max = strcmp(args_text(a, "scale"), "max") == 0;
  enum status status = device_alloc(env->device, sizeof *t->norm, &memory);
  t->norm = (double *)memory;
  if (status == STATUS_OK) status = device_floats(env->device, 1, &t->scale);
  if (status != STATUS_OK) destroy(t);
  *state = status == STATUS_OK ? t : NULL;
  return status;
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  if (kind != FACTOR_OMEGA) return NAN;
  const double l2 = n == 0 ? 0 : sqrt((double)n) - 1;
  return ((const ternary *)state)->max ? l2 / 2 : l2;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)state, (void)convention;
  return n == 0 ? 0 : 2 * (double)n + 32;
}

static size_t body_bytes(const void *state, size_t n) {
  (void)state;
  return n == 0 ? 0 : 4 + 4 * level_words(WIDTH, n);
}

static unsigned padding_bits(const void *state, size_t n) {
  (void)state;
  return (unsigned)(32 * level_words(WIDTH, n) - n * WIDTH);
}

typedef struct {
  const double *norm;
  float *scale;
  uint32_t *word;
  bool max;
} scale_args;

static HD inline void put_scale(const scale_args *p, size_t i) {
  const float scale = (float)(p->max ? *p->norm : sqrt(*p->norm));
  p->scale[i] = scale;
  memcpy(&p->word[i], &scale, sizeof scale);
}
KERNEL(put_scales, scale_args, put_scale)
KERNEL(encode_groups, group_encode_args, group_encode)
KERNEL(decode_groups, group_decode_args, group_decode_add)

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  const ternary *t = (const ternary *)state;
  uint32_t *words = (uint32_t *)(void *)body;
  if (n == 0) return;
  vec_reduce(c->stream, t->max ? REDUCE_MAX_ABS : REDUCE_SQUARES, x, NULL, n, t->norm, c->scratch);
  const scale_args scale = {.norm = t->norm, .scale = t->scale, .word = words, .max = t->max};
  put_scales(c->stream, 1, scale);
  const group_encode_args a = {
      .x = x, .words = words + 1, .scale = t->scale, .n = n, .levels = 1, .width = WIDTH, .key = call_key(c)};
  encode_groups(c->stream, level_groups(n), a);
}

static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  (void)state;
  const uint32_t *words = (const uint32_t *)(const void *)body;
  const group_decode_args d = {.words = words + 1,
                               .scale = words,
                               .fault = c->stream->fault,
                               .y = y,
                               .a = a,
                               .n = n,
                               .levels = 1,
                               .width = WIDTH};
  decode_groups(c->stream, level_groups(n), d);
}

MODULE(compressor, ternary) = {
    .name = "ternary",
    .paper = "Wen et al., NeurIPS 2017: Equations 2 and 3",
    .version = "1",
    .params = params,
    .traits = UNBIASED | QUANTIZER | RANDOMIZED,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .body_bytes = body_bytes,
    .padding_bits = padding_bits,
    .encode = encode,
    .decode_add = decode_add,
};
