/* Exact selection of the largest magnitudes, and compaction by a threshold.
 *
 * Radix selection on the bits of |x|: three passes over digits of 11, 11 and 9 bits, from the top, find the k-th
 * largest magnitude; one more pass takes what lies above it and, of what equals it, the lowest indices. */
#include "core/kernel.h"
#include "core/vec_internal.h"

enum { PASSES = 3 };

/* Bits below the digit of a pass, and the digit's width. */
HD static inline unsigned digit_shift(int pass) { return pass == 0 ? 20 : pass == 1 ? 9 : 0; }
HD static inline uint32_t digit_mask(int pass) { return pass == 2 ? 511 : 2047; }

/* What is taken: magnitudes above `bar`, and the first `ties` of those that equal it. */
typedef struct cut {
  uint32_t bar, ties;
} cut;

/* The elements to choose from (the entries of a sparse vector, or n floats) and where the choice goes. */
typedef struct select_args {
  const float *x;
  const uint32_t *index; /* of element i; NULL: i */
  const uint32_t *count; /* how many elements there are, at most n; NULL: n */
  size_t n, k;
  cut given; /* used, where k is not searched for */
  bool search;
  sparse out;
  uint32_t *tables; /* DIGIT_TABLES * DIGIT_BINS counters, then (CUDA) the cut, then the blocks' counts */
} select_args;

HD static inline size_t select_length(const select_args *p) { return p->count ? sparse_length(p->count, p->n) : p->n; }

#ifdef __CUDACC__

#include "core/cuda_scan.h"

/* Found so far: the top digits of the k-th largest magnitude, and its rank among those that share them. */
__device__ static cut *found_cut(const select_args *p) { return (cut *)(p->tables + DIGIT_TABLES * DIGIT_BINS); }

__global__ static void select_begin(select_args p) {
  for (unsigned i = threadIdx.x; i < DIGIT_BINS; i += blockDim.x) p.tables[i] = 0;
  if (threadIdx.x != 0) return;
  const size_t n = select_length(&p);
  const cut start = {0, (uint32_t)(p.k < n ? p.k : n)};
  *found_cut(&p) = p.search ? start : p.given;
}

__global__ static void select_histogram(select_args p, int pass) {
  __shared__ uint32_t table[DIGIT_BINS];
  for (unsigned i = threadIdx.x; i < DIGIT_BINS; i += blockDim.x) table[i] = 0;
  __syncthreads();
  const unsigned shift = digit_shift(pass), above = pass == 0 ? 31 : digit_shift(pass - 1);
  const uint32_t prefix = found_cut(&p)->bar >> above;
  const size_t n = select_length(&p), stride = (size_t)gridDim.x * blockDim.x;
  for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
    const uint32_t bits = magnitude_bits(p.x[i]);
    if (bits >> above == prefix) atomicAdd(&table[bits >> shift & digit_mask(pass)], 1u);
  }
  __syncthreads();
  for (unsigned i = threadIdx.x; i < DIGIT_BINS; i += blockDim.x)
    if (table[i]) atomicAdd(&p.tables[i], table[i]);
}

/* One block of 256 threads: the digit that holds the rank; clears the table for the next pass. */
__global__ static void select_digit(select_args p, int pass) {
  enum { GROUP = DIGIT_BINS / 256 };
  __shared__ uint32_t group[256];
  uint32_t sum = 0;
  for (unsigned j = 0; j < GROUP; j++) sum += p.tables[threadIdx.x * GROUP + j];
  group[threadIdx.x] = sum;
  __syncthreads();
  cut *found = found_cut(&p);
  if (threadIdx.x == 0 && found->ties > 0) {
    uint32_t rank = found->ties;
    unsigned g = 255;
    while (group[g] < rank) rank -= group[g--];
    unsigned digit = g * GROUP + GROUP - 1;
    while (p.tables[digit] < rank) rank -= p.tables[digit--];
    found->bar |= (uint32_t)digit << digit_shift(pass);
    found->ties = rank;
  } else if (threadIdx.x == 0) {
    found->bar = 0x7fffffffu; /* nothing is asked for, and nothing lies above this */
  }
  __syncthreads();
  for (unsigned j = 0; j < GROUP; j++) p.tables[threadIdx.x * GROUP + j] = 0;
}

