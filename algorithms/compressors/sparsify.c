/* sparsify: every coordinate is kept with the same probability, on its own.
 *
 * C(x)_i = x_i / p with probability p, else 0: random sparsification with equal probabilities (Wangni et al., NeurIPS
 * 2018, Equation 3; Tang et al. (DoubleSqueeze), ICML 2019, Section 4). E C(x) = x, E|C(x) - x|^2 = (1/p - 1) |x|^2.
 * scale none: x_i instead of x_i / p, biased, E|C(x) - x|^2 = (1 - p) |x|^2, for error feedback. Where a fixed number
 * of coordinates is wanted take randk. Wire: the kept values that are not zero as fp32, then their indices; how many
 * there are the device decides. A NaN that is kept is sent. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/compressor.h"
#include "algorithms/index_coding.h"
#include "core/kernel.h"

static const param params[] = {
    {.name = "probability",
     .type = PARAM_REAL,
     .fallback = "0.01",
     .min = 0,
     .max = 1,
     .above_min = true,
     .help = "of a coordinate to be kept",
     .in_label = true},
    {.name = "scale",
     .type = PARAM_CHOICE,
     .fallback = "unbiased",
     .choices = "unbiased|none",
     .help = "what kept values are multiplied by: 1/p, or 1"},
    PARAM_END,
};

typedef struct sparsify {
  device *device;
  double probability;
  bool unbiased;
  float *kept; /* device, n_max */
} sparsify;

static void destroy(void *state) {
  sparsify *s = (sparsify *)state;
  if (!s) return;
  device_release(s->device, s->kept);
  free(s);
}

static enum status create(const compressor_env *env, const args *a, void **state) {
  sparsify *s = (sparsify *)calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for sparsify");
  s->device = env->device;
  s->probability = args_real(a, "probability");
  s->unbiased = strcmp(args_text(a, "scale"), "unbiased") == 0;
  const enum status status = device_floats(env->device, env->n_max, &s->kept);
  if (status != STATUS_OK) destroy(s);
  *state = status == STATUS_OK ? s : NULL;
  return status;
}

static size_t count(const void *state, size_t n) {
  (void)state;
  return n;
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  const sparsify *s = (const sparsify *)state;
  (void)n;
  if (s->unbiased != (kind == FACTOR_OMEGA)) return NAN;
  return s->unbiased ? 1 / s->probability - 1 : s->probability;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)state;
  return (double)n * (32 + index_width(convention == INDEX_32 ? INDEX_RAW32 : INDEX_PACKED, n));
}

typedef struct {
  const float *x;
  float *kept;
  size_t n;
  float scale;
  double below; /* of 2^32 */
  rng_key key;
} draw_args;

/* Element b draws the four words of block b. */
static HD inline void draw_block(const draw_args *p, size_t b) {
  const rng_words words = rng_draw(p->key, b);
  for (size_t i = 4 * b, j = 0; j < 4 && i < p->n; i++, j++)
    p->kept[i] = (double)words.w[j] < p->below ? p->scale * p->x[i] : 0;
}
KERNEL(draw_kept, draw_args, draw_block)

static void pick(void *state, const call *c, const float *x, size_t n, sparse *out) {
  const sparsify *s = (const sparsify *)state;
  const draw_args a = {.x = x,
                       .kept = s->kept,
                       .n = n,
                       .scale = s->unbiased ? (float)(1 / s->probability) : 1.0f,
                       .below = ldexp(s->probability, 32),
                       .key = call_key(c)};
  draw_kept(c->stream, (n + 3) / 4, a);
  vec_compact(c->stream, s->kept, n, 0, out, c->scratch);
}

MODULE(compressor, sparsify) = {
    .name = "sparsify",
    .paper = "Wangni et al., NeurIPS 2018: Equation 3",
    .version = "1",
    .params = params,
    .traits = UNBIASED | CONTRACTIVE | SELECTOR | RANDOMIZED | VARIABLE_SIZE,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .count = count,
    .select = pick,
};
