#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/index_coding.h"
#include "core/rng.h"

TestSuite(index_coding, .timeout = 60);

/* One device with room for `count` indices and their image. */
typedef struct bench {
  device *device;
  stream *stream;
  const index_ops *ops;
  uint32_t *index, *words; /* device */
} bench;

static void open_bench(enum device_kind kind, size_t n_words, bench *b) {
  void *index, *words;
  cr_assert_eq(device_open(kind, &b->device), STATUS_OK);
  cr_assert_eq(stream_open(b->device, &b->stream), STATUS_OK);
  cr_assert_eq(device_alloc(b->device, n_words * 4, &index), STATUS_OK);
  cr_assert_eq(device_alloc(b->device, n_words * 4, &words), STATUS_OK);
  b->index = index;
  b->words = words;
  b->ops = indices_of(b->device);
}

static void close_bench(bench *b) {
  stream_close(b->stream);
  device_release(b->device, b->index);
  device_release(b->device, b->words);
  device_close(b->device);
}

/* Copies host words to the device, or back; waits and gives what the device found. */
static enum status move(bench *b, void *to, const void *from, size_t n_words) {
  stream_copy(b->stream, to, from, n_words * 4);
  return stream_synchronize(b->stream);
}

/* `count` ascending distinct numbers below n: a stride with a random offset in each. */
static void draw_indices(uint64_t seed, size_t n, size_t count, uint32_t *index) {
  const rng_key key = rng_stream(seed, RNG_TEST, -1, 0);
  for (size_t j = 0; j < count; j++) {
    const uint64_t begin = (uint64_t)n * j / count, end = (uint64_t)n * (j + 1) / count;
    index[j] = (uint32_t)(begin + rng_draw(key, j).w[0] % (end - begin));
  }
}

/* The packed image, bit by bit. */
static void pack_slowly(const uint32_t *index, size_t count, unsigned width, uint32_t *words) {
  for (size_t j = 0; j < count; j++)
    for (unsigned bit = 0; bit < width; bit++) {
      const size_t at = j * width + bit;
      words[at / 32] |= (index[j] >> bit & 1) << at % 32;
    }
}

Test(index_coding, widths_and_sizes) {
  static const struct {
    size_t n;
    unsigned width;
  } packed[] = {{0, 0},          {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {1024, 10}, {1025, 11}, {(size_t)1 << 31, 31},
                {UINT32_MAX, 32}};
  for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
    cr_expect_eq(index_width(INDEX_PACKED, packed[i].n), packed[i].width, "n = %zu", packed[i].n);
    cr_expect_eq(index_width(INDEX_RAW32, packed[i].n), 32);
  }
  cr_expect_eq(index_bytes(INDEX_RAW32, 100, 3), 12);
  cr_expect_eq(index_bytes(INDEX_PACKED, 100, 4), 4); /* 28 bits */
  cr_expect_eq(index_bytes(INDEX_PACKED, 100, 5), 8); /* 35 bits */
  cr_expect_eq(index_bytes(INDEX_PACKED, 1, 1), 0);
  cr_expect_eq(index_bytes(INDEX_PACKED, 100, 0), 0);
}

static void round_trip(enum device_kind kind, enum index_coding coding, size_t n, size_t count) {
  const size_t n_words = index_bytes(coding, n, count) / 4;
  uint32_t *index = calloc(count + 1, 4), *back = calloc(count + 1, 4), *wanted = calloc(count + 2, 4);
  uint32_t *words = calloc(count + 2, 4);
  bench b;
  open_bench(kind, count + 2, &b);
  draw_indices(n + count, n, count, index);
  pack_slowly(index, count, index_width(coding, n), wanted);
  cr_assert_eq(move(&b, b.index, index, count), STATUS_OK);
  memset(words, 0xff, (count + 2) * 4); /* what was there before must not show */
  cr_assert_eq(move(&b, b.words, words, count + 2), STATUS_OK);
  b.ops->encode(b.stream, coding, n, b.index, count, b.words);
  cr_assert_eq(move(&b, words, b.words, count + 2), STATUS_OK);
  cr_expect_eq(memcmp(words, wanted, n_words * 4), 0, "coding %d, %zu of %zu", coding, count, n);
  cr_expect_eq(words[n_words], UINT32_MAX, "writes beyond its words");
  b.ops->shift(b.stream, b.index, count, 12345);
  b.ops->decode(b.stream, coding, n, b.words, count, b.index);
  cr_expect_eq(move(&b, back, b.index, count), STATUS_OK, "%s", status_detail());
  cr_expect_eq(memcmp(back, index, count * 4), 0, "coding %d, %zu of %zu", coding, count, n);
  close_bench(&b);
  free(index), free(back), free(wanted), free(words);
}

