/* randk: keeps k coordinates drawn uniformly at random, without replacement.
 *
 * Rand_k(x)_i = scale x_i for i in a uniform random k-subset, else 0; k = max(floor(density n), 1).
 * Stich et al., NeurIPS 2018, Definition 2.1. scale none: E|C(x) - x|^2 = (1 - k/n) |x|^2, biased. scale unbiased
 * (n/k): E C(x) = x and E|C(x) - x|^2 = (n/k - 1) |x|^2. Wire: k fp32 values, then k indices; 64 k bits with 32-bit
 * indices.
 *
 * The subset: every coordinate draws a priority from the call's key and the k largest win, the same on every device. A
 * priority is an integer below 0x7f800000 read as the bits of a finite positive float, so that floats order as the
 * integers do. Two of n priorities may tie at the border of the k, with a probability of about n/2^31; the lower index
 * wins then, which moves no coordinate's chance by more than 2^-31. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/compressor.h"
#include "algorithms/density.h"
#include "algorithms/index_coding.h"
#include "core/kernel.h"

static const param params[] = {
    DENSITY_PARAM("0.01"),
    {.name = "scale",
     .type = PARAM_CHOICE,
     .fallback = "none",
     .choices = "none|unbiased",
     .help = "what values are multiplied by: 1, or n/k"},
    PARAM_END,
};

typedef struct randk {
  device *device;
  double density;
  bool unbiased;
  float *priority; /* device, n_max */
} randk;

static void destroy(void *state) {
  randk *r = (randk *)state;
  if (!r) return;
  device_release(r->device, r->priority);
  free(r);
}

static enum status create(const compressor_env *env, const args *a, void **state) {
  randk *r = (randk *)calloc(1, sizeof *r);
  if (!r) return FAIL(STATUS_NO_MEMORY, "no memory for randk");
  r->device = env->device;
  r->density = args_real(a, "density");
  r->unbiased = strcmp(args_text(a, "scale"), "unbiased") == 0;
  const enum status status = device_floats(env->device, env->n_max, &r->priority);
  if (status != STATUS_OK) destroy(r);
  *state = status == STATUS_OK ? r : NULL;
  return status;
}

static size_t count(const void *state, size_t n) {
  return density_count(((const randk *)state)->density, 0, n);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  if (((const randk *)state)->unbiased != (kind == FACTOR_OMEGA)) return NAN;
  const double kept = n == 0 ? 1 : (double)count(state, n) / (double)n;
  return kind == FACTOR_OMEGA ? 1 / kept - 1 : kept;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  return (double)count(state, n) * (32 + index_width(convention == INDEX_32 ? INDEX_RAW32 : INDEX_PACKED, n));
}

typedef struct {
  float *priority;
  size_t n;
  rng_key key;
} draw_args;

/* Element b draws the four words of block b. */
static HD inline void draw_block(const draw_args *p, size_t b) {
  const rng_words words = rng_draw(p->key, b);
  for (size_t i = 4 * b, j = 0; j < 4 && i < p->n; i++, j++) {
    const uint32_t below_infinity = (uint32_t)((uint64_t)words.w[j] * 0x7f800000u >> 32);
    memcpy(&p->priority[i], &below_infinity, sizeof below_infinity);
  }
}
KERNEL(draw_priorities, draw_args, draw_block)

static void pick(void *state, const call *c, const float *x, size_t n, sparse *out) {
  const randk *r = (const randk *)state;
  const size_t k = count(state, n);
  const draw_args draw = {.priority = r->priority, .n = n, .key = call_key(c)};
  draw_priorities(c->stream, (n + 3) / 4, draw);
  vec_select_k(c->stream, r->priority, n, k, out, c->scratch);
  vec_gather(c->stream, x, n, out);
  if (r->unbiased && k < n) vec_scale(c->stream, out->value, (float)((double)n / (double)k), k);
}

MODULE(compressor, randk) = {
    .name = "randk",
    .paper = "Stich et al., NeurIPS 2018: Definition 2.1",
    .version = "1",
    .params = params,
    .traits = UNBIASED | CONTRACTIVE | SELECTOR | RANDOMIZED,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .count = count,
    .select = pick,
};
