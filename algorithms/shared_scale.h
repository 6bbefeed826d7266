/* The mean over workers of vectors quantized with one scale, the largest of their norms, so that what is summed are
 * whole numbers and the sum is exact. [reconstruction: only the abstract of "Quantized-PR-SGD" (arXiv 2004.09125) could
 * be read.]
 *
 * For each bucket of the vector N is the largest of the workers' norms, from an all-gather of them, 32 bits each;
 * z_w = sgn(v_w) s |v_w| / N rounded at random (compressors/integers.c); the mean is N / (s M) sum_w z_w: unbiased,
 * with E|err|^2 <= min(n / s^2, sqrt(n) / s) N^2 / M for a bucket of n. The sum goes by all-reduce, every worker
 * summing its stretch (servers.h, sharded), with b + ceil(log2 M) bits a value both ways, b = 1 + ceil(log2(s + 1)). */
#ifndef TERSE_ALGORITHMS_SHARED_SCALE_H
#define TERSE_ALGORITHMS_SHARED_SCALE_H

#include "algorithms/servers.h"

typedef struct shared_scale shared_scale;

/* Of `levels` s >= 1, in buckets of `bucket` elements (0: one bucket). */
enum status shared_scale_create(const method_env *env, uint32_t levels, size_t bucket, shared_scale **out) WARN_UNUSED;
void shared_scale_destroy(shared_scale *s); /* NULL is ignored */
/* mean = that of all workers' v[i] (n_params floats, device), which are used up. Waits for the device: the host finds
 * the largest norms. Collective; ends with comm_release. */
enum status shared_scale_mean(shared_scale *s, uint64_t round, float *const *v, float *mean) WARN_UNUSED;

#endif
