/* Residuals: what a worker meant to send and did not (error feedback; Seide et al., Interspeech 2014; Stich et al.,
 * NeurIPS 2018). One vector e_w for each worker of this rank, starting at zero. */
#ifndef TERSE_ALGORITHMS_ERROR_FEEDBACK_H
#define TERSE_ALGORITHMS_ERROR_FEEDBACK_H

#include "algorithms/method.h"

typedef struct error_feedback {
  const method_env *env;
  float **e; /* n_local vectors of n_params floats, device; NULL: the method runs without memory */
} error_feedback;

/* Fills *out; after a failure too it is in a state for error_feedback_destroy. */
enum status error_feedback_create(const method_env *env, bool memory, error_feedback *out) WARN_UNUSED;
void error_feedback_destroy(error_feedback *f); /* a zeroed one is ignored */
/* Empties the residuals where one of the n steps from `first` on has a smaller step size than the step before it. */
void error_feedback_reset_on_drop(error_feedback *f, uint64_t first, uint64_t n);
/* Worker sections "residual". */
enum status error_feedback_archive(error_feedback *f, archive *a) WARN_UNUSED;
/* "residual_norm2": |e_w|^2 of each local worker. */
enum status error_feedback_probe(const error_feedback *f, const probe_sink *sink) WARN_UNUSED;

#endif
