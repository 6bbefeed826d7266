/* Methods, each with what it runs with, on a quadratic of 200 dimensions: what every one of them must withstand. */
#ifndef TERSE_TESTS_MPI_VARIANTS_H
#define TERSE_TESTS_MPI_VARIANTS_H

#include "tests/mpi/lab.h"

enum { VARIANT_DIMENSION = 200 };

typedef struct variant {
  const char *method, *compressors[3]; /* two stages of `compressor`, and one of `down` */
  const optimizer *optimizer;
} variant;

lab_options variant_options(const variant *v, int n_workers, enum device_kind kind);

/* lr 0.1 and nothing else; with everything the optimizer has, each part of it at work within the first few rounds: the
 * clip lies among the norms of the workers' mean gradients on that quadratic, and below those of their own. */
extern const optimizer optimizer_plain, optimizer_full;
/* Nesterov's momentum, weight decay of weights alone, and a step size that the run's length decides. */
extern const optimizer optimizer_late;

int case_n_ranks(void);
/* Runs it for some rounds, on the CPU, and has rank 0 print "digest METHOD on MODEL M=m DIGEST", which is compared
 * between numbers of ranks; with `shadow` also on that device, which must give the same. */
int case_digest(lab_options o, uint64_t n_rounds, bool shadow);
/* The number-th run: n_rounds of it saved in the folder; taken up there and compared, after as many rounds more, with a
 * run that never stopped. */
int case_save(const lab_options *o, int number, uint64_t n_rounds, const char *folder);
int case_load(const lab_options *o, int number, uint64_t n_rounds, const char *folder);
/* All workers' models on every rank: host holds n_workers rows of n_params. Collective. */
int lab_models(lab *l, float *host);

#endif
