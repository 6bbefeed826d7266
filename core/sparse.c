/* Sparse vectors: their buffers, moving entries to and from dense vectors, and union and difference of two of them. */
#include "core/kernel.h"
#include "core/vec_internal.h"

#ifndef __CUDACC__
enum status sparse_alloc(device *d, size_t capacity, sparse *out) {
  enum status status = STATUS_OK;
  void *memory = NULL;
  memset(out, 0, sizeof *out);
  if (capacity > UINT32_MAX) return FAIL(STATUS_BAD_INPUT, "a sparse vector cannot hold %zu entries", capacity);
  TRY(device_alloc(d, capacity * sizeof *out->index, &memory));
  out->index = (uint32_t *)memory;
  TRY(device_floats(d, capacity, &out->value));
  TRY(device_alloc(d, sizeof *out->count, &memory));
  out->count = (uint32_t *)memory;
  out->capacity = capacity;
  return STATUS_OK;
exit:
  sparse_release(d, out);
  return status;
}

void sparse_release(device *d, sparse *s) {
  device_release(d, s->index);
  device_release(d, s->value);
  device_release(d, s->count);
  memset(s, 0, sizeof *s);
}
#endif

/* Moving entries: issued for the whole capacity, since only the device knows the count. */
typedef struct move_args {
  sparse entries;
  const float *x;
  float *y;
  size_t n;
  float a;
  uint32_t *fault;
} move_args;

/* Whether entry j exists and lies inside the dense vector. */
HD static inline bool entry_is_good(const move_args *p, size_t j) {
  if (j >= *p->entries.count) return false;
  if (p->entries.index[j] < p->n) return true;
  kernel_fault(p->fault, FAULT_INDEX_RANGE);
  return false;
}

HD static inline void gather_one(const move_args *p, size_t j) {
  if (entry_is_good(p, j)) p->entries.value[j] = p->x[p->entries.index[j]];
}
KERNEL(gather_all, move_args, gather_one)

void gather_issue(stream *s, const float *x, size_t n, sparse *out) {
  const move_args given = {*out, x, NULL, n, 0.0f, s->fault};
  gather_all(s, out->capacity, given);
}

HD static inline void scatter_add_one(const move_args *p, size_t j) {
  if (entry_is_good(p, j)) p->y[p->entries.index[j]] += p->a * p->entries.value[j];
}
KERNEL(scatter_add_all, move_args, scatter_add_one)

void scatter_add_issue(stream *s, float a, const sparse *in, float *y, size_t n) {
  const move_args given = {*in, NULL, y, n, a, s->fault};
  scatter_add_all(s, in->capacity, given);
}

HD static inline void scatter_fill_one(const move_args *p, size_t j) {
  if (entry_is_good(p, j)) p->y[p->entries.index[j]] = p->a;
}
KERNEL(scatter_fill_all, move_args, scatter_fill_one)

void scatter_fill_issue(stream *s, const sparse *in, float a, float *y, size_t n) {
  const move_args given = {*in, NULL, y, n, a, s->fault};
  scatter_fill_all(s, in->capacity, given);
}

/* Union and difference. Indices that do not ascend give a wrong result, but never lead beyond a buffer. */
typedef struct pair_args {
  sparse a, b, out;
} pair_args;

#ifdef __CUDACC__

#include "core/cuda_scan.h"

