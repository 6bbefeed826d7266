/* Data sets: one loader a file. A loaded data set hands out mini-batches as floats; how it stores them is its own. */
#ifndef TERSE_DATASETS_DATASET_H
#define TERSE_DATASETS_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/module.h"
#include "core/rng.h"
#include "core/status.h"
#include "datasets/resident.h"

#ifdef __cplusplus
extern "C" {
#endif

/* PROBE is the fixed set on which gradient norms are measured: the first 2,048 training samples, or, of a
 * synthetic problem, the exact, noise-free objective. */
enum split { SPLIT_TRAIN, SPLIT_TEST, SPLIT_PROBE };

/* What a mini-batch is made from. */
typedef struct batch_request {
  enum split split;
  const uint32_t *ids; /* n sample numbers below the split's size */
  size_t n;
  int worker;  /* who asks; -1: nobody (evaluation) */
  rng_key key; /* randomness of this batch: the stream of (seed, RNG_DATA, worker, step) */
  bool fresh;  /* sequential data: the lanes begin anew (a first step of an epoch), carried state is zeroed before it */
} batch_request;

typedef struct data data;
struct data {
  const struct dataset *module;
  size_t n_train, n_test, n_probe; /* samples; n_train bounds the workers */
  size_t channels, height, width;  /* input shape of one sample; a flat vector has channels = height = 1 */
  size_t n_classes;                /* 0: no labels; text: the vocabulary's size */
  size_t labels_per_sample;        /* 1; text: width, a label for every position; 0: no labels */
  bool sequential;                 /* samples follow one another as in a text: shards are contiguous, lane j of a batch
                                    * walks the j-th contiguous part of its shard, so that state can be carried */
  uint64_t checksum;               /* of the content as loaded (xxHash64), part of a cell's hash */
  const char *standing;            /* "published": content equals the published files; else "unverified", "synthetic" */
  const resident *resident;        /* for devices that make batches themselves; NULL: only `fetch` can */
  const float *spectrum;           /* quadratic: the width eigenvalues of the Hessian; else NULL */
  /* Fills x (n samples, sample-major, channel-height-width; tokens of a text as their numbers) and labels (n times
   * labels_per_sample; untouched where there are none). Pure. */
  enum status (*fetch)(const data *d, const batch_request *request, float *x, int32_t *labels);
  void (*close)(data *d);
  void *state;
};

/* Samples of a split. */
static inline size_t data_split_size(const data *d, enum split split) {
  return split == SPLIT_TRAIN ? d->n_train : split == SPLIT_TEST ? d->n_test : d->n_probe;
}
/* STATUS_BAD_INPUT where a sample is asked for that its split has not. */
enum status data_check_ids(const data *d, const batch_request *request) WARN_UNUSED;
/* Whether a worker is to learn from a batch: then it is augmented, where the data set is. */
static inline bool batch_trains(const batch_request *r) { return r->split == SPLIT_TRAIN && r->worker >= 0; }

typedef struct dataset_env {
  const char *folder; /* folders separated by `:`, searched in order before the packages' folders; NULL: none */
  int n_workers;
  uint64_t seed;
} dataset_env;

typedef struct dataset {
  const char *name, *source;
  const char *version; /* changes when the same parameters give other numbers: part of a cell's hash */
  const param *params; /* besides the common `limit` and `partition`, which the runner adds */
  /* Loads. Where the set is not there at all: STATUS_NO_DATA; where files are missing, truncated or corrupt:
   * STATUS_BAD_DATA. Both name what is missing and the remedy. */
  enum status (*open)(const dataset_env *env, const args *a, data **out);
} dataset;

extern const dataset *const dataset_registry[]; /* NULL-terminated; generated */
const dataset *dataset_find(const char *name);  /* NULL where there is none */
void data_close(data *d);                       /* NULL is ignored */

#ifdef __cplusplus
}
#endif
#endif
