/* Wire form of indices. In the packed form index j takes bits [j w, (j + 1) w) of the image, w = ceil(log2 n), bit b
 * being bit b mod 32 of word b / 32; what is left of the last word is zero. */
#include "algorithms/index_coding.h"

#include "algorithms/index_internal.h"
#include "core/kernel.h"

unsigned index_width(enum index_coding coding, size_t n) {
  if (coding == INDEX_RAW32) return 32;
  unsigned width = 0;
  while (width < 32 && ((uint64_t)1 << width) < n) width++;
  return width;
}

size_t index_bytes(enum index_coding coding, size_t n, size_t count) {
  if (coding == INDEX_DELTA) return (gaps_most_bits(n, count) + 31) / 32 * 4;
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

/* How many there are: `most`, or fewer where the device has the count. */
static HD inline size_t live_count(const uint32_t *live, size_t most) { return live && *live < most ? *live : most; }

typedef struct {
  const uint32_t *index, *live;
  uint32_t *words;
  size_t most;
  unsigned width; /* 1..32 */
} encode_args;

/* Word i collects its bits from every index that has some there, so that no two elements write one word. */
static HD inline void encode_word(const encode_args *p, size_t i) {
  const uint64_t begin = 32 * (uint64_t)i, mask = ((uint64_t)1 << p->width) - 1;
  const size_t count = live_count(p->live, p->most);
  uint32_t word = 0;
  if (begin >= (uint64_t)count * p->width) return;
  for (size_t j = (size_t)(begin / p->width); j < count && (uint64_t)j * p->width < begin + 32; j++) {
    const uint64_t bit = (uint64_t)j * p->width, value = p->index[j] & mask;
    word |= (uint32_t)(bit >= begin ? value << (bit - begin) : value >> (begin - bit));
  }
  p->words[i] = word;
}
KERNEL(encode_words, encode_args, encode_word)

typedef struct {
  const uint32_t *words, *live;
  uint32_t *index, *fault;
  size_t n, most;
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
  if (j >= live_count(p->live, p->most)) return;
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
  const encode_args a = {.index = index, .words = words, .most = count, .width = index_width(coding, n)};
  encode_words(s, index_bytes(coding, n, count) / 4, a);
}

static void decode(stream *s, enum index_coding coding, size_t n, const uint32_t *words, size_t count,
                   uint32_t *index) {
  const decode_args a = {
      .words = words, .index = index, .fault = s->fault, .n = n, .most = count, .width = index_width(coding, n)};
  decode_indices(s, count, a);
}

typedef struct {
  const uint32_t *live;
  part_place *place;
  size_t most;
  unsigned width;
} size_args;
static HD inline void put_size(const size_args *p, size_t i) {
  const uint64_t bits = (uint64_t)live_count(p->live, p->most) * p->width;
  p->place[i].index_words = (uint32_t)((bits + 31) / 32);
  p->place[i].padding_bits = (uint32_t)((32 - bits % 32) % 32);
}
KERNEL(put_sizes, size_args, put_size)

static void encode_counted(stream *s, enum index_coding coding, size_t n, const sparse *in, uint32_t *words,
                           part_place *place) {
  if (coding == INDEX_DELTA) {
    gaps_encode(s, n, in, words, place);
    return;
  }
  const unsigned width = index_width(coding, n);
  const encode_args a = {.index = in->index, .live = in->count, .words = words, .most = in->capacity, .width = width};
  const size_args size = {.live = in->count, .place = place, .most = in->capacity, .width = width};
  encode_words(s, index_bytes(coding, n, in->capacity) / 4, a);
  put_sizes(s, 1, size);
}

typedef struct {
  const uint32_t *live;
  const part_place *place;
  uint32_t *fault;
  size_t most;
  unsigned width;
} check_args;
static HD inline void check_size(const check_args *p, size_t i) {
  const uint64_t bits = (uint64_t)live_count(p->live, p->most) * p->width;
  if (p->place[i].index_words == (bits + 31) / 32) return;
  kernel_fault(p->fault, FAULT_VALUE);
}
KERNEL(check_sizes, check_args, check_size)

static void decode_counted(stream *s, enum index_coding coding, size_t n, const uint32_t *words,
                           const part_place *place, sparse *out) {
  if (coding == INDEX_DELTA) {
    gaps_decode(s, n, words, place, out);
    return;
  }
  const unsigned width = index_width(coding, n);
  const check_args check = {
      .live = out->count, .place = place, .fault = s->fault, .most = out->capacity, .width = width};
  const decode_args a = {.words = words,
                         .live = out->count,
                         .index = out->index,
                         .fault = s->fault,
                         .n = n,
                         .most = out->capacity,
                         .width = width};
  check_sizes(s, 1, check);
  decode_indices(s, out->capacity, a);
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
    .encode_counted = encode_counted,
    .decode_counted = decode_counted,
    .lay = parts_lay,
    .find = parts_find,
    .move = parts_move,
    .add_count = parts_add_count,
};
