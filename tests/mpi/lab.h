/* A run without the runner: what a method needs, opened on every rank of a case. Modules are named as
 * "name key=value key=value". */
#ifndef TERSE_TESTS_MPI_LAB_H
#define TERSE_TESTS_MPI_LAB_H

#include "algorithms/method.h"

typedef struct lab_options {
  enum device_kind device;
  int n_workers;
  const char *dataset, *model, *method;
  const char *compressors[2]; /* of the method's `compressor`; NULL: none (more) */
  const char *down;           /* the one of its `down`; NULL: its default */
  size_t batch;
  size_t accumulate; /* 0: 1 */
  uint64_t probe_every;
  uint64_t seed;
  optimizer optimizer; /* in a lab: of a run of LAB_STEPS steps */
} lab_options;

enum { LAB_STEPS = 40 };

enum { LAB_MAX_PAIRS = 8 };

typedef struct lab_module {
  module_spec spec; /* its name, keys and values point into `text` */
  const char *keys[LAB_MAX_PAIRS], *values[LAB_MAX_PAIRS];
  size_t n_pairs;
  char text[256];
} lab_module;

typedef struct lab {
  lab_options options;
  lab_module dataset, model, method, compressors[2], down;
  module_spec stages[2]; /* the compressors', in the form args hold them */
  device *device;
  stream *stream;
  comm *comm;
  data *data;
  partition *partition;
  net *net;
  worker *workers;
  float *initial, *loss, *part;
  void *scratch;
  method_env env;
  const struct method *algorithm;
  void *state;
} lab;

/* Collective. After a failure too *out is in a state for lab_close. */
enum status lab_open(const lab_options *options, lab *out) WARN_UNUSED;
void lab_close(lab *l);
/* Rounds [first, last), each ended by a check of the stream. */
enum status lab_run(lab *l, uint64_t first, uint64_t last) WARN_UNUSED;
/* The digest of the method's and the workers' state over all ranks. */
enum status lab_digest(lab *l, uint64_t *digest) WARN_UNUSED;
/* The mean model, in host memory (n_params floats). */
enum status lab_iterate(lab *l, float *host) WARN_UNUSED;
/* Saves or loads them in a folder all ranks share. */
enum status lab_save(lab *l, const char *folder) WARN_UNUSED;
enum status lab_load(lab *l, const char *folder) WARN_UNUSED;

/* Opens, runs `n_rounds`, takes the digest and (host not NULL) the mean model, and closes. */
enum status lab_whole_run(const lab_options *options, uint64_t n_rounds, uint64_t *digest, float *host) WARN_UNUSED;

#endif
