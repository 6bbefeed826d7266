/* Indices as the gaps between them, each gap in a Golomb-Rice code (Golomb, IEEE Transactions on Information Theory 12,
 * 1966; Rice, JPL Publication 79-22, 1979).
 *
 * The gap before index i_j is g_j = i_j - i_(j-1) - 1, with i_(-1) = -1. Its code is floor(g / 2^r) ones and a zero,
 * then the low r bits of g, the lowest bit first. Of indices drawn at random gaps are close to geometric with mean n /
 * k, and the best r is the one with 2^r about ln 2 n / k (Gallager and van Voorhis, IEEE Transactions on Information
 * Theory 21, 1975): here r = floor(log2(max(1, floor(355 n / 512) / k))) in whole numbers, so that both ends and all
 * devices agree; it is not sent. k indices take at most k (r + 1) + (n - k) / 2^r bits, since the gaps add up to n - k
 * at the most.
 *
 * Codes are written and read one after the other, on CUDA by a single thread. */
#include "algorithms/index_internal.h"
#include "core/kernel.h"

static HD inline unsigned rice_parameter(size_t n, size_t count) {
  uint64_t mean = count > 0 ? (uint64_t)n * 355 / 512 / count : 0;
  unsigned r = 0;
  for (; mean > 1; mean >>= 1) r++;
  return r;
}

/* The bound grows with k while r stays as it is: the worst k of every r is the largest that has it. */
uint64_t gaps_most_bits(size_t n, size_t most) {
  uint64_t bits = 0;
  for (unsigned r = 0; r < 32; r++) {
    uint64_t k = r == 0 ? n : (uint64_t)n * 355 / 512 >> r;
    if (k > most) k = most;
    if (k == 0 || rice_parameter(n, k) != r) continue;
    const uint64_t worst = k * (r + 1) + ((n - k) >> r);
    if (worst > bits) bits = worst;
  }
  return bits;
}

typedef struct writer {
  uint32_t *to;
  uint64_t bits;
  unsigned n_bits; /* below 32 */
} writer;

/* The lowest n <= 32 bits of value; those above are zero. */
static HD inline void put_bits(writer *w, uint32_t value, unsigned n) {
  w->bits |= (uint64_t)value << w->n_bits;
  w->n_bits += n;
  if (w->n_bits < 32) return;
  *w->to++ = (uint32_t)w->bits;
  w->bits >>= 32;
  w->n_bits -= 32;
}

typedef struct {
  sparse in;
  uint32_t *words, *fault;
  part_place *place;
  size_t n;
} encode_args;

static HD inline void encode_all(const encode_args *p, size_t i) {
  const size_t count = *p->in.count < p->in.capacity ? *p->in.count : p->in.capacity;
  const unsigned r = rice_parameter(p->n, count);
  writer w = {p->words, 0, 0};
  uint64_t next = 0; /* the lowest index that may come */
  for (size_t j = 0; j < count; j++) {
    const uint32_t index = p->in.index[j];
    if (index < next || index >= p->n) { /* whoever has sent them gets a fault; the words are not overrun */
      kernel_fault(p->fault, FAULT_INDEX_ORDER);
      break;
    }
    const uint32_t gap = (uint32_t)(index - next);
    uint32_t ones = gap >> r;
    for (; ones >= 32; ones -= 32) put_bits(&w, UINT32_MAX, 32);
    put_bits(&w, (uint32_t)(((uint64_t)1 << ones) - 1), ones + 1);
    put_bits(&w, gap & (uint32_t)(((uint64_t)1 << r) - 1), r);
    next = (uint64_t)index + 1;
  }
  p->place[i].padding_bits = (32 - w.n_bits) % 32;
  if (w.n_bits > 0) *w.to++ = (uint32_t)w.bits;
  p->place[i].index_words = (uint32_t)(w.to - p->words);
}
KERNEL(encode_gaps, encode_args, encode_all)

void gaps_encode(stream *s, size_t n, const sparse *in, uint32_t *words, part_place *place) {
  const encode_args a = {.in = *in, .words = words, .fault = s->fault, .place = place, .n = n};
  encode_gaps(s, 1, a);
}

typedef struct reader {
  const uint32_t *from;
  size_t left; /* words */
  uint64_t bits;
  unsigned n_bits;
} reader;

/* Whether there are n <= 32 more bits; then they are the lowest of r->bits. */
static HD inline bool have_bits(reader *r, unsigned n) {
  if (r->n_bits >= n) return true;
  if (r->left == 0) return false;
  r->bits |= (uint64_t)*r->from++ << r->n_bits;
  r->n_bits += 32;
  r->left--;
  return true;
}

static HD inline uint32_t take_bits(reader *r, unsigned n) {
  const uint32_t value = (uint32_t)(r->bits & (((uint64_t)1 << n) - 1));
  r->bits >>= n;
  r->n_bits -= n;
  return value;
}

/* One gap of at most `limit`; false where there is none. */
static HD inline bool read_gap(reader *r, unsigned parameter, uint64_t limit, uint64_t *gap) {
  uint64_t ones = 0;
  for (;;) {
    if (!have_bits(r, 1)) return false;
    if (take_bits(r, 1) == 0) break;
    if (++ones > limit >> parameter) return false;
  }
  if (!have_bits(r, parameter)) return false;
  *gap = ones << parameter | take_bits(r, parameter);
  return *gap <= limit;
}

typedef struct {
  const uint32_t *words;
  const part_place *place;
  sparse out;
  uint32_t *fault;
  size_t n;
} decode_args;

static HD inline void decode_all(const decode_args *p, size_t i) {
  const size_t count = *p->out.count < p->out.capacity ? *p->out.count : p->out.capacity;
  const unsigned parameter = rice_parameter(p->n, count);
  reader r = {p->words, p->place[i].index_words, 0, 0};
  uint64_t next = 0, gap = 0;
  for (size_t j = 0; j < count; j++) {
    if (next >= p->n || !read_gap(&r, parameter, p->n - 1 - next, &gap)) {
      kernel_fault(p->fault, FAULT_INDEX_RANGE);
      *p->out.count = (uint32_t)j;
      return;
    }
    p->out.index[j] = (uint32_t)(next + gap);
    next += gap + 1;
  }
  if (r.left > 0 || r.bits != 0) kernel_fault(p->fault, FAULT_VALUE);
}
KERNEL(decode_gaps, decode_args, decode_all)

void gaps_decode(stream *s, size_t n, const uint32_t *words, const part_place *place, sparse *out) {
  const decode_args a = {.words = words, .place = place, .out = *out, .fault = s->fault, .n = n};
  decode_gaps(s, 1, a);
}
