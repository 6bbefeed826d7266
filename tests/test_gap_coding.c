#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/index_coding.h"
#include "core/rng.h"

TestSuite(gap_coding, .timeout = 60);

/* One device with room for `count` indices, their words, and the part's place. */
typedef struct bench {
  device *device;
  stream *stream;
  const index_ops *ops;
  sparse entries;
  uint32_t *words; /* device */
  part_place *place;
} bench;

static void open_bench(enum device_kind kind, size_t count, size_t n_words, bench *b) {
  void *words, *place;
  cr_assert_eq(device_open(kind, &b->device), STATUS_OK);
  cr_assert_eq(stream_open(b->device, &b->stream), STATUS_OK);
  cr_assert_eq(sparse_alloc(b->device, count, &b->entries), STATUS_OK);
  cr_assert_eq(device_alloc(b->device, n_words * 4, &words), STATUS_OK);
  cr_assert_eq(device_alloc(b->device, sizeof *b->place, &place), STATUS_OK);
  b->words = words;
  b->place = place;
  b->ops = indices_of(b->device);
}

static void close_bench(bench *b) {
  sparse_release(b->device, &b->entries);
  device_release(b->device, b->words);
  device_release(b->device, b->place);
  stream_close(b->stream);
  device_close(b->device);
}

static enum status move(bench *b, void *to, const void *from, size_t n_bytes) {
  stream_copy(b->stream, to, from, n_bytes);
  return stream_synchronize(b->stream);
}

/* The code, bit by bit, from its definition. Gives the number of bits; words must be zero. */
static size_t code_slowly(size_t n, const uint32_t *index, size_t count, uint32_t *words) {
  size_t at = 0;
  unsigned r = 0;
  while (count > 0 && n * 355 / 512 / count >= (uint64_t)2 << r) r++;
  for (size_t j = 0; j < count; j++) {
    const uint32_t gap = j == 0 ? index[0] : index[j] - index[j - 1] - 1;
    for (uint32_t ones = gap >> r; ones > 0; ones--, at++) words[at / 32] |= 1u << at % 32;
    at++;
    for (unsigned bit = 0; bit < r; bit++, at++) words[at / 32] |= (gap >> bit & 1) << at % 32;
  }
  return at;
}

enum spread { SPREAD_RANDOM, SPREAD_FRONT, SPREAD_BACK, SPREAD_ENDS, N_SPREADS };

/* `count` ascending indices below n; of the random ones every subset is alike (selection sampling). */
static void spread(enum spread how, size_t n, size_t count, uint32_t *index) {
  const rng_key key = rng_stream(n + count, RNG_TEST, -1, 0);
  size_t taken = 0;
  for (size_t i = 0; how == SPREAD_RANDOM && taken < count; i++)
    if ((double)rng_uniform_at(key, i) * (double)(n - i) < (double)(count - taken)) index[taken++] = (uint32_t)i;
  for (size_t j = 0; how != SPREAD_RANDOM && j < count; j++) {
    const bool at_the_end = how == SPREAD_BACK || (how == SPREAD_ENDS && j >= count / 2);
    index[j] = (uint32_t)(at_the_end ? n - count + j : j);
  }
}

/* Codes and decodes; gives the bits it took. */
static size_t round_trip(enum device_kind kind, enum spread how, size_t n, size_t count) {
  const size_t n_words = index_bytes(INDEX_DELTA, n, count) / 4;
  uint32_t *index = calloc(count + 1, 4), *back = calloc(count + 1, 4), most = (uint32_t)count;
  uint32_t *words = calloc(n_words + 1, 4), *wanted = calloc(n_words + 1, 4);
  part_place place;
  bench b;
  open_bench(kind, count, n_words + 1, &b);
  spread(how, n, count, index);
  cr_assert_eq(move(&b, b.entries.index, index, count * 4), STATUS_OK);
  cr_assert_eq(move(&b, b.entries.count, &most, 4), STATUS_OK);
  memset(words, 0xff, (n_words + 1) * 4);
  cr_assert_eq(move(&b, b.words, words, (n_words + 1) * 4), STATUS_OK);
  b.ops->encode_counted(b.stream, INDEX_DELTA, n, &b.entries, b.words, b.place);
  cr_assert_eq(move(&b, &place, b.place, sizeof place), STATUS_OK);
  cr_assert_leq(place.index_words, n_words, "%zu of %zu take more than the bound", count, n);
  const size_t bits = 32 * (size_t)place.index_words - place.padding_bits;
  cr_expect_eq(bits, code_slowly(n, index, count, wanted), "%zu of %zu, spread %d", count, n, how);
  cr_assert_eq(move(&b, words, b.words, (n_words + 1) * 4), STATUS_OK);
  cr_expect_eq(memcmp(words, wanted, place.index_words * 4), 0, "%zu of %zu, spread %d", count, n, how);
  cr_expect_eq(words[n_words], UINT32_MAX, "writes beyond its bound");
  b.ops->shift(b.stream, b.entries.index, count, 7);
  b.ops->decode_counted(b.stream, INDEX_DELTA, n, b.words, b.place, &b.entries);
  cr_expect_eq(move(&b, back, b.entries.index, count * 4), STATUS_OK, "%s", status_detail());
  cr_expect_eq(memcmp(back, index, count * 4), 0, "%zu of %zu, spread %d", count, n, how);
  close_bench(&b);
  free(index), free(back), free(words), free(wanted);
  return bits;
}

