#include "models/cuda/compiler.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_ALIGNMENT = 128 }; /* elements: 256 bytes even of bf16 */

/* ---- copies of weights */

/* Plans the copies of all layers of a kind: the first element after them. */
static size_t plan_copies(compiler *c, enum layer_kind kind, size_t to) {
  for (size_t i = 0; i < c->graph->n_layers; i++) {
    const layer *l = &c->graph->layers[i];
    if (l->kind != kind) continue;
    const parameter *p = &l->parameters[0];
    weights_entry *e = &c->copied[c->n_copied++];
    e->offset = p->offset;
    e->to = to;
    e->out = (uint32_t)p->shape[0];
    e->area = kind == LAYER_CONV ? (uint32_t)(l->kernel * l->kernel) : 1;
    e->in = (uint32_t)(p->n / e->out / e->area);
    c->memos[i].copy = to;
    to += (p->n + COPY_ALIGNMENT - 1) / COPY_ALIGNMENT * COPY_ALIGNMENT;
  }
  return to;
}

/* Convolutions read copies always, dense layers in bf16 only; the gradients of these are fp32 and go where they belong. */
static void copy_weights(compiler *c) {
  program *p = c->program;
  const graph *g = c->graph;
  const size_t width = c->is_half ? 2 : 4;
  c->copied = (weights_entry *)calloc(g->n_layers + 1, sizeof *c->copied);
  if (!c->copied) {
    gpu_program_fail(p, FAIL(STATUS_NO_MEMORY, "no memory to compile a model"));
    return;
  }
  const size_t n_conv = plan_copies(c, LAYER_CONV, 0);
  c->n_convolutions = c->n_copied;
  const size_t n = c->is_half ? plan_copies(c, LAYER_DENSE, n_conv) : n_conv;
  if (n == 0) return;
  c->copies = gpu_program_tensor(p, TENSOR_OWN, n * width);
  c->copies_gradient = gpu_program_tensor(p, TENSOR_OWN, n_conv * width);
  c->copies->is_half = c->copies_gradient->is_half = c->is_half;
  c->entries = gpu_program_tensor(p, TENSOR_KEPT, c->n_copied * sizeof *c->copied);
  c->entries->contents = c->copied;
  step *s = add_step(c, run_copy_weights, c->copies, c->params, c->entries);
  s->rows = n;
  s->columns = c->n_copied;
  for (size_t i = 0; i < g->n_layers; i++) {
    const layer *l = &g->layers[i];
    layer_memo *m = &c->memos[i];
    if (l->kind != LAYER_CONV && !(l->kind == LAYER_DENSE && c->is_half)) continue;
    m->weights = gpu_program_part(p, c->copies, m->copy * width, l->parameters[0].n * width);
    if (l->kind == LAYER_CONV)
      m->weights_slope = gpu_program_part(p, c->copies_gradient, m->copy * width, l->parameters[0].n * width);
  }
}

static void give_back_gradients(compiler *c) {
  if (c->n_convolutions == 0) return;
  step *s = add_step(c, run_copy_gradients, c->copies_gradient, c->gradient, c->entries);
  s->rows = tensor_elements(c->copies_gradient);
  s->columns = c->n_convolutions;
}

/* ---- the whole */

static size_t n_readers(const graph *g, size_t value) {
  size_t n = 0;
  for (size_t i = 0; i < g->n_layers; i++)
    n += (g->layers[i].from == value) + (g->layers[i].kind == LAYER_ADD && g->layers[i].other == value);
  return n;
}

/* A norm whose output only the next layer, an addition, reads. */
static bool is_fusible(const graph *g, size_t i) {
  const layer *l = &g->layers[i];
  return l->kind == LAYER_BATCH_NORM && !l->relu && i + 1 < g->n_layers && l[1].kind == LAYER_ADD &&
         l[1].from == i + 1 && n_readers(g, i + 1) == 1;
}

static void compile_forward(compiler *c, size_t i) {
  const layer *l = &c->graph->layers[i];
  layer_memo *m = &c->memos[i];
  if (m->is_fused) return; /* an addition: done with its norm */
  m->is_fused = is_fusible(c->graph, i);
  if (m->is_fused) m[1].is_fused = true;
  if (l->kind == LAYER_CONV)
    compile_conv(c, l, m);
  else if (l->kind == LAYER_DENSE)
    compile_dense(c, l, m);
  else if (l->kind == LAYER_BATCH_NORM)
    compile_norm(c, l, m);
  else if (l->kind == LAYER_LSTM)
    compile_lstm(c, l, m);
  else
    compile_others(c, l, m);
}

static void compile_backward(compiler *c, size_t i) {
  const layer *l = &c->graph->layers[i];
  layer_memo *m = &c->memos[i];
  tensor *dy = c->slopes[i + 1];
  if (!dy) return; /* nobody reads it */
  if (l->kind == LAYER_ADD && m->is_fused)
    compile_norm_backward(c, l - 1, m - 1, dy);
  else if (l->kind == LAYER_CONV)
    compile_conv_backward(c, l, m, dy);
  else if (l->kind == LAYER_DENSE)
    compile_dense_backward(c, l, m, dy);
  else if (l->kind == LAYER_BATCH_NORM)
    compile_norm_backward(c, l, m, dy);
  else if (l->kind == LAYER_LSTM)
    compile_lstm_backward(c, l, m, dy);
  else
    compile_others_backward(c, l, m, dy);
}

static void load_batch(compiler *c) {
  const graph *g = c->graph;
  const layer *last = &g->layers[g->n_layers - 1];
  c->values[0] = value_tensor(c, 0, c->is_half && g->layers[0].kind == LAYER_CONV);
  step *s = add_step(c, run_load_inputs, c->values[0], NULL, NULL);
  s->rows = c->batch;
  memcpy(s->in, g->input, sizeof s->in);
  if (last->kind != LAYER_SOFTMAX_LOSS) return;
  c->labels = gpu_program_tensor(c->program, TENSOR_OWN, c->batch * last->steps * sizeof(int32_t));
  s = add_step(c, run_load_labels, c->labels, NULL, NULL);
  s->rows = c->batch;
  s->columns = last->steps;
}

enum status compile_graph(compiler *c) {
  const graph *g = c->graph;
  while (c->first < g->n_layers && g->layers[c->first].n_parameters == 0) c->first++;
  c->params = gpu_program_bound(c->program, TENSOR_PARAMS, 0, g->n_params);
  c->gradient = gpu_program_bound(c->program, TENSOR_GRADIENT, 0, g->n_params);
  c->outcome = gpu_program_tensor(c->program, TENSOR_KEPT, sizeof(outcome));
  load_batch(c);
  copy_weights(c);
  TRY_RETURN(c->program->status);
  for (size_t i = 0; i < g->n_layers && c->program->status == STATUS_OK; i++) compile_forward(c, i);
  c->program->n_forward = c->program->n_steps;
  tensor **slope = &c->slopes[g->layers[g->n_layers - 1].from]; /* what the loss gives */
  if (*slope && c->program->status == STATUS_OK) *slope = from_plain(c, g->layers[g->n_layers - 1].from, *slope);
  for (size_t i = g->n_layers - 1; i-- > c->first && c->program->status == STATUS_OK;) compile_backward(c, i);
  give_back_gradients(c);
  return c->program->status;
}
