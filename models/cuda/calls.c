#include "models/cuda/kernels.h"

static void *optional_at(const binding *b, const tensor *t) { return t ? tensor_at(b, t) : NULL; }

void run_conv(const step *s, const binding *b, stream *stream) {
  (void)stream; /* the library's own */
  s->ops->conv_run(s->library, s->conv, tensor_at(b, s->t[0]), tensor_at(b, s->t[1]), tensor_at(b, s->t[2]),
                   optional_at(b, s->t[3]));
}

void run_product(const step *s, const binding *b, stream *stream) {
  (void)stream;
  s->ops->product(s->library, s->op[0], s->op[1], s->rows, s->columns, s->inner, tensor_at(b, s->t[0]),
                  tensor_at(b, s->t[1]), floats_at(b, s->t[2]), s->t[0]->is_half);
}

/* What both passes take. The four parameters follow one another (models/graph.h). */
static lstm_arguments arguments_of(const step *s, const binding *b) {
  const size_t n_in = s->in[0], units = s->in[1];
  const size_t parameters[4] = {4 * units * n_in, 4 * units * units, 4 * units, 4 * units};
  lstm_arguments a = {NULL};
  size_t offset = s->t[4]->offset;
  for (int k = 0; k < 4; k++) {
    a.weights[k] = b->params + offset;
    a.weights_gradient[k] = b->gradient ? b->gradient + offset : NULL;
    offset += parameters[k];
  }
  a.x = floats_at(b, s->t[0]);
  a.y = floats_at(b, s->t[1]);
  a.h0 = floats_at(b, s->t[2]);
  a.c0 = a.h0 + s->rows;
  a.reserve = optional_at(b, s->t[5]);
  a.workspace = optional_at(b, s->t[6]);
  return a;
}

void run_lstm(const step *s, const binding *b, stream *stream) {
  (void)stream;
  lstm_arguments a = arguments_of(s, b);
  a.h = floats_at(b, s->t[3]);
  a.c = a.h + s->rows;
  s->ops->lstm_forward(s->library, s->lstm, &a);
}

void run_lstm_backward(const step *s, const binding *b, stream *stream) {
  (void)stream;
  lstm_arguments a = arguments_of(s, b);
  a.dy = floats_at(b, s->t[3]);
  a.dx = floats_at(b, s->t[7]);
  s->ops->lstm_backward(s->library, s->lstm, &a);
}
