#include "models/cpu/compiler.h"

enum status compile_loop(compiler *c, step s) {
  s.kind = STEP_LOOP;
  return program_append(c->program, &s);
}

enum status compile_product(compiler *c, char op_a, char op_b, size_t rows, size_t columns, size_t inner, tensor *a,
                            tensor *b, float beta, tensor *out) {
  const step s = {.kind = STEP_GEMM,
                  .a = a,
                  .b = b,
                  .c = out,
                  .rows = rows,
                  .columns = columns,
                  .inner = inner,
                  .beta = beta,
                  .transpose_a = op_a,
                  .transpose_b = op_b};
  return program_append(c->program, &s);
}

enum status compile_activations(compiler *c, size_t steps, const size_t shape[3], tensor **out) {
  const size_t with_batch[4] = {steps * c->batch, shape[0], shape[1], shape[2]};
  return onednn_plain(c->program, 4, with_batch, TENSOR_OWN, 0, out);
}

static enum status view_both(compiler *c, int n_dims, const size_t *shape, size_t offset, tensor **value,
                             tensor **gradient) {
  TRY_RETURN(onednn_plain(c->program, n_dims, shape, TENSOR_PARAMS, offset, value));
  return onednn_plain(c->program, n_dims, shape, TENSOR_GRADIENT, offset, gradient);
}

enum status compile_parameters(compiler *c, const layer *l, compiled_layer *k) {
  parameter_tensors *t = &k->parameters;
  if (l->kind == LAYER_BATCH_NORM) { /* weight and bias lie one after the other */
    const size_t both[2] = {2, l->in[0]};
    return view_both(c, 2, both, l->parameters[0].offset, &t->weights, &t->weights_gradient);
  }
  for (size_t i = 0; i < l->n_parameters; i++) {
    const parameter *p = &l->parameters[i];
    TRY_RETURN(view_both(c, (int)p->n_dims, p->shape, p->offset, &k->values[i], &k->gradients[i]));
  }
  *t = (parameter_tensors){.weights = k->values[0],
                           .bias = k->values[1],
                           .weights_gradient = k->gradients[0],
                           .bias_gradient = k->gradients[1]};
  return STATUS_OK;
}
