#include "algorithms/lattice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VERDICT_FORMAT = 0x6c76 };

enum status lattice_create(const pairwise *pairs, const args *a, lattice *out) {
  const method_env *env = pairs->env;
  const size_t n = env->n_params;
  memset(out, 0, sizeof *out);
  out->pairs = pairs;
  out->bits = (unsigned)args_int(a, "bits");
  out->step = 2 * args_real(a, "y_max") / (exp2(out->bits) - 1);
  out->log2_block = (unsigned)args_int(a, "rotation");
  out->failures = calloc((size_t)env->n_local, sizeof *out->failures);
  if (!out->failures) return FAIL(STATUS_NO_MEMORY, "no memory for the failures of %d workers", env->n_local);
  for (int e = 0; e < 2; e++) {
    TRY_RETURN(device_floats(env->device, n, &out->z[e]));
    TRY_RETURN(device_floats(env->device, n, &out->sum[e]));
  }
  TRY_RETURN(device_floats(env->device, n, &out->value));
  return modulo_codec_create(env, &out->codec);
}

void lattice_destroy(lattice *l) {
  if (!l->pairs) return;
  device *d = l->pairs->env->device;
  for (int e = 0; e < 2; e++) {
    device_release(d, l->z[e]);
    device_release(d, l->sum[e]);
  }
  device_release(d, l->value);
  modulo_codec_destroy(&l->codec);
  free(l->failures);
}

/* One interaction: its two ends, what they send and what they get. */
typedef struct meeting {
  uint64_t number;
  int ends[2], local[2]; /* workers, and their places on this rank or -1 */
  message *out[2];
  const message *in[2];
  bool failed[2]; /* whether the end could not decode; after the verdicts known to both ends */
} meeting;

static rng_key dither_of(const lattice *l, const meeting *m, int e) {
  return rng_stream(l->pairs->env->seed, RNG_SHARED, m->ends[e], m->number);
}

static void rotate(const lattice *l, float *x, bool back) {
  const method_env *env = l->pairs->env;
  if (l->log2_block == 0) return;
  const rng_key signs = rng_stream(env->seed, RNG_SHARED, -1, 0);
  modulo_of(env->device)->rotate(env->stream, signs, x, env->n_params, l->log2_block, back);
}

static modulo_grid grid_of(const lattice *l, const meeting *m, int e, unsigned bits) {
  return (modulo_grid){.step = l->step, .bits = bits, .dither = dither_of(l, m, e)};
}

static enum status send_codes(lattice *l, meeting *m, int e, unsigned bits) {
  const modulo_grid grid = grid_of(l, m, e, bits);
  return modulo_message_encode(&l->codec, &grid, l->z[e], &m->out[e]);
}

/* The grid points of the codes `from` end f near end e's vector, to l->value; whether the checksum is right. */
static enum status read_codes(lattice *l, const meeting *m, int e, int f, const message *from, unsigned bits,
                              bool *is_right) {
  const modulo_grid grid = grid_of(l, m, f, bits);
  return modulo_message_decode(&l->codec, &grid, m->ends[f], from, l->z[e], l->value, is_right);
}

static enum status exchange_codes(lattice *l, meeting *m, float *const *x) {
  const method_env *env = l->pairs->env;
  bool is_right;
  env->enter(env->clock, PHASE_ENCODE);
  for (int e = 0; e < 2; e++) {
    if (m->local[e] < 0) continue;
    vec_copy(env->stream, l->z[e], x[m->local[e]], env->n_params);
    rotate(l, l->z[e], false);
    TRY_RETURN(send_codes(l, m, e, l->bits));
  }
  TRY_RETURN(pair_transfer(l->pairs, m->ends, m->out, modulo_message_bytes(&l->codec, l->bits), m->in));
  env->enter(env->clock, PHASE_DECODE);
  for (int e = 0; e < 2; e++) {
    if (m->local[e] < 0) continue;
    TRY_RETURN(read_codes(l, m, e, e, m->out[e], l->bits, &is_right)); /* what the other end takes for this one */
    vec_copy(env->stream, l->sum[e], l->value, env->n_params);
    TRY_RETURN(read_codes(l, m, e, 1 - e, m->in[e], l->bits, &is_right));
    m->failed[e] = !is_right;
    if (is_right)
      vec_add(env->stream, l->sum[e], l->value, l->sum[e], env->n_params);
    else
      l->failures[m->local[e]]++;
  }
  return STATUS_OK;
}

