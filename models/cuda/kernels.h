/* The steps of a program that are our own kernels: what libraries lack, or what is cheaper fused. Each takes a step's
 * tensors t[0], t[1], … and sizes as it says; rows and columns are those of a value's matrix, whose columns are channels.
 * Values are bf16 or fp32, as their tensors say; parameters and all sums are fp32 or more. Sums run in one fixed order.
 */
#ifndef TERSE_MODELS_CUDA_KERNELS_H
#define TERSE_MODELS_CUDA_KERNELS_H

#include "models/cuda/program.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- batch.c: what a pass begins with */

/* t[0] (rows samples, shape in) = the control's batch. */
void run_load_inputs(const step *s, const binding *b, stream *stream);
/* t[0] (rows samples, columns labels each, int32) */
void run_load_labels(const step *s, const binding *b, stream *stream);

/* ---- weights.c: parameters as the libraries want them */

/* One parameter tensor: `out` rows of `in` x `area` (height times width), at `offset` of the vector; as `area` x `in`
 * from element `to` of the copies on. */
typedef struct weights_entry {
  uint64_t offset, to;
  uint32_t out, in, area;
} weights_entry;
/* t[0] = the copies of the parameters t[1] (all of them), as the columns entries t[2] say, rows elements in all. */
void run_copy_weights(const step *s, const binding *b, stream *stream);
/* The gradients t[1] = those of the copies t[0]: the same the other way round. */
void run_copy_gradients(const step *s, const binding *b, stream *stream);

/* ---- pointwise.c */

/* t[0] += the bias t[1] */
void run_add_bias(const step *s, const binding *b, stream *stream);
/* The gradient of a bias t[1] = the sum of t[0]'s rows; t[2]: partial sums */
void run_bias_gradient(const step *s, const binding *b, stream *stream);
/* t[1] = max(t[0], 0); a NaN stays one. Rows elements. */
void run_relu(const step *s, const binding *b, stream *stream);
/* t[2] = t[1], but 0 where t[0], ReLU's output, is 0 */
void run_relu_backward(const step *s, const binding *b, stream *stream);
/* t[2] = t[0] + t[1]: rows elements. */
void run_sum(const step *s, const binding *b, stream *stream);
/* t[2] (rows samples, shape out) = t[0] + the shortcut of t[1] (shape in: every stride-th row and column, the channels it
 * lacks being zeros), then ReLU where s->relu. */
void run_add(const step *s, const binding *b, stream *stream);
/* t[1] (shape in) = what t[0] (shape out) gives back to the shortcut. */
void run_take(const step *s, const binding *b, stream *stream);
/* t[1] = t[0], dropped as the control says (models/dropout.h): rows of columns, in samples of inner rows, which are
 * pixels, or, where in[0] is 0, steps of time-major samples. */
void run_dropout(const step *s, const binding *b, stream *stream);
/* t[1] = t[0] in t[1]'s type. Where inner is 1, each of rows samples goes from (area, channels) = in[1], in[0] to
 * (channels, area); where it is 2, back. */
void run_convert(const step *s, const binding *b, stream *stream);

/* ---- norm.c: batch norm, with ReLU and an addition fused */

/* Statistics t[1] (mean and 1/deviation, 2 x columns) of t[0]; t[2]: partial sums; t[3] (KEPT, 2 x columns doubles) and
 * t[4] (KEPT, 2 x columns floats): what collecting passes add up, and the statistics that evaluation takes from it. */
void run_norm_statistics(const step *s, const binding *b, stream *stream);
/* t[1] = norm of t[0] by statistics t[2] (t[3] in evaluation), scale and shift t[4] (parameters), + the shortcut of t[5]
 * as run_add has it (NULL: none; else shapes in and out), then ReLU where s->relu. */
void run_norm(const step *s, const binding *b, stream *stream);
/* From t[0] = the gradient in run_norm's output t[1] (NULL: no ReLU), its input t[2] and statistics t[3]: gradients t[4]
 * (both parameters'), the means t[5] (2 x columns) that run_norm_backward takes; t[6]: partial sums. t[7], or NULL: the
 * gradient behind the ReLU. */
