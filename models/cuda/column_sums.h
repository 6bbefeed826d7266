/* COLUMN_SUMS and COLUMN_TOTALS: two sums over the rows of a matrix for each of its columns, in fp64 and one fixed order.
 *
 *   static HD inline void square_terms(const args *a, uint32_t row, uint32_t column, double *first, double *second)
 *   COLUMN_SUMS(square_sums, args, square_terms)
 *   static HD inline void square_finish(const args *a, uint32_t column, double first, double second)
 *   COLUMN_TOTALS(square_totals, args, square_finish)
 *
 * define `static void square_sums(stream *s, args a, size_t rows, size_t columns, double *partial)`, the sums of each
 * chunk of rows, (chunk, column, 2), which adds what square_terms says of each element, and `square_totals` with the same
 * parameters, which calls square_finish with each column's totals. square_terms may write what belongs to its element,
 * square_finish what belongs to its column. */
#ifndef TERSE_MODELS_CUDA_COLUMN_SUMS_H
#define TERSE_MODELS_CUDA_COLUMN_SUMS_H

#include "core/kernel.h"

enum { COLUMN_SUMS_ROWS = 64, COLUMN_SUMS_MAX_CHUNKS = 512 };

/* Chunks are made of whole rows, as many as the matrix decides and not the device. */
static inline uint32_t column_sums_chunk(size_t rows) {
  const size_t least = (rows + COLUMN_SUMS_MAX_CHUNKS - 1) / COLUMN_SUMS_MAX_CHUNKS, usual = COLUMN_SUMS_ROWS;
  return (uint32_t)(least > usual ? least : usual);
}

static inline uint32_t column_sums_chunks(size_t rows) {
  const uint32_t chunk = column_sums_chunk(rows);
  return (uint32_t)((rows + chunk - 1) / chunk);
}

#ifdef __CUDACC__

enum { COLUMN_SUMS_WIDTH = 32, COLUMN_SUMS_HEIGHT = 8 };

/* A block takes a chunk's 32 columns, each row of threads every 8th row; the 8 are added in order. */
#define COLUMN_SUMS(name, args_type, terms)                                                                            \
  static __global__ void name##_grid(args_type a, uint32_t rows, uint32_t columns, uint32_t chunk, double *partial) {   \
    __shared__ double sums[2][COLUMN_SUMS_HEIGHT][COLUMN_SUMS_WIDTH];                                                   \
    const uint32_t column = blockIdx.y * COLUMN_SUMS_WIDTH + threadIdx.x, begin = blockIdx.x * chunk;                   \
    const uint32_t end = begin + chunk < rows ? begin + chunk : rows;                                                   \
    double first = 0, second = 0;                                                                                      \
    if (column < columns)                                                                                              \
      for (uint32_t row = begin + threadIdx.y; row < end; row += COLUMN_SUMS_HEIGHT)                                    \
        terms(&a, row, column, &first, &second);                                                                       \
    sums[0][threadIdx.y][threadIdx.x] = first;                                                                         \
    sums[1][threadIdx.y][threadIdx.x] = second;                                                                        \
    __syncthreads();                                                                                                   \
    if (threadIdx.y > 1 || column >= columns) return;                                                                  \
    double total = 0;                                                                                                  \
    for (int k = 0; k < COLUMN_SUMS_HEIGHT; k++) total += sums[threadIdx.y][k][threadIdx.x];                            \
    partial[2 * ((size_t)blockIdx.x * columns + column) + threadIdx.y] = total;                                        \
  }                                                                                                                    \
  static void name(stream *s, args_type a, size_t rows, size_t columns, double *partial) {                             \
    if (s->error != STATUS_OK) return;                                                                                 \
    const dim3 grid(column_sums_chunks(rows), (unsigned)((columns + COLUMN_SUMS_WIDTH - 1) / COLUMN_SUMS_WIDTH));       \
    const dim3 block(COLUMN_SUMS_WIDTH, COLUMN_SUMS_HEIGHT);                                                           \
    name##_grid<<<grid, block, 0, (cudaStream_t)s->native>>>(a, (uint32_t)rows, (uint32_t)columns,                      \
                                                             column_sums_chunk(rows), partial);                        \
    KERNEL_CHECK(s, #name);                                                                                            \
  }

