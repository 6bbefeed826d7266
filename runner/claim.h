/* Claims: what a paper states, as a query over the results with the published value, and how it fares.
 *
 *   claims:
 *     - id: gtopk-loss                   # letters, digits, '-'
 *       statement: gTop-k trains like dense SGD
 *       query: SELECT seed, …            # rows of `seed, value`; or one row of one column: an exact number
 *       published: 1
 *       relation: at_most                # what is measured stands to `published`: equal (default), at_most, at_least
 *       tolerance: 0.05                  # default 0
 *       standing: code                   # how the published value is known: code, abs, mem, mem?, der, rec
 *
 * The query may use :experiment and :tier. The value is the mean over seeds; its 95 % interval, from a bootstrap over
 * them, has to lie within what the relation allows. */
#ifndef TERSE_RUNNER_CLAIM_H
#define TERSE_RUNNER_CLAIM_H

#include <sqlite3.h>

#include "core/statistics.h"
#include "runner/yaml.h"

typedef struct claim {
  const char *id, *statement, *query;
  double published, tolerance;
  const char *relation, *standing;
} claim;

typedef struct claim_list {
  const char *experiment;
  claim *items;
  size_t n;
  arena *memory; /* owns all of it; NULL: somebody else's */
} claim_list;

/* The claims of an experiment file's tree, in `memory`; none is no mistake. STATUS_BAD_INPUT with the place. */
enum status claims_read(arena *memory, const node *file, claim_list *out) WARN_UNUSED;
/* The same from a file; release with claims_free. */
enum status claims_load(const char *file, claim_list *out) WARN_UNUSED;
void claims_free(claim_list *list);

typedef struct judgement {
  enum verdict verdict;
  double measured; /* NaN: no results */
  interval interval;
  size_t n_seeds; /* 0: an exact number, or no results */
} judgement;

/* Asks a connection that can only read. No rows, a NULL among them or a single seed: inconclusive. STATUS_BAD_INPUT,
 * with the claim's id, for a query that fails, has other columns, or answers an exact number in several rows. */
enum status claim_judge(sqlite3 *connection, const char *experiment, const char *tier, const claim *c,
                        judgement *out) WARN_UNUSED;

#endif