/* Counts in the upper half what lies above the bar, in the lower half what equals it. */
struct take_op {
  select_args p;
  __device__ size_t length() const { return select_length(&p); }
  __device__ uint64_t count(size_t i) const {
    const uint32_t bits = magnitude_bits(p.x[i]), bar = found_cut(&p)->bar;
    return bits > bar ? 1ull << 32 : bits == bar ? 1 : 0;
  }
  __device__ static size_t taken(uint64_t before, uint32_t ties) {
    const uint32_t equal = (uint32_t)before;
    return (size_t)(before >> 32) + (equal < ties ? equal : ties);
  }
  __device__ void write(size_t i, uint64_t mine, uint64_t before) const {
    const uint32_t ties = found_cut(&p)->ties;
    if (mine == 0 || (mine == 1 && (uint32_t)before >= ties)) return;
    const size_t to = taken(before, ties);
    if (to >= p.out.capacity) return;
    p.out.index[to] = p.index ? p.index[i] : (uint32_t)i;
    p.out.value[to] = p.x[i];
  }
  __device__ void finish(uint64_t total) const {
    const size_t n = taken(total, found_cut(&p)->ties);
    *p.out.count = (uint32_t)(n < p.out.capacity ? n : p.out.capacity);
  }
};

static void select_issue(stream *s, const select_args *p) {
  if (s->error != STATUS_OK) return;
  cudaStream_t native = (cudaStream_t)s->native;
  const size_t wanted = (p->n + 4095) / 4096;
  const unsigned grid = (unsigned)(wanted < 1 ? 1 : wanted < 1024 ? wanted : 1024);
  select_begin<<<1, 256, 0, native>>>(*p);
  for (int pass = 0; p->search && pass < PASSES; pass++) {
    select_histogram<<<grid, 256, 0, native>>>(*p, pass);
    select_digit<<<1, 256, 0, native>>>(*p, pass);
  }
  const take_op take = {*p};
  scan_issue(s, take, p->n, (uint64_t *)(p->tables + DIGIT_TABLES * DIGIT_BINS + 16));
  KERNEL_CHECK(s, "select");
}

#else

/* Elements are looked at in groups, whose members of interest come out of one vector comparison as bits. */
enum { GROUP = 32 };

static inline uint32_t group_mask(const float *x, uint32_t low, uint32_t high) {
  uint32_t mask = 0;
  for (unsigned l = 0; l < GROUP; l++) mask |= (uint32_t)(magnitude_bits(x[l]) - low <= high - low) << l;
  return mask;
}

/* The same for the n < GROUP elements at the end. */
static uint32_t rest_mask(const float *x, size_t n, uint32_t low, uint32_t high) {
  uint32_t mask = 0;
  for (unsigned l = 0; l < n; l++) mask |= (uint32_t)(magnitude_bits(x[l]) - low <= high - low) << l;
  return mask;
}

/* Counts the first digit in several tables, so that equal neighbours do not wait for each other. */
static void count_first(const float *x, size_t n, uint32_t *tables) {
  const unsigned shift = digit_shift(0);
  size_t i = 0;
  for (; i + DIGIT_TABLES <= n; i += DIGIT_TABLES)
    for (size_t t = 0; t < DIGIT_TABLES; t++) tables[t * DIGIT_BINS + (magnitude_bits(x[i + t]) >> shift)]++;
  for (; i < n; i++) tables[magnitude_bits(x[i]) >> shift]++;
  for (size_t t = 1; t < DIGIT_TABLES; t++)
    for (size_t b = 0; b < DIGIT_BINS; b++) tables[b] += tables[t * DIGIT_BINS + b];
}

