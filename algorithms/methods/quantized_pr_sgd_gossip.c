/* Quantized-PR-SGD, gossip (arXiv 2004.09125). A RECONSTRUCTION: of the paper the abstracts alone could be read; the
 * update is put together from them and from the methods they build on. Every worker takes K steps on its own, from x_i
 * to y_i, then
 *   replicas:  sends Q(z_i - xh_i), z_i = sum_j W_ij xh_j + (y_i - x_i), to all that hold xh_i, who add it; x_i = xh_i
 *   direct:    sends Q(y_i) itself;  x_i = sum_j W_ij Q(y_j)
 * The error of the former shrinks with the steps, if Q's omega stays about 1 (seen here: 3 levels on the whole of
 * LeNet-5 diverge, in buckets of 32 they do not); that of the latter is as large as the models, and the abstract claims
 * that such error keeps gossip from converging. Encoded bytes to each neighbour and round of K steps. With K = 1
 * `replicas` is DCD-PSGD; `direct` with the identity is adapt-first D-PSGD. */
#include <string.h>

#include "algorithms/replica_gossip.h"

typedef struct quantized_gossip {
  replica_gossip replicas; /* direct: the gossip inside it, alone */
  bool is_direct;
  uint64_t steps; /* K */
} quantized_gossip;

static enum status create(const method_env *env, const args *a, void *state) {
  quantized_gossip *s = state;
  s->steps = (uint64_t)args_int(a, "steps");
  s->is_direct = strcmp(args_text(a, "mode"), "direct") == 0;
  if (s->is_direct) return gossip_create(env, a, GOSSIP_COMPRESSED, env->n_params, &s->replicas.gossip);
  return replica_gossip_create(env, a, &s->replicas);
}

static const char *skip(const method_env *env, const args *a) {
  return strcmp(args_text(a, "mode"), "direct") == 0 ? topology_skip(env, a) : gossip_skip_varying(env, a);
}

static size_t steps_per_round(const void *state) { return ((const quantized_gossip *)state)->steps; }

static enum status run_direct(quantized_gossip *s, uint64_t round) {
  gossip *g = &s->replicas.gossip;
  TRY_RETURN(gossip_steps(g, round * s->steps, s->steps));
  TRY_RETURN(gossip_encode(g, round, g->models.x));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < g->env->n_local; i++) {
    vec_fill(g->env->stream, g->models.x[i], 0.0f, g->env->n_params);
    TRY_RETURN(gossip_add_mix(g, round, i, g->models.x[i]));
  }
  gossip_release(g);
  return STATUS_OK;
}

static enum status run_round(void *state, uint64_t round) {
  quantized_gossip *s = state;
  return s->is_direct ? run_direct(s, round) : replica_gossip_round(&s->replicas, round, s->steps);
}

static enum status archive_state(void *state, archive *a) {
  return ((quantized_gossip *)state)->is_direct ? gossip_archive(state, a) : replica_gossip_archive(state, a);
}

static const param params[] = {
    {.name = "mode",
     .type = PARAM_CHOICE,
     .fallback = "replicas",
     .choices = "replicas|direct",
     .help = "what is quantized: differences to replicas that neighbours hold, or the models themselves",
     .in_label = true},
    LOCAL_STEPS_PARAM("8", "local steps between exchanges (K)"),
    TOPOLOGY_PARAMS("ring"),
    PIPELINE_PARAMS("[qsgd: {levels: 127}]"),
    PARAM_END,
};

MODULE(method, quantized_pr_sgd_gossip) = {
    .name = "quantized-pr-sgd-gossip",
    .paper = "arXiv 2004.09125, gossip: a reconstruction from the abstracts",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = skip,
    .state_bytes = sizeof(quantized_gossip),
    .create = create,
    .steps_per_round = steps_per_round,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = archive_state,
    .destroy = replica_gossip_destroy,
};
