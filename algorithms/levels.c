#include "algorithms/levels.h"

#include <stdlib.h>
#include <string.h>

#include "algorithms/codes.h"
#include "core/kernel.h"

enum status levels_create(const compressor_env *env, uint32_t levels, enum reduction norm, size_t size, void **state) {
  void *memory = NULL;
  *state = NULL;
  level_coder *l = (level_coder *)calloc(1, size);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory for a quantizer");
  l->device = env->device;
  l->levels = levels;
  l->norm = norm;
  l->width = 1;
  while (((uint64_t)1 << (l->width - 1)) < (uint64_t)levels + 1) l->width++;
  enum status status = device_alloc(env->device, sizeof *l->reduced, &memory);
  l->reduced = (double *)memory;
  if (status == STATUS_OK) status = device_floats(env->device, 1, &l->scale);
  if (status != STATUS_OK) levels_destroy(l);
  *state = status == STATUS_OK ? l : NULL;
  return status;
}

void levels_destroy(void *state) {
  level_coder *l = (level_coder *)state;
  if (!l) return;
  device_release(l->device, l->reduced);
  device_release(l->device, l->scale);
  free(l);
}

double levels_theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)convention;
  return n == 0 ? 0 : (double)n * ((const level_coder *)state)->width + 32;
}

size_t levels_body_bytes(const void *state, size_t n) {
  return n == 0 ? 0 : 4 + 4 * codes_words(((const level_coder *)state)->width, n);
}

unsigned levels_padding_bits(const void *state, size_t n) {
  return codes_padding(((const level_coder *)state)->width, n);
}

typedef struct {
  const double *reduced;
  float *scale;
  uint32_t *word;
  double divisor;
  bool is_square;
} scale_args;

static HD inline void put_scale(const scale_args *p, size_t i) {
  const double norm = p->is_square ? sqrt(*p->reduced) : *p->reduced;
  const float sent = (float)(norm / p->divisor);
  p->scale[i] = (float)norm;
  memcpy(&p->word[i], &sent, sizeof sent);
}
KERNEL(put_scales, scale_args, put_scale)

typedef struct group_encode_args {
  const float *x;
  uint32_t *words;
  const float *scale; /* device, one: N */
  size_t n;
  uint32_t levels;
  unsigned width;
  rng_key key;
} group_encode_args;

/* Group g draws the words of blocks 8 g to 8 g + 7. */
static HD inline void group_encode(const group_encode_args *p, size_t g) {
  const size_t end = codes_group_end(g, p->n);
  const float scale = *p->scale, levels = (float)p->levels;
  code_writer w = {p->words + g * p->width, 0, 0};
  for (size_t i = g * CODES_GROUP; i < end; i += 4) {
    const rng_words drawn = rng_draw(p->key, i / 4);
    for (unsigned j = 0; j < 4 && i + j < end; j++) {
      const uint32_t level = level_of(p->x[i + j], scale, levels, drawn.w[j]);
      code_put(&w, level | (uint32_t)(p->x[i + j] < 0) << (p->width - 1), p->width);
    }
  }
  code_finish(&w);
}
KERNEL(encode_groups, group_encode_args, group_encode)

typedef struct group_decode_args {
  const uint32_t *words;
  const uint32_t *scale; /* device, one: the bits of the scale */
  uint32_t *fault;
  float *y;
  float a;
  size_t n;
  uint32_t levels;
  unsigned width;
} group_decode_args;

static HD inline void group_decode_add(const group_decode_args *p, size_t g) {
  const size_t end = codes_group_end(g, p->n);
  const uint32_t mask = (1u << (p->width - 1)) - 1;
  code_reader r = {p->words + g * p->width, 0, 0};
  float scale;
  memcpy(&scale, p->scale, sizeof scale);
  for (size_t i = g * CODES_GROUP; i < end; i++) {
    const uint32_t code = code_take(&r, p->width), level = code & mask;
    if (level > p->levels) kernel_fault(p->fault, FAULT_VALUE);
    const float value = scale * ((float)level / (float)p->levels);
    p->y[i] += p->a * (code > mask ? -value : value);
  }
}
KERNEL(decode_groups, group_decode_args, group_decode_add)

void levels_encode(const level_coder *l, const call *c, const float *x, size_t n, double divisor, unsigned char *body) {
  uint32_t *words = (uint32_t *)(void *)body;
  if (n == 0) return;
  vec_reduce(c->stream, l->norm, x, NULL, n, l->reduced, c->scratch);
  const scale_args scale = {.reduced = l->reduced,
                            .scale = l->scale,
                            .word = words,
                            .divisor = divisor,
                            .is_square = l->norm == REDUCE_SQUARES};
  put_scales(c->stream, 1, scale);
  const group_encode_args a = {.x = x,
                               .words = words + 1,
                               .scale = l->scale,
                               .n = n,
                               .levels = l->levels,
                               .width = l->width,
                               .key = call_key(c)};
  encode_groups(c->stream, codes_groups(n), a);
}

void levels_decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  const level_coder *l = (const level_coder *)state;
  const uint32_t *words = (const uint32_t *)(const void *)body;
  const group_decode_args d = {.words = words + 1,
                               .scale = words,
                               .fault = c->stream->fault,
                               .y = y,
                               .a = a,
                               .n = n,
                               .levels = l->levels,
                               .width = l->width};
  decode_groups(c->stream, codes_groups(n), d);
}
