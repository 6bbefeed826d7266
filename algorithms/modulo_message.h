/* Messages of modular codes (algorithms/modulo.h): head, checksum of the integers, codes. A receiver close enough to
 * the sender finds the very grid points, and the checksum says whether it was. */
#ifndef TERSE_ALGORITHMS_MODULO_MESSAGE_H
#define TERSE_ALGORITHMS_MODULO_MESSAGE_H

#include "algorithms/method.h"
#include "algorithms/modulo.h"

typedef struct modulo_codec {
  const method_env *env;
  uint32_t *checksum; /* device, one */
  uint32_t *scratch;  /* device */
  uint32_t *seen;     /* pinned, two: checksums, sent and found */
} modulo_codec;

/* For vectors of n_params floats. After a failure too *out is in a state for modulo_codec_destroy. */
enum status modulo_codec_create(const method_env *env, modulo_codec *out) WARN_UNUSED;
void modulo_codec_destroy(modulo_codec *c); /* a zeroed one is ignored */

/* Bytes of a message, head included. */
size_t modulo_message_bytes(const modulo_codec *c, unsigned bits);
/* A message with the codes of x. Its theory is bits * n_params: the checksum is not part of it. */
enum status modulo_message_encode(modulo_codec *c, const modulo_grid *grid, const float *x, message **out) WARN_UNUSED;
/* The grid points of worker `from`'s message nearest to y (value may be y), and whether they are what it encoded. Waits
 * for the device. STATUS_BAD_MESSAGE: the head is not one of these codes. */
enum status modulo_message_decode(modulo_codec *c, const modulo_grid *grid, int from, const message *in, const float *y,
                                  float *value, bool *is_right) WARN_UNUSED;

#endif
