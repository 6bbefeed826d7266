/* Modular codes of whole vectors, in groups of 32 values, which fill `bits` words and have one sum of hashes each. */
#include "algorithms/modulo.h"

#include "algorithms/codes.h"
#include "core/kernel.h"

enum { FOLD = 1024 };

static HD inline uint32_t hash_of(int64_t k, uint64_t i) {
  uint32_t h = (uint32_t)k ^ (uint32_t)((uint64_t)k >> 32) * 0x9e3779b1u;
  h = (h ^ (uint32_t)i * 0x85ebca77u) + (uint32_t)(i >> 32);
  h = (h ^ h >> 16) * 0x7feb352du;
  h = (h ^ h >> 15) * 0x846ca68bu;
  return h ^ h >> 16;
}

typedef struct {
  modulo_grid grid;
  const float *x; /* encoding: the values; decoding: y */
  uint32_t *words;
  const uint32_t *from;
  float *value;
  uint32_t *sums; /* one a group */
  size_t n;
} group_args;

static HD inline void encode_group(const group_args *p, size_t g) {
  const size_t first = g * CODES_GROUP, end = codes_group_end(g, p->n);
  const unsigned bits = p->grid.bits;
  code_writer to = {p->words + g * bits, 0, 0};
  uint32_t sum = 0;
  for (size_t i = first; i < end; i += 4) {
    const rng_words drawn = rng_draw(p->grid.dither, i / 4);
    for (unsigned j = 0; j < 4 && i + j < end; j++) {
      const int64_t k = modulo_integer(p->grid.step, modulo_dither(p->grid.step, drawn.w[j]), p->x[i + j]);
      sum += hash_of(k, i + j);
      code_put(&to, modulo_code(k, bits), bits);
    }
  }
  code_finish(&to);
  p->sums[g] = sum;
}
KERNEL(encode_groups, group_args, encode_group)

static HD inline void decode_group(const group_args *p, size_t g) {
  const size_t first = g * CODES_GROUP, end = codes_group_end(g, p->n);
  const unsigned bits = p->grid.bits;
  code_reader from = {p->from + g * bits, 0, 0};
  uint32_t sum = 0;
  for (size_t i = first; i < end; i += 4) {
    const rng_words drawn = rng_draw(p->grid.dither, i / 4);
    for (unsigned j = 0; j < 4 && i + j < end; j++) {
      const double theta = modulo_dither(p->grid.step, drawn.w[j]);
      const int64_t k = modulo_nearest(p->grid.step, theta, bits, code_take(&from, bits), p->x[i + j]);
      sum += hash_of(k, i + j);
      p->value[i + j] = modulo_value(p->grid.step, theta, k);
    }
  }
  p->sums[g] = sum;
}
KERNEL(decode_groups, group_args, decode_group)

typedef struct {
  const uint32_t *from;
  uint32_t *to;
  size_t n;
} fold_args;

static HD inline void fold_one(const fold_args *p, size_t j) {
  const size_t first = j * FOLD, end = first + FOLD < p->n ? first + FOLD : p->n;
  uint32_t sum = 0;
  for (size_t i = first; i < end; i++) sum += p->from[i];
  p->to[j] = sum;
}
KERNEL(fold_all, fold_args, fold_one)

static size_t parts_of(size_t n, size_t part) { return (n + part - 1) / part; }

/* *out = the sum of n words, which lie at the start of the scratch. */
static void fold(stream *s, uint32_t *scratch, size_t n, uint32_t *out) {
  for (;;) {
    const size_t left = parts_of(n, FOLD);
    const fold_args given = {scratch, left > 1 ? scratch + n : out, n};
    fold_all(s, left > 0 ? left : 1, given);
    if (left <= 1) return;
    scratch += n;
    n = left;
  }
}

size_t modulo_scratch_words(size_t n) {
  size_t total = 1;
  for (size_t left = codes_groups(n); left > 1; left = parts_of(left, FOLD)) total += left;
  return total;
}

static void encode(stream *s, const modulo_grid *grid, const float *x, size_t n, uint32_t *words, uint32_t *checksum,
                   uint32_t *scratch) {
  const group_args given = {*grid, x, words, NULL, NULL, scratch, n};
  encode_groups(s, codes_groups(n), given);
  fold(s, scratch, codes_groups(n), checksum);
}

static void decode(stream *s, const modulo_grid *grid, const uint32_t *words, const float *y, size_t n, float *value,
                   uint32_t *checksum, uint32_t *scratch) {
  const group_args given = {*grid, y, NULL, words, value, scratch, n};
  decode_groups(s, codes_groups(n), given);
  fold(s, scratch, codes_groups(n), checksum);
}

const modulo_ops modulo_table = {.encode = encode, .decode = decode, .rotate = rotate_issue};
