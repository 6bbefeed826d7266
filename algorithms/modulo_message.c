#include "algorithms/modulo_message.h"

#include <string.h>

#include "algorithms/codes.h"

enum { FORMAT = 0x6d6f };

enum status modulo_codec_create(const method_env *env, modulo_codec *out) {
  const size_t n_words = modulo_scratch_words(env->n_params);
  *out = (modulo_codec){.env = env};
  TRY_RETURN(device_alloc(env->device, sizeof *out->checksum, (void **)&out->checksum));
  TRY_RETURN(device_alloc(env->device, n_words * sizeof *out->scratch, (void **)&out->scratch));
  return device_alloc_host(env->device, 2 * sizeof *out->seen, (void **)&out->seen);
}

void modulo_codec_destroy(modulo_codec *c) {
  if (!c->env) return;
  device_release(c->env->device, c->checksum);
  device_release(c->env->device, c->scratch);
  device_release_host(c->env->device, c->seen);
}

static message_head head_of(const modulo_codec *c, unsigned bits) {
  const size_t n = c->env->n_params, n_words = codes_words(bits, n);
  return (message_head){.format = FORMAT,
                        .padding_bits = (uint16_t)codes_padding(bits, n),
                        .n = (uint32_t)n,
                        .count = (uint32_t)n,
                        .body_bytes = (uint32_t)(4 * (1 + n_words))};
}

size_t modulo_message_bytes(const modulo_codec *c, unsigned bits) {
  return sizeof(message_head) + head_of(c, bits).body_bytes;
}

enum status modulo_message_encode(modulo_codec *c, const modulo_grid *grid, const float *x, message **out) {
  const method_env *env = c->env;
  const message_head head = head_of(c, grid->bits);
  TRY_RETURN(message_acquire(comm_pool(env->comm), modulo_message_bytes(c, grid->bits), out));
  uint32_t *body = (uint32_t *)(void *)message_body(*out);
  modulo_of(env->device)->encode(env->stream, grid, x, env->n_params, body + 1, body, c->scratch);
  (*out)->theory_bits = (double)grid->bits * (double)env->n_params;
  message_seal(*out, env->stream, &head);
  return STATUS_OK;
}

enum status modulo_message_decode(modulo_codec *c, const modulo_grid *grid, int from, const message *in, const float *y,
                                  float *value, bool *is_right) {
  const method_env *env = c->env;
  const message_head expected = head_of(c, grid->bits);
  TRY_RETURN(event_wait(in->ready));
  if (memcmp(in->head, &expected, sizeof expected) != 0)
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message does not hold %u bits for each of %zu values", from,
                grid->bits, env->n_params);
  const uint32_t *body = (const uint32_t *)(const void *)message_body(in);
  modulo_of(env->device)->decode(env->stream, grid, body + 1, y, env->n_params, value, c->checksum, c->scratch);
  stream_copy(env->stream, &c->seen[0], body, sizeof *c->seen);
  stream_copy(env->stream, &c->seen[1], c->checksum, sizeof *c->seen);
  TRY_RETURN(stream_synchronize(env->stream));
  *is_right = c->seen[0] == c->seen[1];
  return STATUS_OK;
}
