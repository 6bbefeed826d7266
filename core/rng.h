/* Counter-based randomness: Philox4x32-10 (Salmon et al., SC 2011) of Random123, keyed by (seed, purpose, worker, time,
 * index). There is no state to save, any element can be drawn at any time, and every device draws the same bits. */
#ifndef TERSE_CORE_RNG_H
#define TERSE_CORE_RNG_H

#include <Random123/philox.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a draw is for. Values are part of the results: never renumber, only append. */
enum rng_purpose {
  RNG_INIT = 1,      /* model parameters; index = position in the parameter vector */
  RNG_SHUFFLE = 2,   /* order of samples in an epoch */
  RNG_PARTITION = 3, /* which worker owns a sample */
  RNG_COMPRESS = 4,  /* a worker's own randomness in compression */
  RNG_SHARED = 5,    /* randomness all workers share in a round */
  RNG_DATA = 6,      /* synthetic data */
  RNG_AUGMENT = 7,
  RNG_DROPOUT = 8,
  RNG_SCHEDULE = 9, /* events of asynchronous methods */
  RNG_TEST = 10,
  RNG_BOOTSTRAP = 11, /* resampling of seeds in the analysis */
  RNG_PROBE = 12,     /* what a probe draws for itself */
  RNG_TOPOLOGY = 13,  /* random graphs */
};

/* One stream of draws. `worker` is -1 where all share it. */
typedef struct rng_key {
  uint32_t key[2];
  uint32_t high[2]; /* upper half of the counter */
} rng_key;

typedef struct rng_words {
  uint32_t w[4];
} rng_words;

/* The stream for (seed, purpose, worker, time); time is a round, step or epoch. Distinct for every seed, purpose < 2^8,
 * worker in [-1, 2^24 - 2] and time < 2^32. */
HD static inline rng_key rng_stream(uint64_t seed, enum rng_purpose purpose, int worker, uint64_t time) {
  const rng_key out = {{(uint32_t)seed, (uint32_t)(seed >> 32)},
                       {(uint32_t)time, ((uint32_t)purpose << 24) | ((uint32_t)(worker + 1) & 0xffffffu)}};
  return out;
}

/* The stream of the same seed, worker and time for another purpose. */
HD static inline rng_key rng_repurpose(rng_key key, enum rng_purpose purpose) {
  key.high[1] = ((uint32_t)purpose << 24) | (key.high[1] & 0xffffffu);
  return key;
}

/* Four words at position `index` of the stream. */
HD static inline rng_words rng_draw(rng_key key, uint64_t index) {
  const philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)(index >> 32), key.high[0], key.high[1]}};
  const philox4x32_key_t secret = {{key.key[0], key.key[1]}};
  const philox4x32_ctr_t drawn = philox4x32_R(10, counter, secret);
  const rng_words out = {{drawn.v[0], drawn.v[1], drawn.v[2], drawn.v[3]}};
  return out;
}

/* Uniform in [0, 1), a multiple of 2^-24. */
HD static inline float rng_uniform(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }

/* Word `i` of the stream (position i / 4, word i % 4), as a uniform. */
HD static inline float rng_uniform_at(rng_key key, uint64_t i) { return rng_uniform(rng_draw(key, i / 4).w[i % 4]); }

/* Natural logarithm of a normal x in (0, 1], relative error below 1e-12: x = 2^e m with m in [sqrt(1/2), sqrt(2)), and
 * log m = 2 atanh((m - 1) / (m + 1)). Plain arithmetic only, so that every device agrees to the bit. */
HD static inline double rng_log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double series = 1.0 / 15.0;
  series = series * z + 1.0 / 13.0;
  series = series * z + 1.0 / 11.0;
  series = series * z + 1.0 / 9.0;
  series = series * z + 1.0 / 7.0;
  series = series * z + 1.0 / 5.0;
  series = series * z + 1.0 / 3.0;
  series = series * z + 1.0;
  return 2.0 * s * series + exponent * 0.69314718055994531;
}

/* Standard normal by inversion of the word's mid-point uniform (w + 1/2) 2^-32: Wichura, Algorithm AS 241 (Applied
 * Statistics 37, 1988), PPND7, relative error 1e-7, evaluated in fp64. |z| < 6.4, so the branch of AS 241 for tails
 * below exp(-25) is never reached and left out. */
HD static inline float rng_normal(uint32_t word) {
  const double p = ((double)word + 0.5) * 0x1p-32, q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    const double above = ((5.9109374720e+01 * r + 1.5929113202e+02) * r + 5.0434271938e+01) * r + 3.3871327179e+00;
    const double below = ((6.7187563600e+01 * r + 7.8757757664e+01) * r + 1.7895169469e+01) * r + 1.0;
    return (float)(q * above / below);
  }
  const double r = sqrt(-rng_log(q < 0.0 ? p : 1.0 - p)) - 1.6;
  const double above = ((1.7023821103e-01 * r + 1.3067284816e+00) * r + 2.7568153900e+00) * r + 1.4234372777e+00;
  const double below = (1.2021132975e-01 * r + 7.3700164250e-01) * r + 1.0;
  return (float)(q < 0.0 ? -above / below : above / below);
}
HD static inline float rng_normal_at(rng_key key, uint64_t i) { return rng_normal(rng_draw(key, i / 4).w[i % 4]); }

/* A permutation of 0..n-1 (host), n < 2^32: Fisher-Yates with unbiased bounded draws from the stream. */
void rng_permutation(rng_key key, uint32_t *out, size_t n);

#ifdef __cplusplus
}
#endif
#endif
