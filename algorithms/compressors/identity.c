/* identity: sends the vector as it is.
 *
 * Wire: n fp32 values, 32 n bits. C(x) = x: omega = 0, delta = 1. NaN and infinities arrive as they were sent.
 * The baseline that every compressed method is compared with, through the same code. */
#include "algorithms/compressor.h"

static const param params[] = {PARAM_END};

static enum status create(const compressor_env *env, const args *a, void **state) {
  (void)env, (void)a;
  *state = NULL;
  return STATUS_OK;
}

static void destroy(void *state) { (void)state; }

static double factor(const void *state, enum factor_kind kind, size_t n) {
  (void)state, (void)n;
  return kind == FACTOR_OMEGA ? 0 : 1;
}

static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)state, (void)convention;
  return 32.0 * (double)n;
}

static size_t body_bytes(const void *state, size_t n) {
  (void)state;
  return n * sizeof(float);
}

static unsigned padding_bits(const void *state, size_t n) {
  (void)state, (void)n;
  return 0;
}

static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  (void)state;
  stream_copy(c->stream, body, x, n * sizeof *x);
}

static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  (void)state;
  vec_axpy(c->stream, a, (const float *)(const void *)body, y, n);
}

MODULE(compressor, identity) = {
    .name = "identity",
    .paper = "none: the dense baseline",
    .version = "1",
    .params = params,
    .traits = UNBIASED | CONTRACTIVE | EXACT,
    .create = create,
    .destroy = destroy,
    .factor = factor,
    .theory_bits = theory_bits,
    .body_bytes = body_bytes,
    .padding_bits = padding_bits,
    .encode = encode,
    .decode_add = decode_add,
};
