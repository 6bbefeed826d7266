/* Sums and maxima in one defined shape, which every device follows to the bit (core/vec.h): blocks of VEC_BLOCK
 * elements, VEC_LANES lanes in a block, lanes folded in halves, then the same over the blocks' results until one is
 * left. */
#include <math.h>

#include "core/kernel.h"
#include "core/vec_internal.h"

/* What element i adds. Products of two floats are exact in fp64. */
HD static inline double reduce_term(enum reduction what, float x, float y) {
  const double difference = (double)x - (double)y;
  switch (what) {
    case REDUCE_SUM:
      return x;
    case REDUCE_DOT:
      return (double)x * (double)y;
    case REDUCE_SQUARES:
      return (double)x * (double)x;
    case REDUCE_ABS:
      return fabs((double)x);
    case REDUCE_DISTANCE:
      return difference * difference;
    case REDUCE_MAX_ABS:
      return fabs((double)x);
    case REDUCE_NONFINITE:
      return magnitude_bits(x) >= INFINITY_BITS ? 1.0 : 0.0;
  }
  return 0.0;
}

HD static inline double reduce_join(enum reduction what, double a, double b) {
  if (what == REDUCE_MAX_ABS) return a > b || a != a ? a : b; /* NaN wins */
  return a + b;
}

#ifdef __CUDACC__

static const unsigned n_threads = 128, n_warps = n_threads / VEC_LANES;

/* One warp a block of elements, one thread a lane. */
__device__ static double fold_warp(enum reduction what, double lane) {
  for (int half = VEC_LANES / 2; half > 0; half /= 2)
    lane = reduce_join(what, lane, __shfl_down_sync(0xffffffffu, lane, half));
  return lane;
}

__global__ static void reduce_elements(enum reduction what, const float *x, const float *y, size_t n, double *out) {
  const size_t block = (size_t)blockIdx.x * n_warps + threadIdx.x / VEC_LANES, first = block * VEC_BLOCK;
  if (block > 0 && first >= n) return;
  const size_t end = first + VEC_BLOCK < n ? first + VEC_BLOCK : n;
  double lane = 0.0;
  for (size_t i = first + threadIdx.x % VEC_LANES; i < end; i += VEC_LANES)
    lane = reduce_join(what, lane, reduce_term(what, x[i], y[i]));
  lane = fold_warp(what, lane);
  if (threadIdx.x % VEC_LANES == 0) out[block] = lane;
}

__global__ static void reduce_blocks(enum reduction what, const double *x, size_t n, double *out) {
  const size_t block = (size_t)blockIdx.x * n_warps + threadIdx.x / VEC_LANES, first = block * VEC_BLOCK;
  if (first >= n) return;
  const size_t end = first + VEC_BLOCK < n ? first + VEC_BLOCK : n;
  double lane = 0.0;
  for (size_t i = first + threadIdx.x % VEC_LANES; i < end; i += VEC_LANES) lane = reduce_join(what, lane, x[i]);
  lane = fold_warp(what, lane);
  if (threadIdx.x % VEC_LANES == 0) out[block] = lane;
}

void reduce_issue(stream *s, enum reduction what, const float *x, const float *y, size_t n, double *out,
                  void *scratch) {
  if (s->error != STATUS_OK) return;
  cudaStream_t native = (cudaStream_t)s->native;
  double *to = (double *)scratch;
  size_t left = n > 0 ? vec_blocks(n) : 1;
  const unsigned grid = (unsigned)((left + n_warps - 1) / n_warps);
  reduce_elements<<<grid, n_threads, 0, native>>>(what, x, y ? y : x, n, left == 1 ? out : to);
  while (left > 1) {
    const double *from = to;
    to += left;
    const size_t n_from = left;
    left = vec_blocks(n_from);
    const unsigned next_grid = (unsigned)((left + n_warps - 1) / n_warps);
    reduce_blocks<<<next_grid, n_threads, 0, native>>>(what, from, n_from, left == 1 ? out : to);
  }
  KERNEL_CHECK(s, "reduce");
}

#else

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE double fold_lanes(enum reduction what, double *lane) {
  for (int half = VEC_LANES / 2; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] = reduce_join(what, lane[l], lane[l + half]);
  return lane[0];
}

ALWAYS_INLINE double reduce_elements(enum reduction what, const float *x, const float *y, size_t n) {
  double lane[VEC_LANES] = {0.0};
  size_t i = 0;
  for (; i + VEC_LANES <= n; i += VEC_LANES)
    for (size_t l = 0; l < VEC_LANES; l++) lane[l] = reduce_join(what, lane[l], reduce_term(what, x[i + l], y[i + l]));
  for (size_t l = 0; i + l < n; l++) lane[l] = reduce_join(what, lane[l], reduce_term(what, x[i + l], y[i + l]));
  return fold_lanes(what, lane);
}

ALWAYS_INLINE double reduce_results(enum reduction what, const double *x, size_t n) {
  double lane[VEC_LANES] = {0.0};
  for (size_t i = 0; i < n; i++) lane[i % VEC_LANES] = reduce_join(what, lane[i % VEC_LANES], x[i]);
  return fold_lanes(what, lane);
}

typedef struct reduce_args {
  enum reduction what;
  const float *x, *y;
  size_t n;
  double *out;
  double *scratch;
} reduce_args;

/* Inlined with `what` constant, so that each reduction gets its own straight loop. */
ALWAYS_INLINE void reduce_as(enum reduction what, const reduce_args *p) {
  double *results = p->scratch;
  size_t left = vec_blocks(p->n);
  for (size_t b = 0; b < left; b++) {
    const size_t first = b * VEC_BLOCK, rest = p->n - first;
    results[b] = reduce_elements(what, p->x + first, p->y + first, rest < VEC_BLOCK ? rest : VEC_BLOCK);
  }
  while (left > 1) {
    const size_t n_from = left;
    left = vec_blocks(n_from);
    for (size_t b = 0; b < left; b++) { /* in place: result b replaces one that block b or an earlier one has read */
      const size_t first = b * VEC_BLOCK, rest = n_from - first;
      results[b] = reduce_results(what, results + first, rest < VEC_BLOCK ? rest : VEC_BLOCK);
    }
  }
  *p->out = left == 1 ? results[0] : 0.0;
}

static void reduce_loop(const void *arguments, size_t n) {
  const reduce_args *p = (const reduce_args *)arguments;
  (void)n;
  switch (p->what) {
    case REDUCE_SUM:
      reduce_as(REDUCE_SUM, p);
      break;
    case REDUCE_DOT:
      reduce_as(REDUCE_DOT, p);
      break;
    case REDUCE_SQUARES:
      reduce_as(REDUCE_SQUARES, p);
      break;
    case REDUCE_ABS:
      reduce_as(REDUCE_ABS, p);
      break;
    case REDUCE_DISTANCE:
      reduce_as(REDUCE_DISTANCE, p);
      break;
    case REDUCE_MAX_ABS:
      reduce_as(REDUCE_MAX_ABS, p);
      break;
    case REDUCE_NONFINITE:
      reduce_as(REDUCE_NONFINITE, p);
      break;
  }
}

void reduce_issue(stream *s, enum reduction what, const float *x, const float *y, size_t n, double *out,
                  void *scratch) {
  const reduce_args given = {what, x, y ? y : x, n, out, (double *)scratch};
  s->device->ops->launch(s, reduce_loop, &given, sizeof given, 1);
}

#endif
