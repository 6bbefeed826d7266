/* What a device must be able to do with a layer graph. The CPU's executor (models/cpu) serves the shadow device too;
 * CUDA's (models/cuda) comes with libterse_cuda.so, as device->executor. models/net.c stands on this and knows nothing
 * of either.
 *
 * A pass runs over the batch that `load` made just before. Passes are issued to the stream and run in its order;
 * failures stick to the stream. Results in device memory may be used by whatever is issued to the stream afterwards. */
#ifndef TERSE_MODELS_EXECUTOR_H
#define TERSE_MODELS_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "datasets/dataset.h"
#include "models/graph.h"
#include "models/model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum run_mode {
  RUN_TRAIN = 1,   /* batches are normalised by their own statistics */
  RUN_COLLECT = 2, /* the same, and the statistics of runs collected = 0, 1, … are averaged */
  RUN_EVALUATE = 4 /* batches are normalised by the averages of the collecting runs just before */
};

typedef struct pass {
  enum run_mode mode;
  size_t collected; /* RUN_COLLECT: how many runs went before */
  const float *params;
  float *state; /* the worker's, advanced; NULL: one of the executor's own, or there is none */
  bool fresh;   /* the state begins as zeros, whatever it holds */
  bool drops;   /* dropout is at work, with `key` */
  rng_key key;
  size_t count, total; /* the first `count` samples of the batch count, in a mean over `total` */
} pass;

/* Over the passes since begin_sums. */
typedef struct sums {
  double loss; /* of the counting samples' labels */
  size_t n_right;
  double penalty; /* l2/2 |params|^2 */
} sums;

/* Every executor begins with this. */
typedef struct executor {
  const struct executor_ops *ops;
} executor;

typedef struct executor_env {
  device *device;
  stream *stream;
  size_t batch; /* samples, exactly */
  const net_options *options;
} executor_env;

typedef struct executor_ops {
  /* The graph may go afterwards, its spectrum may not. STATUS_UNSUPPORTED where the device lacks the math. */
  enum status (*create)(const graph *g, const executor_env *env, executor **out);
  void (*destroy)(executor *e); /* NULL is ignored */
  size_t (*n_state)(const executor *e); /* floats of a worker's state */
  /* Makes the next pass's batch; d fits the graph. Waits only where a batch of before is still unread. */
  enum status (*load)(executor *e, const data *d, const batch_request *request);
  /* gradient = d(mean loss)/d(params), *loss = the mean loss, regulariser included; both device memory. */
  void (*step)(executor *e, const pass *p, float *gradient, float *loss);
  void (*begin_sums)(executor *e);
  void (*score)(executor *e, const pass *p);        /* adds to the sums: no gradient */
  void (*add_gradient)(executor *e, const pass *p); /* the same, and its gradient to one in fp64 */
  /* gradient (device memory; NULL: not wanted) = that of the add_gradient passes, regulariser included. Waits. */
  enum status (*end_sums)(executor *e, const float *params, float *gradient, sums *out);
  /* Steps between the two may run side by side; their results are complete for what is issued after join. */
  void (*fork)(executor *e);
  void (*join)(executor *e);
  /* Runs the library calls of the last step, which has ended, once more. NULL: it cannot. */
  enum status (*run_library)(executor *e);
} executor_ops;

extern const executor_ops cpu_executor_ops;

#ifdef __cplusplus
}
#endif
#endif
