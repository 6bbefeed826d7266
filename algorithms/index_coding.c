/* Wire form of indices. In the packed form index j takes bits [j w, (j + 1) w) of the image, w = ceil(log2 n), bit b
 * being bit b mod 32 of word b / 32; what is left of the last word is zero. */
#include "algorithms/index_coding.h"

#include "core/kernel.h"

unsigned index_width(enum index_coding coding, size_t n) {
  if (coding == INDEX_RAW32) return 32;
  unsigned width = 0;
  while (width < 32 && ((uint64_t)1 << width) < n) width++;
  return width;
}

size_t index_bytes(enum index_coding coding, size_t n, size_t count) {
  return (count * index_width(coding, n) + 31) / 32 * 4;
}

/* Faults are rare and many elements may find one at once. */
static HD inline void set_fault(uint32_t *fault, uint32_t bit) {
#ifdef __CUDA_ARCH__
  atomicOr(fault, bit);
#else
  __atomic_fetch_or(fault, bit, __ATOMIC_RELAXED);
#endif
}

typedef struct {
  const uint32_t *index;
  uint32_t *words;
  size_t count;
  unsigned width; /* 1..32 */
} encode_args;

/* Word i collects its bits from every index that has some there, so that no two elements write one word. */
static HD inline void encode_word(const encode_args *p, size_t i) {
  const uint64_t begin = 32 * (uint64_t)i, mask = ((uint64_t)1 << p->width) - 1;
  uint32_t word = 0;
  for (size_t j = (size_t)(begin / p->width); j < p->count && (uint64_t)j * p->width < begin + 32; j++) {
    const uint64_t bit = (uint64_t)j * p->width, value = p->index[j] & mask;
    word |= (uint32_t)(bit >= begin ? value << (bit - begin) : value >> (begin - bit));
  }
  p->words[i] = word;
}
KERNEL(encode_words, encode_args, encode_word)

typedef struct {
  const uint32_t *words;
  uint32_t *index, *fault;
  size_t n;
  unsigned width; /* 0..32 */
} decode_args;

static HD inline uint32_t read_index(const uint32_t *words, unsigned width, size_t j) {
  if (width == 0) return 0;
  const uint64_t bit = (uint64_t)j * width;
  const size_t word = (size_t)(bit / 32);
  const unsigned at = (unsigned)(bit % 32);
  uint64_t bits = words[word];
  if (at + width > 32) bits |= (uint64_t)words[word + 1] << 32; /* only then is there a next word */
  return (uint32_t)(bits >> at & (((uint64_t)1 << width) - 1));
}

static HD inline void decode_one(const decode_args *p, size_t j) {
  const uint32_t index = read_index(p->words, p->width, j);
  if (index >= p->n) set_fault(p->fault, FAULT_INDEX_RANGE);
  if (j > 0 && index <= read_index(p->words, p->width, j - 1)) set_fault(p->fault, FAULT_INDEX_ORDER);
  p->index[j] = index;
}
KERNEL(decode_indices, decode_args, decode_one)

typedef struct {
  uint32_t *index, offset;
} shift_args;
static HD inline void shift_one(const shift_args *p, size_t j) { p->index[j] += p->offset; }
KERNEL(shift_indices, shift_args, shift_one)

typedef struct {
  uint32_t *words, values[INDEX_MAX_WORDS];
} put_args;
static HD inline void put_one(const put_args *p, size_t j) { p->words[j] = p->values[j]; }
KERNEL(put_words, put_args, put_one)

typedef struct {
  const uint32_t *words;
  uint32_t *fault, values[INDEX_MAX_WORDS];
} expect_args;
static HD inline void expect_one(const expect_args *p, size_t j) {
  if (p->words[j] != p->values[j]) set_fault(p->fault, FAULT_VALUE);
}
KERNEL(expect_words, expect_args, expect_one)

static void encode(stream *s, enum index_coding coding, size_t n, const uint32_t *index, size_t count,
                   uint32_t *words) {
  const encode_args a = {.index = index, .words = words, .count = count, .width = index_width(coding, n)};
  encode_words(s, index_bytes(coding, n, count) / 4, a);
}

static void decode(stream *s, enum index_coding coding, size_t n, const uint32_t *words, size_t count,
                   uint32_t *index) {
  const decode_args a = {.words = words, .index = index, .fault = s->fault, .n = n, .width = index_width(coding, n)};
  decode_indices(s, count, a);
}

static void shift(stream *s, uint32_t *index, size_t count, uint32_t offset) {
  const shift_args a = {.index = index, .offset = offset};
  if (offset != 0) shift_indices(s, count, a);
}

static void put(stream *s, uint32_t *words, const uint32_t *values, size_t n) {
  put_args a = {.words = words, .values = {0}};
  for (size_t j = 0; j < n; j++) a.values[j] = values[j];
  put_words(s, n, a);
}

static void expect(stream *s, const uint32_t *words, const uint32_t *values, size_t n) {
  expect_args a = {.words = words, .fault = s->fault, .values = {0}};
  for (size_t j = 0; j < n; j++) a.values[j] = values[j];
  expect_words(s, n, a);
}

const index_ops index_table = {
    .encode = encode,
    .decode = decode,
    .shift = shift,
    .put = put,
    .expect = expect,
};
