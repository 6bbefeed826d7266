/* Methods, each with what it runs with, on a quadratic of 200 dimensions: what every one of them must withstand. */
#ifndef TERSE_TESTS_MPI_VARIANTS_H
#define TERSE_TESTS_MPI_VARIANTS_H

#include "tests/mpi/lab.h"

enum { VARIANT_DIMENSION = 200 };

typedef struct variant {
  const char *method, *compressors[3]; /* two stages of `compressor`, and one of `down` */
  const optimizer *optimizer;
} variant;

/* "digest WHAT M=m DIGEST", by rank 0: what is compared between numbers of ranks. */
void print_digest(const char *what, int n_workers, uint64_t digest);

lab_options variant_options(const variant *v, int n_workers, enum device_kind kind);
/* Runs it for some rounds and prints the digest, on the CPU; with `shadow` also there, which must give the same. */
int variant_print_digest(const variant *v, int n_workers, bool shadow);
/* The number-th variant's run: n_rounds of it saved in the folder; taken up there and compared, after as many rounds
 * more, with a run that never stopped. */
int variant_save(const variant *v, int number, int n_workers, uint64_t n_rounds, const char *folder);
int variant_load(const variant *v, int number, int n_workers, uint64_t n_rounds, const char *folder);
/* All workers' models on every rank: host holds n_workers rows of n_params. Collective. */
int lab_models(lab *l, float *host);

#endif