/* Each end learns whether the other could decode. */
static enum status exchange_verdicts(lattice *l, meeting *m) {
  const method_env *env = l->pairs->env;
  for (int e = 0; e < 2; e++) {
    if (m->local[e] < 0) continue;
    const message_head head = {.format = VERDICT_FORMAT, .count = m->failed[e]};
    TRY_RETURN(message_acquire(comm_pool(env->comm), sizeof head, &m->out[e]));
    message_seal(m->out[e], env->stream, &head);
  }
  TRY_RETURN(pair_transfer(l->pairs, m->ends, m->out, sizeof(message_head), m->in));
  for (int e = 0; e < 2; e++) {
    if (m->local[e] < 0) continue;
    TRY_RETURN(event_wait(m->in[e]->ready));
    const message_head expected = {.format = VERDICT_FORMAT, .count = m->in[e]->head->count != 0};
    TRY_RETURN(pair_expect(m->in[e], m->ends[1 - e], &expected));
    m->failed[1 - e] = expected.count != 0;
  }
  return STATUS_OK;
}

/* Codes of 16 bits to every end that failed. A rank without an end does not know of them and gives an empty list. */
static enum status resend(lattice *l, meeting *m) {
  const method_env *env = l->pairs->env;
  transfer list[2];
  int to[2];
  size_t n = 0;
  for (int e = 0; e < 2; e++) {
    if (!m->failed[e]) continue;
    if (m->local[1 - e] >= 0) TRY_RETURN(send_codes(l, m, 1 - e, MODULO_MAX_BITS));
    list[n] = (transfer){.from = m->ends[1 - e], .to = m->ends[e], .out = m->out[1 - e]};
    to[n++] = e;
  }
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_transfer(env->comm, list, n, modulo_message_bytes(&l->codec, MODULO_MAX_BITS)));
  env->enter(env->clock, PHASE_DECODE);
  for (size_t k = 0; k < n; k++) {
    const int e = to[k];
    bool is_right;
    if (m->local[e] < 0) continue;
    TRY_RETURN(read_codes(l, m, e, 1 - e, list[k].in, MODULO_MAX_BITS, &is_right));
    if (!is_right)
      return FAIL(
          STATUS_DIVERGED,
          "the models of workers %d and %d are not finite, or further apart than codes of 16 bits carry; give a "
          "larger y_max or a smaller step size",
          m->ends[0], m->ends[1]);
    vec_add(env->stream, l->sum[e], l->value, l->sum[e], env->n_params);
  }
  return STATUS_OK;
}

enum status lattice_average(lattice *l, uint64_t number, int i, int j, float *const *x) {
  const method_env *env = l->pairs->env;
  meeting m = {.number = number, .ends = {i, j}, .local = {pairwise_local(l->pairs, i), pairwise_local(l->pairs, j)}};
  TRY_RETURN(exchange_codes(l, &m, x));
  TRY_RETURN(exchange_verdicts(l, &m));
  TRY_RETURN(resend(l, &m));
  for (int e = 0; e < 2; e++) {
    if (m.local[e] < 0) continue;
    vec_scale(env->stream, l->sum[e], 0.5f, env->n_params);
    rotate(l, l->sum[e], true);
    vec_copy(env->stream, x[m.local[e]], l->sum[e], env->n_params);
  }
  comm_release(env->comm);
  return STATUS_OK;
}

enum status lattice_archive(lattice *l, archive *a) {
  const method_env *env = l->pairs->env;
  for (int i = 0; i < env->n_local; i++)
    TRY_RETURN(archive_bytes(a, env->workers[i].id, "decode failures", &l->failures[i], sizeof *l->failures));
  return STATUS_OK;
}

enum status lattice_probe(const lattice *l, const probe_sink *sink) {
  const method_env *env = l->pairs->env;
  for (int i = 0; i < env->n_local; i++)
    TRY_RETURN(sink->emit(sink->context, "decode_failures", env->workers[i].id, (double)l->failures[i]));
  return STATUS_OK;
}
