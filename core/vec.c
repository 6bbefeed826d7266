/* Vector kernels, one element at a time, and the table of all of them. */
#include "core/vec.h"

#include <math.h>

#include "core/kernel.h"
#include "core/vec_internal.h"

typedef struct fill_args {
  float *x;
  float a;
} fill_args;
HD static inline void fill_one(const fill_args *p, size_t i) { p->x[i] = p->a; }
KERNEL(fill_all, fill_args, fill_one)

static void fill(stream *s, float *x, float a, size_t n) {
  const fill_args given = {x, a};
  fill_all(s, n, given);
}

HD static inline void scale_one(const fill_args *p, size_t i) { p->x[i] *= p->a; }
KERNEL(scale_all, fill_args, scale_one)

static void scale(stream *s, float *x, float a, size_t n) {
  const fill_args given = {x, a};
  scale_all(s, n, given);
}

typedef struct axpy_args {
  const float *x;
  float *y;
  float a;
} axpy_args;
HD static inline void axpy_one(const axpy_args *p, size_t i) { p->y[i] += p->a * p->x[i]; }
KERNEL(axpy_all, axpy_args, axpy_one)

static void axpy(stream *s, float a, const float *x, float *y, size_t n) {
  const axpy_args given = {x, y, a};
  axpy_all(s, n, given);
}

typedef struct binary_args {
  const float *x, *y;
  float *out;
} binary_args;
HD static inline void add_one(const binary_args *p, size_t i) { p->out[i] = p->x[i] + p->y[i]; }
KERNEL(add_all, binary_args, add_one)

static void add(stream *s, const float *x, const float *y, float *out, size_t n) {
  const binary_args given = {x, y, out};
  add_all(s, n, given);
}

HD static inline void sub_one(const binary_args *p, size_t i) { p->out[i] = p->x[i] - p->y[i]; }
KERNEL(sub_all, binary_args, sub_one)

static void sub(stream *s, const float *x, const float *y, float *out, size_t n) {
  const binary_args given = {x, y, out};
  sub_all(s, n, given);
}

/* On the CPU an element is a block of the vector, so that the root is taken once a block; threads of CUDA take it each,
 * and read neighbours. */
#ifdef __CUDACC__
enum { CLIP_BLOCK = 1 };
#else
enum { CLIP_BLOCK = 64 };
#endif
typedef struct clip_args {
  float *x;
  size_t n;
  const double *sum_of_squares;
  float limit;
} clip_args;
HD static inline void clip_block(const clip_args *p, size_t block) {
  const double norm = sqrt(*p->sum_of_squares);
  if (!(norm > p->limit && norm <= 1.7976931348623157e308)) return;
  const float factor = (float)(p->limit / norm);
  const size_t first = block * CLIP_BLOCK, end = first + CLIP_BLOCK < p->n ? first + CLIP_BLOCK : p->n;
  for (size_t i = first; i < end; i++) p->x[i] *= factor;
}
KERNEL(clip_all, clip_args, clip_block)

static void clip(stream *s, float *x, size_t n, const double *sum_of_squares, float limit) {
  const clip_args given = {x, n, sum_of_squares, limit};
  clip_all(s, (n + CLIP_BLOCK - 1) / CLIP_BLOCK, given);
}

typedef struct step_args {
  float *x;
  const float *g;
  float *m;
  float lr, momentum, decay;
} step_args;
HD static inline void momentum_one(const step_args *p, size_t i) {
  const float d = p->g[i] + p->decay * p->x[i], m = p->momentum * p->m[i] + d;
  p->m[i] = m;
  p->x[i] -= p->lr * m;
}
KERNEL(momentum_all, step_args, momentum_one)

HD static inline void nesterov_one(const step_args *p, size_t i) {
  const float d = p->g[i] + p->decay * p->x[i], m = p->momentum * p->m[i] + d;
  p->m[i] = m;
  p->x[i] -= p->lr * (d + p->momentum * m);
}
KERNEL(nesterov_all, step_args, nesterov_one)

HD static inline void plain_one(const step_args *p, size_t i) {
  const float d = p->g[i] + p->decay * p->x[i];
  p->x[i] -= p->lr * d;
}
KERNEL(plain_all, step_args, plain_one)

static void momentum_step(stream *s, float *x, const float *g, float *m, size_t n, float lr, float momentum,
                          float decay) {
  const step_args given = {x, g, m, lr, momentum, decay};
  if (m)
    momentum_all(s, n, given);
  else
    plain_all(s, n, given);
}

static void nesterov_step(stream *s, float *x, const float *g, float *m, size_t n, float lr, float momentum,
                          float decay) {
  const step_args given = {x, g, m, lr, momentum, decay};
  nesterov_all(s, n, given);
}

typedef struct loss_args {
  loss_account *account;
  const float *loss;
} loss_args;
HD static inline void loss_one(const loss_args *p, size_t i) {
  (void)i;
  loss_account *account = p->account;
  if (magnitude_bits(*p->loss) >= INFINITY_BITS && account->first_bad_step == 0)
    account->first_bad_step = account->n_steps + 1;
  account->sum += *p->loss;
  account->n_steps++;
}
KERNEL(loss_all, loss_args, loss_one)

static void loss_add(stream *s, loss_account *account, const float *loss) {
  const loss_args given = {account, loss};
  loss_all(s, 1, given);
}

size_t vec_scratch_bytes(size_t n) {
  /* radix tables, then 8 bytes for each block of two operands and for each block of blocks */
  const size_t tables = (size_t)DIGIT_TABLES * DIGIT_BINS * sizeof(uint32_t) + 64;
  const size_t blocks = vec_blocks(n) + vec_blocks(vec_blocks(n)) + 8;
  return (tables + blocks * sizeof(uint64_t) + 63) / 64 * 64;
}

const vec_ops vec_table = {
    .fill = fill,
    .scale = scale,
    .axpy = axpy,
    .add = add,
    .sub = sub,
    .reduce = reduce_issue,
    .clip = clip,
    .momentum_step = momentum_step,
    .nesterov_step = nesterov_step,
    .loss_add = loss_add,
    .select_k = select_k_issue,
    .compact = compact_issue,
    .gather = gather_issue,
    .scatter_add = scatter_add_issue,
    .scatter_fill = scatter_fill_issue,
    .sparse_merge = sparse_merge_issue,
    .sparse_keep = sparse_keep_issue,
    .sparse_subtract = sparse_subtract_issue,
};
