/* The executor of GPUs. On CUDA it is device->executor, on cuDNN and cuBLAS; over a library of plain loops it runs on the
 * shadow device, which is how it is tested without a GPU. */
#ifndef TERSE_MODELS_CUDA_EXECUTOR_H
#define TERSE_MODELS_CUDA_EXECUTOR_H

#include "models/cuda/library.h"
#include "models/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `ops` is the table the executor is to have: GPU_EXECUTOR_OPS of a function that calls this one. */
enum status gpu_executor_create(const graph *g, const executor_env *env, const library_ops *libraries,
                                const executor_ops *ops, executor **out) WARN_UNUSED;
void gpu_executor_destroy(executor *e);
size_t gpu_executor_n_state(const executor *e);
enum status gpu_executor_load(executor *e, const data *d, const batch_request *request) WARN_UNUSED;
void gpu_executor_step(executor *e, const pass *p, float *gradient, float *loss);
void gpu_executor_begin_sums(executor *e);
void gpu_executor_score(executor *e, const pass *p);
void gpu_executor_add_gradient(executor *e, const pass *p);
enum status gpu_executor_end_sums(executor *e, const float *params, float *gradient, sums *out) WARN_UNUSED;
void gpu_executor_fork(executor *e);
void gpu_executor_join(executor *e);

#define GPU_EXECUTOR_OPS(create_function)                                                                       \
  {                                                                                                             \
    .create = create_function, .destroy = gpu_executor_destroy, .n_state = gpu_executor_n_state,                \
    .load = gpu_executor_load, .step = gpu_executor_step, .begin_sums = gpu_executor_begin_sums,                \
    .score = gpu_executor_score, .add_gradient = gpu_executor_add_gradient, .end_sums = gpu_executor_end_sums,  \
    .fork = gpu_executor_fork, .join = gpu_executor_join, .run_library = NULL,                                  \
  }

#ifdef __cplusplus
}
#endif
#endif