/* A warp takes a column: each lane every 32nd chunk, then the lanes are folded in halves. */
#define COLUMN_TOTALS(name, args_type, finish)                                                                         \
  static __global__ void name##_grid(args_type a, uint32_t n_chunks, uint32_t columns, const double *partial) {        \
    const uint32_t column = blockIdx.x * COLUMN_SUMS_HEIGHT + threadIdx.y;                                             \
    double first = 0, second = 0;                                                                                      \
    if (column >= columns) return;                                                                                     \
    for (uint32_t k = threadIdx.x; k < n_chunks; k += COLUMN_SUMS_WIDTH) {                                             \
      first += partial[2 * ((size_t)k * columns + column)];                                                            \
      second += partial[2 * ((size_t)k * columns + column) + 1];                                                       \
    }                                                                                                                  \
    for (int half = COLUMN_SUMS_WIDTH / 2; half > 0; half /= 2) {                                                      \
      first += __shfl_down_sync(0xffffffffu, first, half);                                                             \
      second += __shfl_down_sync(0xffffffffu, second, half);                                                           \
    }                                                                                                                  \
    if (threadIdx.x == 0) finish(&a, column, first, second);                                                           \
  }                                                                                                                    \
  static void name(stream *s, args_type a, size_t rows, size_t columns, const double *partial) {                       \
    if (s->error != STATUS_OK) return;                                                                                 \
    const unsigned grid = (unsigned)((columns + COLUMN_SUMS_HEIGHT - 1) / COLUMN_SUMS_HEIGHT);                         \
    const dim3 block(COLUMN_SUMS_WIDTH, COLUMN_SUMS_HEIGHT);                                                           \
    name##_grid<<<grid, block, 0, (cudaStream_t)s->native>>>(a, column_sums_chunks(rows), (uint32_t)columns, partial); \
    KERNEL_CHECK(s, #name);                                                                                            \
  }

#else

#define COLUMN_SUMS(name, args_type, terms)                                                                    \
  typedef struct {                                                                                             \
    args_type a;                                                                                               \
    uint32_t rows, columns, chunk;                                                                             \
    double *partial;                                                                                           \
  } name##_work;                                                                                               \
  static void name##_loop(const void *arguments, size_t n_chunks) {                                            \
    const name##_work w = *(const name##_work *)arguments;                                                     \
    memset(w.partial, 0, n_chunks * w.columns * 2 * sizeof *w.partial);                                        \
    for (uint32_t row = 0; row < w.rows; row++) {                                                              \
      double *sums = w.partial + 2 * (size_t)(row / w.chunk) * w.columns;                                      \
      for (uint32_t i = 0; i < w.columns; i++) terms(&w.a, row, i, &sums[2 * i], &sums[2 * i + 1]);            \
    }                                                                                                          \
  }                                                                                                            \
  static void name(stream *s, args_type a, size_t rows, size_t columns, double *partial) {                     \
    const name##_work w = {a, (uint32_t)rows, (uint32_t)columns, column_sums_chunk(rows), partial};            \
    s->device->ops->launch(s, name##_loop, &w, sizeof w, column_sums_chunks(rows));                            \
  }

#define COLUMN_TOTALS(name, args_type, finish)                                                                 \
  typedef struct {                                                                                             \
    args_type a;                                                                                               \
    uint32_t n_chunks;                                                                                         \
    const double *partial;                                                                                     \
  } name##_work;                                                                                               \
  static void name##_loop(const void *arguments, size_t columns) {                                             \
    const name##_work w = *(const name##_work *)arguments;                                                     \
    for (uint32_t column = 0; column < columns; column++) {                                                    \
      double first = 0, second = 0;                                                                            \
      for (uint32_t k = 0; k < w.n_chunks; k++) {                                                              \
        first += w.partial[2 * (k * columns + column)];                                                        \
        second += w.partial[2 * (k * columns + column) + 1];                                                   \
      }                                                                                                        \
      finish(&w.a, column, first, second);                                                                     \
    }                                                                                                          \
  }                                                                                                            \
  static void name(stream *s, args_type a, size_t rows, size_t columns, const double *partial) {               \
    const name##_work w = {a, column_sums_chunks(rows), partial};                                              \
    s->device->ops->launch(s, name##_loop, &w, sizeof w, columns);                                             \
  }

#endif

#endif
