/* The library of the GPU's executor (models/cuda/library.h) as plain loops in fp64, issued as device work: on the shadow
 * device everything of that executor but cuDNN and cuBLAS is tested without a GPU. */
#ifndef TERSE_TESTS_PLAIN_LIBRARY_H
#define TERSE_TESTS_PLAIN_LIBRARY_H

#include "models/cuda/library.h"
#include "models/executor.h"

extern const library_ops plain_library_ops;
/* The executor over it, for device->executor. */
extern const executor_ops plain_executor_ops;

#endif