/* How many of the entries have an index below `index`. */
__device__ static size_t entries_below(const sparse *in, size_t n, uint32_t index) {
  size_t low = 0, high = n;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (in->index[middle] < index)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Entry i of `in` beside the other vector: how many of the other's entries lie below it, and whether one is equal. */
struct beside {
  size_t below;
  bool equal;
};
__device__ static beside look_beside(const sparse *in, const sparse *other, size_t i) {
  const size_t n = sparse_length(other->count, other->capacity);
  const size_t below = entries_below(other, n, in->index[i]);
  const beside out = {below, below < n && other->index[below] == in->index[i]};
  return out;
}

__device__ static void put(const sparse *out, size_t to, uint32_t index, float value) {
  if (to >= out->capacity) return;
  out->index[to] = index;
  out->value[to] = value;
}

/* Entries of a (with what b adds to them): an entry's place is its own rank plus that in b, less the equal ones before.
 */
struct merge_a_op {
  pair_args p;
  __device__ size_t length() const { return sparse_length(p.a.count, p.a.capacity); }
  __device__ uint64_t count(size_t i) const { return look_beside(&p.a, &p.b, i).equal; }
  __device__ void write(size_t i, uint64_t equal, uint64_t before) const {
    const size_t below = look_beside(&p.a, &p.b, i).below;
    put(&p.out, i + below - before, p.a.index[i], equal ? p.a.value[i] + p.b.value[below] : p.a.value[i]);
  }
  __device__ void finish(uint64_t total) const {
    const size_t n = length() + sparse_length(p.b.count, p.b.capacity) - total;
    *p.out.count = (uint32_t)(n < p.out.capacity ? n : p.out.capacity);
  }
};

/* Entries of b that a does not have. */
struct merge_b_op {
  pair_args p;
  __device__ size_t length() const { return sparse_length(p.b.count, p.b.capacity); }
  __device__ uint64_t count(size_t i) const { return look_beside(&p.b, &p.a, i).equal; }
  __device__ void write(size_t i, uint64_t equal, uint64_t before) const {
    if (!equal) put(&p.out, i + look_beside(&p.b, &p.a, i).below - before, p.b.index[i], p.b.value[i]);
  }
  __device__ void finish(uint64_t) const {}
};

struct subtract_op {
  pair_args p;
  __device__ size_t length() const { return sparse_length(p.a.count, p.a.capacity); }
  __device__ uint64_t count(size_t i) const { return !look_beside(&p.a, &p.b, i).equal; }
  __device__ void write(size_t i, uint64_t stays, uint64_t before) const {
    if (stays) put(&p.out, before, p.a.index[i], p.a.value[i]);
  }
  __device__ void finish(uint64_t total) const {
    *p.out.count = (uint32_t)(total < p.out.capacity ? total : p.out.capacity);
  }
};

void sparse_merge_issue(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch) {
  if (s->error != STATUS_OK) return;
  const merge_a_op merge_a = {{*a, *b, *out}};
  const merge_b_op merge_b = {{*a, *b, *out}};
  scan_issue(s, merge_a, a->capacity, (uint64_t *)scratch);
  scan_issue(s, merge_b, b->capacity, (uint64_t *)scratch);
  KERNEL_CHECK(s, "sparse_merge");
}

void sparse_subtract_issue(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch) {
  if (s->error != STATUS_OK) return;
  const subtract_op subtract = {{*a, *b, *out}};
  scan_issue(s, subtract, a->capacity, (uint64_t *)scratch);
  KERNEL_CHECK(s, "sparse_subtract");
}

#else

static void put(const sparse *out, size_t *n, uint32_t index, float value) {
  if (*n == out->capacity) return;
  out->index[*n] = index;
  out->value[(*n)++] = value;
}

static void merge_loop(const void *arguments, size_t unused) {
  const pair_args *p = (const pair_args *)arguments;
  (void)unused;
  const sparse *a = &p->a, *b = &p->b;
  const size_t n_a = sparse_length(a->count, a->capacity), n_b = sparse_length(b->count, b->capacity);
  size_t i = 0, j = 0, n = 0;
  while (i < n_a && j < n_b) {
    const uint32_t index_a = a->index[i], index_b = b->index[j];
    if (index_a == index_b)
      put(&p->out, &n, index_a, a->value[i++] + b->value[j++]);
    else if (index_a < index_b)
      put(&p->out, &n, index_a, a->value[i++]);
    else
      put(&p->out, &n, index_b, b->value[j++]);
  }
  for (; i < n_a; i++) put(&p->out, &n, a->index[i], a->value[i]);
  for (; j < n_b; j++) put(&p->out, &n, b->index[j], b->value[j]);
  *p->out.count = (uint32_t)n;
}

void sparse_merge_issue(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch) {
  (void)scratch;
  const pair_args given = {*a, *b, *out};
  s->device->ops->launch(s, merge_loop, &given, sizeof given, 1);
}

static void subtract_loop(const void *arguments, size_t unused) {
  const pair_args *p = (const pair_args *)arguments;
  (void)unused;
  const sparse *a = &p->a, *b = &p->b;
  const size_t n_a = sparse_length(a->count, a->capacity), n_b = sparse_length(b->count, b->capacity);
  size_t j = 0, n = 0;
  for (size_t i = 0; i < n_a; i++) {
    while (j < n_b && b->index[j] < a->index[i]) j++;
    if (j == n_b || b->index[j] != a->index[i]) put(&p->out, &n, a->index[i], a->value[i]);
  }
  *p->out.count = (uint32_t)n;
}

void sparse_subtract_issue(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch) {
  (void)scratch;
  const pair_args given = {*a, *b, *out};
  s->device->ops->launch(s, subtract_loop, &given, sizeof given, 1);
}

#endif
