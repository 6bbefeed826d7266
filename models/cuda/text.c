#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/kernels.h"

typedef struct {
  const float *tokens, *from; /* tokens: sample-major */
  float *to;
  uint32_t *links; /* for every row, whether it is the first with its token, and the next one with it; 0: none */
  uint32_t n_samples, n_steps, columns;
} embedding_args;

/* The token at a row of a time-major matrix. */
HD static inline uint32_t token_of(const embedding_args *a, uint32_t row) {
  return (uint32_t)a->tokens[row % a->n_samples * a->n_steps + row / a->n_samples];
}

HD static inline void embedding_one(const embedding_args *a, size_t i) {
  const uint32_t row = (uint32_t)i / a->columns, column = (uint32_t)i % a->columns;
  a->to[i] = a->from[token_of(a, row) * (size_t)a->columns + column];
}
KERNEL(embedding, embedding_args, embedding_one)

HD static inline void link_one(const embedding_args *a, size_t i) {
  const uint32_t row = (uint32_t)i, n = a->n_samples * a->n_steps, token = token_of(a, row);
  uint32_t before = 0, after = row + 1;
  while (before < row && token_of(a, before) != token) before++;
  while (after < n && token_of(a, after) != token) after++;
  a->links[2 * row] = before == row;
  a->links[2 * row + 1] = after < n ? after : 0;
}
KERNEL(link_rows, embedding_args, link_one)

/* The first row with a token adds up all rows with it, in order: no two elements write one place. */
HD static inline void embedding_backward_one(const embedding_args *a, size_t i) {
  const uint32_t first = (uint32_t)i / a->columns, column = (uint32_t)i % a->columns;
  if (!a->links[2 * first]) return;
  float *to = a->to + token_of(a, first) * (size_t)a->columns + column, sum = *to;
  uint32_t row = first;
  do {
    sum += a->from[(size_t)row * a->columns + column];
    row = a->links[2 * row + 1];
  } while (row != 0);
  *to = sum;
}
KERNEL(embedding_backward, embedding_args, embedding_backward_one)

static embedding_args embedding_of(const step *s, const float *tokens, const float *from, float *to, void *links) {
  const embedding_args a = {
      tokens, from, to, (uint32_t *)links, (uint32_t)s->rows, (uint32_t)s->inner, (uint32_t)s->columns};
  return a;
}

void run_embedding(const step *s, const binding *b, stream *stream) {
  embedding(stream, s->rows * s->inner * s->columns,
            embedding_of(s, floats_at(b, s->t[0]), floats_at(b, s->t[1]), floats_at(b, s->t[2]), NULL));
}

typedef struct {
  const control *control;
  const float *from;
  float *to;
} state_args;

HD static inline void begin_state_one(const state_args *a, size_t i) {
  a->to[i] = a->control->fresh ? 0 : a->from[i];
}
KERNEL(begin_state, state_args, begin_state_one)

HD static inline void clear_one(const state_args *a, size_t i) { a->to[i] = 0; }
KERNEL(clear_floats, state_args, clear_one)

void run_embedding_backward(const step *s, const binding *b, stream *stream) {
  const state_args table = {NULL, NULL, floats_at(b, s->t[2])};
  if (s->beta == 0) clear_floats(stream, s->kernel * s->columns, table);
  const embedding_args a =
      embedding_of(s, floats_at(b, s->t[0]), floats_at(b, s->t[1]), floats_at(b, s->t[2]), tensor_at(b, s->t[3]));
  link_rows(stream, s->rows * s->inner, a);
  embedding_backward(stream, s->rows * s->inner * s->columns, a);
}

void run_begin_state(const step *s, const binding *b, stream *stream) {
  const state_args a = {b->control, floats_at(b, s->t[1]), floats_at(b, s->t[0])};
  begin_state(stream, s->rows, a);
}
