/* The quantized means of Quantized-PR-SGD: unbiased, and their errors within the bounds their headers state. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algorithms/ring_cascade.h"
#include "algorithms/shared_scale.h"
#include "core/rng.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/lab.h"

enum { DIMENSION = 40, WORKERS = 4, LEVELS = 3, DRAWS = 3000, CHUNK = DIMENSION / WORKERS };

static float vector_at(int w, int i) {
  return rng_normal_at(rng_stream(5, RNG_TEST, w, 0), (uint64_t)i) + (i % 3 == 0 ? 1.0f : 0.0f);
}

/* omega of QSGD for n values */
static double omega(double n) { return fmin(n / (LEVELS * LEVELS), sqrt(n) / LEVELS); }

/* What the errors of many draws come to. */
typedef struct errors {
  double exact[DIMENSION], sum[DIMENSION], sum2[DIMENSION], norm2, norm4;
} errors;

static void errors_begin(errors *e) {
  memset(e, 0, sizeof *e);
  for (int i = 0; i < DIMENSION; i++)
    for (int w = 0; w < WORKERS; w++) e->exact[i] += (double)vector_at(w, i) / WORKERS;
}

static void errors_add(errors *e, const float *mean) {
  double norm2 = 0;
  for (int i = 0; i < DIMENSION; i++) {
    const double off = mean[i] - e->exact[i];
    e->sum[i] += off;
    e->sum2[i] += off * off;
    norm2 += off * off;
  }
  e->norm2 += norm2;
  e->norm4 += norm2 * norm2;
}

/* No coordinate's mean error is beyond 5 standard errors (a chance of 2e-5 over 40 of them), nor is E|err|^2 above its
 * bound (3e-7), or so small that nothing was quantized. */
static int errors_check(const errors *e, const char *what, double bound) {
  for (int i = 0; i < DIMENSION; i++) {
    const double mean = e->sum[i] / DRAWS, variance = e->sum2[i] / DRAWS - mean * mean;
    if (fabs(mean) > 5 * sqrt(variance / DRAWS)) fprintf(stderr, "%s: coordinate %d is biased by %g\n", what, i, mean);
    CASE_CHECK(fabs(mean) <= 5 * sqrt(variance / DRAWS));
  }
  const double second = e->norm2 / DRAWS, error = sqrt((e->norm4 / DRAWS - second * second) / DRAWS);
  if (second > bound + 5 * error) fprintf(stderr, "%s: E|err|^2 = %g above %g\n", what, second, bound);
  CASE_CHECK(second <= bound + 5 * error && second > 0.05 * bound);
  return 0;
}

static int put_vectors(lab *l, float **v) {
  float host[DIMENSION];
  for (int i = 0; i < l->env.n_local; i++) {
    for (int k = 0; k < DIMENSION; k++) host[k] = vector_at(l->workers[i].id, k);
    v[i] = l->workers[i].gradient;
    stream_copy(l->stream, v[i], host, sizeof host);
    CASE_OK(stream_synchronize(l->stream));
  }
  return 0;
}

static int take_mean(lab *l, const float *mean, errors *e) {
  float host[DIMENSION];
  stream_copy(l->stream, host, mean, sizeof host);
  CASE_OK(stream_synchronize(l->stream));
  errors_add(e, host);
  return 0;
}

/* Chunk j is on its way from worker j + 1: q sum_s (1 + q)^(M - s) |S_s|^2, of the sum over workers. */
static double cascade_bound(void) {
  const double q = omega(CHUNK);
  double bound = 0;
  for (int j = 0; j < WORKERS; j++) {
    double partial[CHUNK] = {0};
    for (int s = 1; s <= WORKERS; s++) {
      double norm2 = 0;
      for (int i = 0; i < CHUNK; i++) {
        partial[i] += vector_at((j + s) % WORKERS, j * CHUNK + i);
        norm2 += partial[i] * partial[i];
      }
      bound += q * pow(1 + q, WORKERS - s) * norm2;
    }
  }
  return bound / (WORKERS * WORKERS);
}

/* The largest of the workers' |v|^2. */
static double largest_norm2(void) {
  double largest = 0;
  for (int w = 0; w < WORKERS; w++) {
    double norm2 = 0;
    for (int i = 0; i < DIMENSION; i++) norm2 += pow(vector_at(w, i), 2);
    largest = fmax(largest, norm2);
  }
  return largest;
}

/* Of rounding s |v| / N up or down, whose fraction is f, the variance is f (1 - f) steps: E|err|^2 exactly. */
static double shared_variance(void) {
  const double step = sqrt(largest_norm2()) / LEVELS;
  double sum = 0;
  for (int w = 0; w < WORKERS; w++)
    for (int i = 0; i < DIMENSION; i++) {
      const double r = fabs(vector_at(w, i)) / step, f = r - floor(r);
      sum += f * (1 - f) * step * step;
    }
  return sum / (WORKERS * WORKERS);
}

static int check_cascade(lab *l, float *mean) {
  const arg items[] = {{.name = "levels", .type = PARAM_INT, .integer = LEVELS},
                       {.name = "shrink", .type = PARAM_BOOL}};
  const module_spec stage = {.name = "qsgd", .args = {.items = items, .n = 2}};
  const pipeline_spec spec = {.stages = &stage, .n_stages = 1};
  ring_cascade ring;
  errors e;
  float *v[WORKERS];
  errors_begin(&e);
  CASE_OK(ring_cascade_create(&l->env, &spec, &ring));
  for (uint64_t round = 0; round < DRAWS; round++) {
    if (put_vectors(l, v)) return 1;
    CASE_OK(ring_cascade_mean(&ring, round, v, mean));
    if (take_mean(l, mean, &e)) return 1;
  }
  ring_cascade_destroy(&ring);
  return errors_check(&e, "ring-cascade", cascade_bound());
}

static int check_shared(lab *l, float *mean) {
  shared_scale *scale;
  errors e;
  float *v[WORKERS];
  errors_begin(&e);
  CASE_OK(shared_scale_create(&l->env, LEVELS, 0, &scale));
  for (uint64_t round = 0; round < DRAWS; round++) {
    if (put_vectors(l, v)) return 1;
    CASE_OK(shared_scale_mean(scale, round, v, mean));
    if (take_mean(l, mean, &e)) return 1;
  }
  shared_scale_destroy(scale);
  const double second = e.norm2 / DRAWS, error = sqrt((e.norm4 / DRAWS - second * second) / DRAWS);
  CASE_CHECK(fabs(second - shared_variance()) < 5 * error);
  return errors_check(&e, "shared-scale", omega(DIMENSION) * largest_norm2() / WORKERS);
}

static int case_quantized_means(int argc, char **argv) {
  (void)argc, (void)argv;
  const lab_options o = {.dataset = "quadratic dimension=40 samples=40",
                         .model = "quadratic",
                         .n_workers = WORKERS,
                         .method = "sgd",
                         .batch = 2,
                         .seed = 9,
                         .optimizer = {.lr = 0.1}};
  lab l;
  float *mean;
  CASE_OK(lab_open(&o, &l));
  CASE_CHECK(l.env.n_params == DIMENSION);
  CASE_OK(device_floats(l.device, DIMENSION, &mean));
  if (check_cascade(&l, mean) || check_shared(&l, mean)) return 1;
  device_release(l.device, mean);
  lab_close(&l);
  return 0;
}

const mpi_case quantized_means_cases[] = {
    {"quantized-means", case_quantized_means},
    {NULL, NULL},
};
