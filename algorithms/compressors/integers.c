/* integers: every value rounded at random to one of the two whole numbers next to it.
 *
 * C(x)_i = sgn(x_i) z_i, z_i = floor(|x_i|) + [u_i < |x_i| - floor(|x_i|)], u_i uniform in [0, 1): the Int operator of
 * Mishchenko et al., "IntSGD: Adaptive Floatless Compression of Stochastic Gradients", ICLR 2022, Equation 2, whose
 * scale is the caller's. Unbiased with E(C(x)_i - x_i)^2 <= 1/4 while |x_i| is at most 2^(bits-1) - 1, where z_i is cut
 * off; that error is absolute, so neither omega nor delta is claimed. Whole numbers in that range stay as they are, so
 * that sums of them are exact. A NaN becomes 0: whoever scales must look after divergence.
 * Wire: codes of `bits` bits (codes.h), z below and the sign (1: negative) above it. */
#include <math.h>

#include "algorithms/codes.h"
#include "algorithms/compressor.h"
#include "core/kernel.h"

static const param params[] = {
    {.name = "bits",
     .type = PARAM_INT,
     .fallback = "8",
     .min = 2,
     .max = 24,
     .help = "of a value, its sign included",
     .in_label = true},
    PARAM_END,
};

static enum status create(const compressor_env *env, const args *a, void **state) {
  (void)env;
  return codes_create(a, state);
}

static double factor(const void *state, enum factor_kind kind, size_t n) {
  (void)state, (void)kind, (void)n;
  return NAN;
}

typedef struct {
  const float *x;
  uint32_t *words;
  size_t n;
  unsigned bits;
  rng_key key;
} round_args;

static HD inline uint32_t code_of(float x, unsigned bits, uint32_t word) {
  const uint32_t most = ((uint32_t)1 << (bits - 1)) - 1;
  const float magnitude = fabsf(x);
  uint32_t z = 0;
  if (magnitude >= (float)most) {
    z = most;
  } else if (magnitude > 0) {
    z = (uint32_t)magnitude;
    z += rng_uniform(word) < magnitude - (float)z;
  }
  return z | (uint32_t)(x < 0) << (bits - 1);
}

/* Group g draws the words of blocks 8 g to 8 g + 7. */
static HD inline void round_group(const round_args *p, size_t g) {
  code_writer w = {p->words + g * p->bits, 0, 0};
  const size_t end = codes_group_end(g, p->n);
  for (size_t i = g * CODES_GROUP; i < end; i += 4) {
    const rng_words drawn = rng_draw(p->key, i / 4);
    for (unsigned j = 0; j < 4 && i + j < end; j++) code_put(&w, code_of(p->x[i + j], p->bits, drawn.w[j]), p->bits);
  }
  code_finish(&w);
}
KERNEL(round_groups, round_args, round_group)

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  const round_args a = {
      .x = x, .words = (uint32_t *)(void *)body, .n = n, .bits = codes_bits(state), .key = call_key(c)};
  round_groups(c->stream, codes_groups(n), a);
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
  const uint32_t most = ((uint32_t)1 << (p->bits - 1)) - 1;
  for (size_t i = g * CODES_GROUP; i < end; i++) {
    const uint32_t code = code_take(&r, p->bits);
    const float z = (float)(code & most);
    p->y[i] += p->a * (code > most ? -z : z);
  }
}
KERNEL(add_groups, add_args, add_group)

static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  const add_args add = {
      .words = (const uint32_t *)(const void *)body, .y = y, .n = n, .a = a, .bits = codes_bits(state)};
  add_groups(c->stream, codes_groups(n), add);
}

MODULE(compressor, integers) = {
    .name = "integers",
    .paper = "Mishchenko et al., ICLR 2022: Equation 2",
    .version = "1",
    .params = params,
    .traits = QUANTIZER | RANDOMIZED,
    .create = create,
    .destroy = codes_destroy,
    .factor = factor,
    .theory_bits = codes_theory_bits,
    .body_bytes = codes_body_bytes,
    .padding_bits = codes_padding_bits,
    .encode = encode,
    .decode_add = decode_add,
};
