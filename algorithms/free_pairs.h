/* Meetings of workers that really run asynchronously (`execution: free`), each on a rank of its own: every worker's
 * vector lies in a window, and whoever meets a neighbour holds both vectors, takes their average and gives the
 * neighbour it, without the neighbour's doing. A round is one meeting of every worker, at its own pace: nobody waits
 * for anybody but for the two vectors. The order of meetings is the machine's, so that no run can be repeated. */
#ifndef TERSE_ALGORITHMS_FREE_PAIRS_H
#define TERSE_ALGORITHMS_FREE_PAIRS_H

#include "algorithms/execution.h"
#include "algorithms/local_models.h"
#include "algorithms/pairwise.h"
#include "core/comm_window.h"

typedef struct free_pairs {
  const method_env *env;
  comm_window *window; /* NULL: the seeded schedule is walked */
  float *theirs;       /* n_params */
} free_pairs;

/* From EXECUTION_PARAM: a window where execution is free, with env->initial in it. Collective. After a failure too
 * *out is in a state for free_pairs_destroy. */
enum status free_pairs_create(const method_env *env, const args *a, free_pairs *out) WARN_UNUSED;
void free_pairs_destroy(free_pairs *f); /* a zeroed one is ignored */

/* The event of this worker in `round`: one of each worker. */
schedule_event free_pairs_event(const free_pairs *f, uint64_t round, int w);

/* x = the average of this worker's vector and the partner's, which gets it too; partner -1: this worker's vector. What
 * x has become when they part is this worker's vector. */
enum status free_pairs_meet(free_pairs *f, int partner, float *x) WARN_UNUSED;
enum status free_pairs_part(free_pairs *f, int partner, const float *x) WARN_UNUSED;
/* Ends the round's account. */
enum status free_pairs_account(free_pairs *f) WARN_UNUSED;

/* x[0] = this worker's vector, as an iterate or a probe is to see it; nothing where execution is not free. With w = -1
 * all workers have ended their round, and all take part. */
enum status free_pairs_gather(free_pairs *f, int w, float *const *x) WARN_UNUSED;
/* local_models_archive, of the vector where execution is free. Collective there. */
enum status free_pairs_archive(free_pairs *f, local_models *models, archive *a) WARN_UNUSED;

#endif