Test(index_coding, what_goes_in_comes_out) {
  static const size_t sizes[] = {1, 2, 3, 31, 32, 33, 100, 4097, 65536, 269722, (size_t)1 << 31, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int coding = INDEX_RAW32; coding <= INDEX_PACKED; coding++) {
      const size_t n = sizes[i], most = n < 2000 ? n : 2000, counts[] = {0, 1, most / 3, most};
      for (size_t j = 0; j < 4; j++) {
        round_trip(DEVICE_CPU, coding, n, counts[j]);
        if (j >= 2) round_trip(DEVICE_SHADOW, coding, n, counts[j]);
      }
    }
}

/* Decodes `index` as they were sent by a peer that may lie. */
static enum status decode_hostile(enum device_kind kind, enum index_coding coding, size_t n, const uint32_t *index,
                                  size_t count) {
  uint32_t words[16] = {0}, back[16];
  bench b;
  open_bench(kind, 16, &b);
  pack_slowly(index, count, index_width(coding, n), words);
  cr_assert_eq(move(&b, b.words, words, 16), STATUS_OK);
  b.ops->decode(b.stream, coding, n, b.words, count, b.index);
  const enum status found = stream_synchronize(b.stream);
  cr_assert_eq(move(&b, back, b.index, count), STATUS_OK, "the fault is cleared");
  cr_expect_eq(memcmp(back, index, count * 4), 0, "stored all the same");
  close_bench(&b);
  return found;
}

Test(index_coding, hostile_indices_set_the_fault) {
  static const struct {
    uint32_t index[4];
    enum status found;
  } lists[] = {{{0, 1, 2, 99}, STATUS_OK},           {{1, 0, 2, 99}, STATUS_BAD_MESSAGE},
               {{1, 1, 2, 99}, STATUS_BAD_MESSAGE},  {{0, 1, 2, 100}, STATUS_BAD_MESSAGE},
               {{0, 1, 2, 127}, STATUS_BAD_MESSAGE}, {{127, 126, 3, 0}, STATUS_BAD_MESSAGE}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++)
      for (int coding = INDEX_RAW32; coding <= INDEX_PACKED; coding++)
        cr_expect_eq(decode_hostile(kind, coding, 100, lists[i].index, 4), lists[i].found, "list %zu", i);
  const uint32_t far[] = {5, UINT32_MAX};
  cr_expect_eq(decode_hostile(DEVICE_CPU, INDEX_RAW32, 100, far, 2), STATUS_BAD_MESSAGE);
}

Test(index_coding, put_expect_and_shift) {
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    uint32_t values[INDEX_MAX_WORDS] = {1, 2, 3, UINT32_MAX}, back[INDEX_MAX_WORDS + 1];
    bench b;
    open_bench(kind, INDEX_MAX_WORDS + 1, &b);
    b.ops->put(b.stream, b.words, values, INDEX_MAX_WORDS);
    b.ops->expect(b.stream, b.words, values, INDEX_MAX_WORDS);
    values[3] = 4; /* the calls have their own copy */
    cr_expect_eq(stream_synchronize(b.stream), STATUS_OK);
    b.ops->expect(b.stream, b.words, values, 3);
    cr_expect_eq(stream_synchronize(b.stream), STATUS_OK);
    b.ops->expect(b.stream, b.words, values, 4);
    cr_expect_eq(stream_synchronize(b.stream), STATUS_BAD_MESSAGE);
    b.ops->shift(b.stream, b.words, INDEX_MAX_WORDS, 10);
    cr_assert_eq(move(&b, back, b.words, INDEX_MAX_WORDS + 1), STATUS_OK);
    const uint32_t wanted[] = {11, 12, 13, 9, 0};
    cr_expect_eq(memcmp(back, wanted, sizeof wanted), 0);
    close_bench(&b);
  }
}