void run_norm_sums(const step *s, const binding *b, stream *stream);
/* t[5] = the gradient in t[2], from t[0], t[1], t[2], t[3] as above, the means t[4] and scale t[6] (parameters). */
void run_norm_backward(const step *s, const binding *b, stream *stream);
/* Bytes of partial sums over a matrix. */
size_t partial_sum_bytes(size_t rows, size_t columns);

/* ---- calls.c: library calls */

/* The convolution s->conv of x t[0], w t[1], y t[2]; t[3]: its workspace, or NULL */
void run_conv(const step *s, const binding *b, stream *stream);
/* t[2] (rows x columns) = op(t[0]) op(t[1]), see library_ops */
void run_product(const step *s, const binding *b, stream *stream);
/* The layer s->lstm of in[0] inputs and in[1] units. t[0]: x; t[1]: y; t[2]: h0 and c0 (rows floats each); t[3]: the
 * state, which becomes the last h and c; t[4]: all its parameters; t[5]: reserve; t[6]: workspace */
void run_lstm(const step *s, const binding *b, stream *stream);
/* t[0], t[1], t[2], t[4], t[5], t[6] as above; t[3]: the gradient in y; t[7]: that in x. The parameters'
 * gradients go where those of t[4] go. */
void run_lstm_backward(const step *s, const binding *b, stream *stream);

/* ---- pool.c: windows of kernel x kernel, shapes in and out, rows samples */

/* t[1] = the largest of each window of t[0]; t[2] (uint16): where in the window it is. */
void run_max_pool(const step *s, const binding *b, stream *stream);
/* t[2] = the gradient in the input, from t[0], that in the output, and t[1], the places */
void run_max_pool_backward(const step *s, const binding *b, stream *stream);
void run_average_pool(const step *s, const binding *b, stream *stream);          /* t[1] from t[0] */
void run_average_pool_backward(const step *s, const binding *b, stream *stream); /* t[1] from t[0] */

/* ---- text.c */

/* Rows samples of inner tokens t[0], sample-major: t[2], time-major, = their rows (columns wide) of the table t[1]. */
void run_embedding(const step *s, const binding *b, stream *stream);
/* t[2] (kernel rows) = beta t[2] + the gradient of the table, from t[1], that in run_embedding's output; t[3]: two uint32
 * for each of its rows */
void run_embedding_backward(const step *s, const binding *b, stream *stream);
/* t[0] (rows floats) = the state t[1], or zeros where the control says that it begins. */
void run_begin_state(const step *s, const binding *b, stream *stream);

/* ---- loss.c */

/* Logits t[0] (inner steps x rows samples, columns classes) and labels t[1]: t[2] = the gradient of the mean
 * cross-entropy, smoothed in training by s->smoothing, 0 for samples that do not count; t[3] (an outcome); t[4]: bytes
 * of an outcome for each row. */
void run_softmax_loss(const step *s, const binding *b, stream *stream);
/* Samples t[0] (rows x columns), point t[1], spectrum t[2]: t[3] (an outcome) and, in passes with a gradient, t[4] (NULL
 * else); t[5]: columns doubles. See LAYER_QUADRATIC_LOSS. */
void run_quadratic_loss(const step *s, const binding *b, stream *stream);

/* What a pass ends with, issued by the executor and not part of a program. squares: |params|^2, or NULL where l2 is 0. */

/* *loss = the mean of n_labels a counting sample + the penalty; gradient += l2 params. */
void issue_finish_step(stream *s, const control *c, const outcome *o, size_t n_labels, double l2, const double *squares,
                       const float *params, size_t n_params, float *gradient, float *loss);
/* *total += *o */
void issue_add_outcome(stream *s, const outcome *o, outcome *total);
/* sum += part, in fp64; sum = 0 */
void issue_add_part(stream *s, const float *part, size_t n, double *sum);
void issue_clear(stream *s, double *sum, size_t n, outcome *total);
/* gradient = sum + l2 params */
void issue_finish_gradient(stream *s, const double *sum, const float *params, size_t n, double l2, float *gradient);

#ifdef __cplusplus
}
#endif
#endif
