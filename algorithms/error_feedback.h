/* Residuals: what a worker meant to send and did not (error feedback; Seide et al., Interspeech 2014; Stich et al.,
 * NeurIPS 2018). One vector e_w for each worker of this rank, starting at zero. */
#ifndef TERSE_ALGORITHMS_ERROR_FEEDBACK_H
#define TERSE_ALGORITHMS_ERROR_FEEDBACK_H

#include "algorithms/method.h"

typedef struct error_feedback {
  const method_env *env;
  float **e; /* n_local vectors of n_params floats, device; NULL: the method runs without memory */
  /* For gamma_hat: |v|^2, v.e and |e|^2 of each local worker before its compression, device and pinned; and who has
   * compressed in the probed round. */
  double *terms, *host;
  bool *is_noted;
} error_feedback;

/* Fills *out; after a failure too it is in a state for error_feedback_destroy. */
enum status error_feedback_create(const method_env *env, bool memory, error_feedback *out) WARN_UNUSED;
void error_feedback_destroy(error_feedback *f); /* a zeroed one is ignored */
/* Empties the residuals where one of the n steps from `first` on has a smaller step size than the step before it. */
void error_feedback_reset_on_drop(error_feedback *f, uint64_t first, uint64_t n);
/* Worker sections "residual". */
enum status error_feedback_archive(error_feedback *f, archive *a) WARN_UNUSED;
/* To be called before local worker i's u = v + e is compressed (n_params floats, device; neither is changed): what
 * gamma_hat needs is then noted, where the end of the round is probed. */
void error_feedback_note(error_feedback *f, uint64_t round, int i, const float *v);
void error_feedback_note_all(error_feedback *f, uint64_t round, float *const *v);
/* "residual_norm2": |e_w|^2 of each local worker. And of those that compressed a u other than 0 in the round that ends
 * here, if it was noted, "gamma_hat": the share of u's energy that got through, 1 - |u - C(u)|^2 / |u|^2, e being u -
 * C(u) since. A contraction of factor gamma has E gamma_hat >= gamma. */
enum status error_feedback_probe(error_feedback *f, const probe_sink *sink) WARN_UNUSED;

#endif