Test(gap_coding, what_goes_in_comes_out) {
  static const size_t sizes[] = {0, 1, 2, 3, 31, 33, 100, 4097, 65536, ((size_t)1 << 24) + 100, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int how = 0; how < N_SPREADS; how++) {
      const size_t n = sizes[i], most = n < 5000 ? n : 1000, counts[] = {0, most > 0, most / 3, most / 2, most};
      if (n > 100000 && how == SPREAD_RANDOM) continue; /* drawing them takes longer than all others together */
      for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
        round_trip(DEVICE_CPU, (enum spread)how, n, counts[j]);
        if (i % 3 == 0) round_trip(DEVICE_SHADOW, (enum spread)how, n, counts[j]);
      }
    }
}

/* Random subsets: log2 C(n, k) bits is the least there can be; the code stays within 4% and one bit of it. */
Test(gap_coding, random_gaps_take_little_more_than_their_entropy) {
  static const size_t counts[] = {1, 10, 100, 1000, 5000, 20000, 33333};
  const size_t n = 100000;
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    const double k = (double)counts[i], d = (double)n;
    const double least = (lgamma(d + 1) - lgamma(k + 1) - lgamma(d - k + 1)) / log(2.0);
    const double bits = (double)round_trip(DEVICE_CPU, SPREAD_RANDOM, n, counts[i]);
    /* what these indices took against the mean over all: gaps of deviation n / k, a bit of it for every 2^r */
    const double noise = 5 * 2 * sqrt(k);
    cr_expect(bits <= 1.04 * least + 2 * log2(k + 1) + noise, "%zu: %g bits, entropy %g", counts[i], bits, least);
    if (counts[i] >= 1000) cr_expect(bits >= least - noise, "%zu: %g bits, entropy %g", counts[i], bits, least);
  }
}

/* Decodes `count` indices below n from words a peer may have made up. */
static enum status decode_hostile(size_t n, uint32_t count, const uint32_t *words, uint32_t n_words, uint32_t *left) {
  const part_place place = {.index_words = n_words};
  bench b;
  open_bench(DEVICE_SHADOW, count, 8, &b);
  cr_assert_eq(move(&b, b.words, words, n_words * 4), STATUS_OK);
  cr_assert_eq(move(&b, b.entries.count, &count, 4), STATUS_OK);
  cr_assert_eq(move(&b, b.place, &place, sizeof place), STATUS_OK);
  b.ops->decode_counted(b.stream, INDEX_DELTA, n, b.words, b.place, &b.entries);
  const enum status found = stream_synchronize(b.stream);
  cr_assert_eq(move(&b, left, b.entries.count, 4), STATUS_OK);
  close_bench(&b);
  return found;
}

/* n = 8, two indices: 8 * 355 / 512 / 2 = 2, so r = 1, and {0, 1} are four zero bits. */
Test(gap_coding, hostile_codes_set_the_fault) {
  static const struct {
    uint32_t words[2], n_words;
    enum status found;
    uint32_t left;
  } codes[] = {{{0}, 1, STATUS_OK, 2},
               {{7}, 1, STATUS_OK, 2},                   /* gap 6 and, after 6, gap 0 */
               {{15}, 1, STATUS_BAD_MESSAGE, 0},         /* gap 8 of a vector of 8 */
               {{7 | 1 << 5}, 1, STATUS_BAD_MESSAGE, 1}, /* after 6 a gap of 2 */
               {{UINT32_MAX}, 1, STATUS_BAD_MESSAGE, 0}, /* ones without end */
               {{0}, 0, STATUS_BAD_MESSAGE, 0},          /* no words at all */
               {{1 << 4}, 1, STATUS_BAD_MESSAGE, 2},     /* something behind the last code */
               {{0, 0}, 2, STATUS_BAD_MESSAGE, 2}};      /* a word too many */
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    uint32_t left = 99;
    cr_expect_eq(decode_hostile(8, 2, codes[i].words, codes[i].n_words, &left), codes[i].found, "code %zu", i);
    cr_expect_eq(left, codes[i].left, "code %zu leaves %u indices", i, left);
  }
}
