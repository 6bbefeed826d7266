/* KERNEL: one element function, a loop on the CPU, a grid on CUDA.
 *
 *   typedef struct { const float *x; float *y; float a; } axpy_args;
 *   static HD inline void axpy_one(const axpy_args *p, size_t i) { p->y[i] += p->a * p->x[i]; }
 *   KERNEL(axpy, axpy_args, axpy_one)
 *
 * defines `static void axpy(stream *s, size_t n, axpy_args a)`, which issues axpy_one for every i in [0, n).
 * A file that uses KERNEL is compiled twice, and the rest of the program reaches its kernels only through the table of
 * the device (device->vec, indices, compressors): called directly, they are the host's. The contract of an element
 * function: element i writes nothing that another element reads or writes. Elements may run in any order and at once.
 * Arguments are copied when the call is issued; the memory they point to is device memory. */
#ifndef TERSE_CORE_KERNEL_H
#define TERSE_CORE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>

/* Makes a failed launch the stream's error; `what` is a string literal naming the kernel. */
#define KERNEL_CHECK(s, what)                                                                                        \
  do {                                                                                                               \
    const cudaError_t code = cudaGetLastError();                                                                     \
    if (code != cudaSuccess) (s)->error = FAIL(STATUS_DEVICE, "CUDA kernel " what ": %s", cudaGetErrorString(code)); \
  } while (0)

#define KERNEL(name, args_type, element)                                                                       \
  static __global__ void name##_grid(args_type a, size_t n) {                                                  \
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) \
      element(&a, i);                                                                                          \
  }                                                                                                            \
  static void name(stream *s, size_t n, args_type a) {                                                         \
    if (n == 0 || s->error != STATUS_OK) return;                                                               \
    const size_t blocks = (n + 255) / 256;                                                                     \
    name##_grid<<<(unsigned)(blocks < 4096 ? blocks : 4096), 256, 0, (cudaStream_t)s->native>>>(a, n);         \
    KERNEL_CHECK(s, #name);                                                                                    \
  }

#else

#ifdef __clang__
#define KERNEL_INDEPENDENT /* clang checks for overlap as it runs */
#else
#define KERNEL_INDEPENDENT _Pragma("GCC ivdep")
#endif

#define KERNEL(name, args_type, element)                     \
  static void name##_loop(const void *arguments, size_t n) { \
    const args_type a = *(const args_type *)arguments;       \
    KERNEL_INDEPENDENT                                       \
    for (size_t i = 0; i < n; i++) element(&a, i);           \
  }                                                          \
  static void name(stream *s, size_t n, args_type a) { s->device->ops->launch(s, name##_loop, &a, sizeof a, n); }

#endif

/* Sets bits of *stream->fault (enum device_fault) from inside an element function. */
HD static inline void kernel_fault(uint32_t *fault, uint32_t bits) {
#ifdef __CUDA_ARCH__
  atomicOr(fault, bits);
#else
  *fault |= bits;
#endif
}

#endif
