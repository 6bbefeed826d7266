/* What layers are compiled from: steps, tensors of values, sums of gradients, and changes of type and layout. */
#include "models/cuda/compiler.h"

static size_t steps_of(const compiler *c, size_t value) { return value == 0 ? 1 : c->graph->layers[value - 1].steps; }

size_t value_rows(const compiler *c, size_t value) {
  const size_t *shape = graph_shape(c->graph, value);
  return c->batch * steps_of(c, value) * shape[1] * shape[2];
}

static size_t value_count(const compiler *c, size_t value) {
  return c->batch * steps_of(c, value) * graph_count(graph_shape(c->graph, value));
}

tensor *value_tensor(compiler *c, size_t value, bool is_half) {
  tensor *t = gpu_program_tensor(c->program, TENSOR_OWN, value_count(c, value) * (is_half ? 2 : 4));
  t->is_half = is_half;
  return t;
}

step *add_step(compiler *c, void (*run)(const step *, const binding *, stream *), tensor *a, tensor *b, tensor *d) {
  step *s = gpu_program_step(c->program, run);
  s->t[0] = a;
  s->t[1] = b;
  s->t[2] = d;
  s->ops = c->ops;
  s->library = c->library;
  return s;
}

void add_slope(compiler *c, size_t value, tensor *part) {
  tensor **slope = &c->slopes[value];
  if (!*slope) {
    *slope = part;
    return;
  }
  tensor *sum = value_tensor(c, value, (*slope)->is_half);
  add_step(c, run_sum, *slope, part, sum)->rows = value_count(c, value);
  *slope = sum;
}

/* How run_convert goes: its `inner`. */
enum direction { KEEP = 0, TO_PLAIN = 1, FROM_PLAIN = 2 };

static tensor *convert(compiler *c, size_t value, tensor *from, bool is_half, enum direction direction) {
  const size_t *shape = graph_shape(c->graph, value);
  tensor *to = gpu_program_tensor(c->program, TENSOR_OWN, tensor_elements(from) * (is_half ? 2 : 4));
  to->is_half = is_half;
  step *s = add_step(c, run_convert, from, to, NULL);
  s->rows = direction == KEEP ? 1 : c->batch;
  s->in[0] = direction == KEEP ? tensor_elements(from) : shape[0];
  s->in[1] = direction == KEEP ? 1 : shape[1] * shape[2];
  s->inner = direction == FROM_PLAIN ? 2 : 1;
  return to;
}

tensor *as_type(compiler *c, tensor *from, bool is_half) {
  return from->is_half == is_half ? from : convert(c, 0, from, is_half, KEEP);
}

static bool is_plain(const compiler *c, size_t value) {
  const size_t *shape = graph_shape(c->graph, value);
  return shape[0] == 1 || shape[1] * shape[2] == 1;
}

tensor *as_plain(compiler *c, size_t value, tensor *from, bool is_half) {
  return is_plain(c, value) ? as_type(c, from, is_half) : convert(c, value, from, is_half, TO_PLAIN);
}

tensor *from_plain(compiler *c, size_t value, tensor *from) {
  const bool is_half = c->values[value]->is_half;
  return is_plain(c, value) ? as_type(c, from, is_half) : convert(c, value, from, is_half, FROM_PLAIN);
}