/* Counts the digit of a later pass over the magnitudes in [low, high], which share the digits above it. */
static void count_later(const float *x, size_t n, int pass, uint32_t low, uint32_t high, uint32_t *table) {
  const unsigned shift = digit_shift(pass);
  const uint32_t mask = digit_mask(pass);
  for (size_t i = 0; i < n; i += GROUP) {
    uint32_t members = i + GROUP <= n ? group_mask(x + i, low, high) : rest_mask(x + i, n - i, low, high);
    for (; members; members &= members - 1) {
      const uint32_t bits = magnitude_bits(x[i + (unsigned)__builtin_ctz(members)]);
      table[bits >> shift & mask]++;
    }
  }
}

/* The cut that takes exactly k of n elements, 0 < k <= n. */
static cut find_cut(const float *x, size_t n, size_t k, uint32_t *tables) {
  uint32_t low = 0, high = 0x7fffffffu;
  size_t rank = k;
  for (int pass = 0; pass < PASSES; pass++) {
    memset(tables, 0, (pass == 0 ? DIGIT_TABLES : 1) * DIGIT_BINS * sizeof *tables);
    if (pass == 0)
      count_first(x, n, tables);
    else
      count_later(x, n, pass, low, high, tables);
    uint32_t digit = digit_mask(pass);
    while (tables[digit] < rank) rank -= tables[digit--];
    low |= digit << digit_shift(pass);
    high = low | ((1u << digit_shift(pass)) - 1);
  }
  const cut found = {low, (uint32_t)rank};
  return found;
}

/* Writes what the cut takes in order, as far as it fits. */
static void take(const select_args *p, size_t n, cut c) {
  const float *x = p->x;
  const size_t capacity = p->out.capacity;
  uint32_t ties = c.ties;
  size_t taken = 0;
  for (size_t i = 0; i < n; i += GROUP) {
    const uint32_t least = ties > 0 ? c.bar : c.bar + 1;
    uint32_t members =
        i + GROUP <= n ? group_mask(x + i, least, UINT32_MAX) : rest_mask(x + i, n - i, least, UINT32_MAX);
    for (; members && taken < capacity; members &= members - 1) {
      const size_t j = i + (unsigned)__builtin_ctz(members);
      if (magnitude_bits(x[j]) == c.bar) {
        if (ties == 0) continue; /* used up within this group */
        ties--;
      }
      p->out.index[taken] = p->index ? p->index[j] : (uint32_t)j;
      p->out.value[taken++] = x[j];
    }
  }
  *p->out.count = (uint32_t)taken;
}

static void select_loop(const void *arguments, size_t unused) {
  const select_args *p = (const select_args *)arguments;
  (void)unused;
  const size_t n = select_length(p), k = p->k < n ? p->k : n;
  *p->out.count = 0;
  if (n == 0 || (p->search && k == 0)) return;
  take(p, n, p->search ? find_cut(p->x, n, k, p->tables) : p->given);
}

static void select_issue(stream *s, const select_args *p) { s->device->ops->launch(s, select_loop, p, sizeof *p, 1); }

#endif

void select_k_issue(stream *s, const float *x, size_t n, size_t k, sparse *out, void *scratch) {
  const select_args given = {x, NULL, NULL, n, k, {0, 0}, true, *out, (uint32_t *)scratch};
  select_issue(s, &given);
}

void compact_issue(stream *s, const float *x, size_t n, float threshold, sparse *out, void *scratch) {
  /* Below zero, or NaN: everything lies above it. */
  const bool everything = !(threshold >= 0.0f);
  const cut c = {everything ? 0 : magnitude_bits(threshold), everything ? UINT32_MAX : 0};
  const select_args given = {x, NULL, NULL, n, 0, c, false, *out, (uint32_t *)scratch};
  select_issue(s, &given);
}

void sparse_keep_issue(stream *s, const sparse *in, size_t k, sparse *kept, void *scratch) {
  const select_args given = {in->value, in->index, in->count, in->capacity,       k,
                             {0, 0},    true,      *kept,     (uint32_t *)scratch};
  select_issue(s, &given);
}
