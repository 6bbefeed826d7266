/* What synchronous decentralised methods share: a model of its own for every local worker, a topology, and one exchange
 * a round in which every worker sends one message to those that listen to it. With v_j what worker j sends and C(v_j)
 * what its receivers decode, the receiver's side is a weighted sum over itself and those it hears, in ascending order.
 *
 * A method's state begins with a gossip: then gossip_destroy, gossip_iterate, gossip_probe, gossip_facts and
 * gossip_archive are its callbacks, or what its own begin with. */
#ifndef TERSE_ALGORITHMS_GOSSIP_H
#define TERSE_ALGORITHMS_GOSSIP_H

#include "algorithms/local_models.h"
#include "algorithms/pipeline.h"
#include "algorithms/topology.h"

enum gossip_payload {
  GOSSIP_DENSE,      /* C is the identity */
  GOSSIP_COMPRESSED, /* C is what PIPELINE_PARAMS say */
  GOSSIP_OWN,        /* the method puts messages of at most `bound` bytes into `sent` and reads them itself */
};

typedef struct gossip {
  const method_env *env;
  local_models models;
  topology topology;
  layer_table layers; /* of what is sent */
  pipeline *pipeline; /* NULL: the payload is GOSSIP_OWN */
  size_t bound;       /* bytes of the largest message */
  message **sent;     /* n_local: the local workers' own, until gossip_release */
  transfer *list;     /* all that goes in a round, of each matrix of the topology, by receiver, then sender */
  float **spare;      /* n_local: the workers' gradients, free for a method's own use after its steps */
  size_t *first;      /* receiver i of matrix p hears [first[p n + i], first[p n + i + 1]) of list */
} gossip;

/* `a` holds TOPOLOGY_PARAMS and, for GOSSIP_COMPRESSED, PIPELINE_PARAMS. Vectors of n_floats are sent; where that is
 * not n_params the payload is dense. Fills *out; after a failure too it is in a state for gossip_destroy. */
enum status gossip_create(const method_env *env, const args *a, enum gossip_payload payload, size_t n_floats,
                          gossip *out) WARN_UNUSED;

/* A `skip` for methods that keep what they have heard: topology_skip, or that the neighbours change. */
const char *gossip_skip_varying(const method_env *env, const args *a);

/* n steps of every local worker, from step `first`: local_models_steps. */
enum status gossip_steps(gossip *g, uint64_t first, uint64_t n) WARN_UNUSED;
/* Every local worker i encodes v[i]. */
enum status gossip_encode(gossip *g, uint64_t round, float *const *v) WARN_UNUSED;
/* The same of v[i] + e[i], with e[i] then what was lost: e = u - C(u). */
enum status gossip_encode_feedback(gossip *g, uint64_t round, float *const *v, float *const *e) WARN_UNUSED;
/* Messages go to all that listen in this round. Collective. */
enum status gossip_exchange(gossip *g, uint64_t round) WARN_UNUSED;
/* Between exchange and release, for local worker i:  y += C(v_i);  y += C(v_j) for the k-th worker it hears;
 * y += sum_j W_ij C(v_j);  y += a sum_j (W_ij - I_ij) C(v_j), both sums over i too. */
enum status gossip_add_own(gossip *g, uint64_t round, int i, float *y) WARN_UNUSED;
enum status gossip_add_heard(gossip *g, uint64_t round, int i, size_t k, float *y) WARN_UNUSED;
enum status gossip_add_mix(gossip *g, uint64_t round, int i, float *y) WARN_UNUSED;
enum status gossip_add_pull(gossip *g, uint64_t round, int i, float a, float *y) WARN_UNUSED;
void gossip_release(gossip *g);
/* encode(v), exchange, y[i] += a sum_j (W_ij - I_ij) C(v_j), release. */
enum status gossip_pull(gossip *g, uint64_t round, float a, float *const *v, float *const *y) WARN_UNUSED;

/* The workers that local worker i hears in this round, ascending: *count transfers to it. */
const transfer *gossip_heard(const gossip *g, uint64_t round, int i, size_t *count);

/* A method's callbacks; `state` begins with a gossip. */
void gossip_destroy(void *state);
enum status gossip_iterate(void *state, int worker, float *x) WARN_UNUSED;
enum status gossip_probe(void *state, const probe_sink *sink) WARN_UNUSED;
enum status gossip_facts(void *state, const probe_sink *sink) WARN_UNUSED;
enum status gossip_archive(void *state, archive *a) WARN_UNUSED;

#endif
