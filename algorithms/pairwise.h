/* What event-driven pairwise methods share: the schedule of interactions, whom a worker meets, every worker's own count
 * of steps, and the exact average of a pair.
 *
 * A round is M events, one unit of parallel time on average, so that a worker's steps a round are H on average where an
 * event means H steps. All ranks walk the same events in the same order; in each, comm moves the messages of the pair
 * alone, and ranks without an end of it pass on at once. So the result is the same at every number of ranks, and a
 * worker waits for those it meets only. */
#ifndef TERSE_ALGORITHMS_PAIRWISE_H
#define TERSE_ALGORITHMS_PAIRWISE_H

#include "algorithms/event_schedule.h"
#include "algorithms/method.h"
#include "algorithms/topology.h"

typedef struct pairwise {
  const method_env *env;
  topology topology;
  event_schedule schedule;
  uint64_t *steps; /* [n_workers], on every rank alike: steps each worker has taken */
} pairwise;

#define PAIRWISE_PARAMS EVENT_SCHEDULE_PARAMS, TOPOLOGY_PARAMS("complete")

/* NULL, or why there are no pairs here: a method's `skip`. */
const char *pairwise_skip(const method_env *env, const args *a);
/* From PAIRWISE_PARAMS. After a failure too *out is in a state for pairwise_destroy. */
enum status pairwise_create(const method_env *env, const args *a, pairwise *out) WARN_UNUSED;
void pairwise_destroy(pairwise *p); /* a zeroed one is ignored */
/* Shared sections: the schedule and the counts of steps. */
enum status pairwise_archive(pairwise *p, archive *a) WARN_UNUSED;
/* "steps": how many each worker has taken, its gradient evaluations. */
enum status pairwise_probe(const pairwise *p, const probe_sink *sink) WARN_UNUSED;

/* Worker w's place in env->workers, or -1 where it lives on another rank. */
int pairwise_local(const pairwise *p, int w);
/* Whom the event's worker meets: one of its neighbours, each as likely. */
int pairwise_partner(const pairwise *p, const schedule_event *e);
/* Counts `n` steps of worker w; the first of them. */
uint64_t pairwise_count(pairwise *p, int w, uint64_t n);

/* Workers i and j put their vectors in place of (x_i + x_j)/2; x[l] is local worker l's. Each sends the other its own,
 * 32 d bits. Collective. */
enum status pairwise_average(const pairwise *p, int i, int j, float *const *x) WARN_UNUSED;

/* The messages of a pair, both ways: out[e] is end e's where it is local, else NULL; in[e] is what it gets. Collective.
 */
enum status pair_transfer(const pairwise *p, const int ends[2], message *const out[2], size_t bound,
                          const message *in[2]) WARN_UNUSED;
/* STATUS_BAD_MESSAGE unless its head says what was to come. `from`: its sender, for the words of the error. */
enum status pair_expect(const message *m, int from, const message_head *expected) WARN_UNUSED;

#endif
