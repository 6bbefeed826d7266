/* The global Top-k of all workers' Top-k vectors (Shi et al., "A Distributed Synchronous SGD Algorithm with Global
 * Top-k Sparsification for Low Bandwidth Networks", ICDCS 2019): of the sum of M sparse vectors with k entries each, k
 * entries.
 *
 *   naive      all-gather, sum, keep the k largest: the definition.
 *   tree       ceil(log2 M) rounds in which worker w + 2^i sends to w, who adds and keeps the k largest; then a
 * broadcast from worker 0 (Algorithm 3 and the authors' released default). recursive  recursive doubling: workers 2^i
 * apart exchange, and both add and keep the k largest. Every message stands for k entries: 64 k bits in the paper's
 * count.
 *
 * What the aggregate leaves out of a worker's entries goes back into its residual e_w. With the naive and the recursive
 * aggregate no mass is lost or made:  sum_w u_w = aggregate + sum_w e_w.  The tree loses some: a worker puts back the
 * entries whose index is not in the aggregate, but an index cut off in one subtree may come in through another.
 * In the recursive aggregate all workers of a merged group cut the same indices, and each puts back its own share then
 * and there; the share is gone from the group's vector, so that no later round can lose or double it. */
#ifndef TERSE_ALGORITHMS_GTOPK_AGGREGATE_H
#define TERSE_ALGORITHMS_GTOPK_AGGREGATE_H

#include "algorithms/method.h"
#include "algorithms/pipeline.h"

enum gtopk_aggregate { GTOPK_NAIVE, GTOPK_TREE, GTOPK_RECURSIVE };

typedef struct gtopk_aggregator gtopk_aggregator;

/* `p` codes the messages (one selector, global scope, k = pipeline_max_count) and outlives the aggregator, as env does.
 */
enum status gtopk_aggregator_create(const method_env *env, pipeline *p, enum gtopk_aggregate how,
                                    gtopk_aggregator **out) WARN_UNUSED;
void gtopk_aggregator_destroy(gtopk_aggregator *g); /* NULL is ignored */

/* selected[i]: the k entries local worker i has taken out of its vector u; residual[i]: the rest of u, where what is
 * left out is added (device, n_params floats). residual NULL: nothing is put back. *result: the k entries of the
 * aggregate (a sum, not a mean), the same on every rank, valid until the next call. Collective. */
enum status gtopk_aggregate(gtopk_aggregator *g, uint64_t round, const sparse *selected, float *const *residual,
                            const sparse **result) WARN_UNUSED;

#endif
