/* Gossip of compressed model differences between replicas: what DCD-PSGD (Tang et al., NeurIPS 2018, Algorithm 1) and
 * Quantized-PR-SGD's gossip have in common. Worker i keeps a copy xh_j of the model of every worker it hears; x_i and
 * all copies of it are the same bits, since all of them get the same message: K own steps from x_i to y_i;  z_i = sum_j
 * W_ij xh_j + (y_i - x_i);  sends C(z_i - x_i);  x_i <- x_i + C(z_i - x_i) Encoded bytes to each neighbour and round.
 */
#ifndef TERSE_ALGORITHMS_REPLICA_GOSSIP_H
#define TERSE_ALGORITHMS_REPLICA_GOSSIP_H

#include "algorithms/gossip.h"

typedef struct replica_gossip {
  gossip gossip;   /* models.x: x_i between rounds, y_i while its worker steps */
  float **x;       /* n_local: x_i */
  float ***copies; /* [local i][k]: of the k-th worker i hears, see gossip_heard */
} replica_gossip;

/* Fills zeroed memory; after a failure too it is in a state for replica_gossip_destroy. The topology must not vary. */
enum status replica_gossip_create(const method_env *env, const args *a, replica_gossip *out) WARN_UNUSED;
void replica_gossip_destroy(void *state);
/* A round of K = `steps` own steps. */
enum status replica_gossip_round(replica_gossip *r, uint64_t round, uint64_t steps) WARN_UNUSED;
/* A method's callback, where its state begins with a replica_gossip. Copies are not saved: loading fills them with the
 * models of those they are copies of. */
enum status replica_gossip_archive(void *state, archive *a) WARN_UNUSED;

#endif
