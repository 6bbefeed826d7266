/* The average of a pair of close vectors by modular codes (algorithms/modulo.h): SwarmSGD's quantized interaction, with
 * the lattice quantizer of Davies et al., ICLR 2021.
 *
 * Both ends rotate their vectors (where a rotation is asked for), send their codes of b bits a coordinate with a 32-bit
 * checksum, and decode the other's codes near their own vector; the average is of the two grid points, the same bits at
 * both ends. Each end then says, in a message without a body, whether the checksum was right; where it was not, the
 * codes come again with 16 bits of the same integers. Where these fail too the run ends: nothing wrong is ever taken.
 */
#ifndef TERSE_ALGORITHMS_LATTICE_H
#define TERSE_ALGORITHMS_LATTICE_H

#include "algorithms/modulo_message.h"
#include "algorithms/pairwise.h"

typedef struct lattice {
  const pairwise *pairs;
  double step; /* s = 2 y_max / (2^bits - 1) */
  unsigned bits;
  unsigned log2_block; /* of the rotation; 0: none */
  float *z[2];         /* device, n_params: the ends' rotated vectors */
  float *sum[2];       /* device, n_params: sums of the ends' two grid points */
  float *value;        /* device, n_params */
  modulo_codec codec;
  uint64_t *failures; /* [n_local]: codes of b bits each worker could not decode */
} lattice;

/* clang-format off */
#define LATTICE_PARAMS                                                                                              \
  {.name = "bits", .type = PARAM_INT, .fallback = "8", .min = 2, .max = 16,                                         \
   .help = "variant quantized: bits a coordinate (log2 q)"},                                                        \
  {.name = "y_max", .type = PARAM_REAL, .fallback = "0.5", .above_min = true, .max = 1e6,                           \
   .help = "variant quantized: how far apart two workers' coordinates may be; beyond it codes are sent again"},     \
  {.name = "rotation", .type = PARAM_INT, .fallback = "0", .min = 0, .max = 15,                                     \
   .help = "variant quantized: log2 of the blocks of the random rotation, e.g. 10; 0: none"}
/* clang-format on */

/* From LATTICE_PARAMS; `pairs` outlives it. After a failure too *out is in a state for lattice_destroy. */
enum status lattice_create(const pairwise *pairs, const args *a, lattice *out) WARN_UNUSED;
void lattice_destroy(lattice *l); /* a zeroed one is ignored */

/* As pairwise_average, in event number `number`: x_i = x_j = (Q(x_i) + Q(x_j))/2. STATUS_DIVERGED: 16 bits do not carry
 * the distance either. Collective. */
enum status lattice_average(lattice *l, uint64_t number, int i, int j, float *const *x) WARN_UNUSED;

/* Worker sections "decode failures". */
enum status lattice_archive(lattice *l, archive *a) WARN_UNUSED;
/* "decode_failures" of each worker. */
enum status lattice_probe(const lattice *l, const probe_sink *sink) WARN_UNUSED;

#endif
