/* Ordered compaction on CUDA: every element has a packed count, and writes itself knowing the counts before it. Three
 * launches: count each block of VEC_BLOCK elements, scan the blocks' counts, write. For .c files compiled as CUDA.
 *
 *   struct op {
 *     __device__ size_t length() const;                            // elements, at most the n of the launch
 *     __device__ uint64_t count(size_t i) const;                   // two 32-bit counters, neither ever overflows
 *     __device__ void write(size_t i, uint64_t count, uint64_t before) const;
 *     __device__ void finish(uint64_t total) const;                // one thread, before any write
 *   };
 */
#ifndef TERSE_CORE_CUDA_SCAN_H
#define TERSE_CORE_CUDA_SCAN_H

#include "core/vec_internal.h"

enum { SCAN_THREADS = 256, SCAN_WARPS = SCAN_THREADS / 32 };
STATIC_ASSERT((int)VEC_BLOCK % SCAN_THREADS == 0, "a block is whole rows of threads");

/* Exclusive prefix of `value` over the threads of the block, in their order; *total is the sum. Every thread calls. */
static __device__ __forceinline__ uint64_t scan_threads(uint64_t value, uint64_t *total) {
  __shared__ uint64_t warp_sum[SCAN_WARPS];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  uint64_t inclusive = value;
  for (unsigned d = 1; d < 32; d *= 2) {
    const uint64_t below = __shfl_up_sync(0xffffffffu, inclusive, d);
    if (lane >= d) inclusive += below;
  }
  if (lane == 31) warp_sum[warp] = inclusive;
  __syncthreads();
  uint64_t before = inclusive - value, sum = 0;
  for (unsigned w = 0; w < SCAN_WARPS; w++) {
    if (w < warp) before += warp_sum[w];
    sum += warp_sum[w];
  }
  __syncthreads(); /* warp_sum may be used again */
  *total = sum;
  return before;
}

template <typename op>
__global__ void scan_count(op o, uint64_t *sums) {
  const size_t first = (size_t)blockIdx.x * VEC_BLOCK, n = o.length();
  uint64_t mine = 0, total;
  for (size_t i = first + threadIdx.x; i < first + VEC_BLOCK && i < n; i += SCAN_THREADS) mine += o.count(i);
  (void)scan_threads(mine, &total);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

/* One block of threads: sums[b] = what is counted before block b. */
template <typename op>
__global__ void scan_sums(op o, uint64_t *sums, size_t n_blocks) {
  uint64_t before = 0;
  for (size_t first = 0; first < n_blocks; first += SCAN_THREADS) {
    const size_t b = first + threadIdx.x;
    uint64_t total;
    const uint64_t prefix = scan_threads(b < n_blocks ? sums[b] : 0, &total);
    if (b < n_blocks) sums[b] = before + prefix;
    before += total;
  }
  if (threadIdx.x == 0) o.finish(before);
}

template <typename op>
__global__ void scan_write(op o, const uint64_t *sums) {
  const size_t first = (size_t)blockIdx.x * VEC_BLOCK, n = o.length();
  uint64_t before = sums[blockIdx.x];
  /* Every thread goes through the same rows, since all take part in the scan. */
  for (size_t row = first; row < first + VEC_BLOCK && row < n; row += SCAN_THREADS) {
    const size_t i = row + threadIdx.x;
    const uint64_t count = i < n ? o.count(i) : 0;
    uint64_t total;
    const uint64_t prefix = scan_threads(count, &total);
    if (i < n) o.write(i, count, before + prefix);
    before += total;
  }
}

/* Runs `o` over at most n elements; `sums` has room for vec_blocks(n) + 1 counts. */
template <typename op>
static void scan_issue(stream *s, const op &o, size_t n, uint64_t *sums) {
  cudaStream_t native = (cudaStream_t)s->native;
  const size_t n_blocks = n > 0 ? vec_blocks(n) : 1;
  scan_count<<<(unsigned)n_blocks, SCAN_THREADS, 0, native>>>(o, sums);
  scan_sums<<<1, SCAN_THREADS, 0, native>>>(o, sums, n_blocks);
  scan_write<<<(unsigned)n_blocks, SCAN_THREADS, 0, native>>>(o, sums);
}

#endif
