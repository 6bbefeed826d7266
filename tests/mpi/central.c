/* The methods with servers and Quantized-PR-SGD: the same at every placement and after a pause, and what they reduce
 * to.
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/lab.h"
#include "tests/mpi/variants.h"

enum { DIMENSION = VARIANT_DIMENSION, WORKERS = 5 };
#define QUADRATIC .dataset = "quadratic dimension=200 mu=0.1 samples=400 heterogeneity=1", .model = "quadratic"

static const optimizer full = {.lr = 0.1,
                               .momentum = 0.9,
                               .weight_decay = 0.01,
                               .clip = 6,
                               .schedule = SCHEDULE_MULTISTEP,
                               .milestones = {0.1},
                               .n_milestones = 1,
                               .gamma = 0.5};

/* ---------------------------------------------------------------- placement and pauses */

static const variant variants[] = {
    {"mem-sgd", {"topk density=0.05"}, &full},
    {"mem-sgd memory=none scope=bucket bucket=64", {"qsgd levels=4"}, &full},
    {"mem-sgd memory=update scope=layer", {"topk k=9", "sign"}, &optimizer_plain},
    {"ef-signsgd", {"sign"}, &optimizer_plain},
    {"qsgd bucket=32", {"qsgd levels=7"}, &full},
    {"double-squeeze", {"sign scale=l2"}, &full},
    {"double-squeeze rescale_residual=true", {"topk density=0.05", "qsgd", "ternary"}, &full},
    {"double-squeeze server=sharded", {"sign scale=l2"}, &full},
    {"double-squeeze server=sharded scope=layer", {"randk density=0.1", NULL, "qsgd levels=3"}, &full},
    {"qsparse steps=3", {"topk density=0.05", "sign"}, &full},
    {"qsparse steps=2 down=union reset_memory_on_lr_drop=true", {"topk density=0.05"}, &full},
    {"qsparse steps=4 gap=random", {"topk density=0.1", "qsgd levels=4 shrink=true"}, &full},
    {"qsparse-async steps=3", {"topk density=0.05"}, &full},
    {"double-squeeze", {"clipping bits=12", NULL, "sparsify probability=0.2"}, &full},
    {"quantized-pr-sgd steps=2 bucket=32", {"qsgd levels=3"}, &full},
    {"quantized-pr-sgd steps=2 mode=mean-of-quantized scope=layer", {"qsgd levels=7"}, &full},
    {"quantized-pr-sgd steps=3 mode=shared-scale bucket=48", {"qsgd levels=3"}, &full},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

/* tests/test_central.c compares them between numbers of ranks. */
static int case_digests(int argc, char **argv) {
  (void)argc, (void)argv;
  static const int workers[] = {1, 3, 8};
  const int n_ranks = case_n_ranks();
  for (size_t k = 0; k < sizeof workers / sizeof workers[0]; k++)
    for (int v = 0; v < N_VARIANTS && workers[k] >= n_ranks; v++)
      if (case_digest(variant_options(&variants[v], workers[k], DEVICE_CPU), 4, workers[k] == 3)) return 1;
  return 0;
}

/* save FOLDER or load FOLDER, so that the numbers of ranks may differ. */
static int case_resume(int argc, char **argv) {
  CASE_CHECK(argc == 2);
  for (int v = 0; v < N_VARIANTS; v++) {
    const lab_options o = variant_options(&variants[v], 8, DEVICE_CPU);
    if (strcmp(argv[0], "save") == 0 ? case_save(&o, v, 3, argv[1]) : case_load(&o, v, 3, argv[1])) return 1;
  }
  return 0;
}

/* ---------------------------------------------------------------- reductions to known methods */

typedef struct side {
  const char *method, *compressors[3]; /* the third is that of `down` */
  uint64_t rounds;
} side;

typedef struct equality {
  side one, other;
  const optimizer *optimizer;
  double tolerance; /* of the largest coordinate; 0: equal */
  int n_workers;    /* 0: any */
} equality;

static const equality equalities[] = {
    {{"sgd", {NULL}, 12}, {"mem-sgd memory=none", {"identity"}, 12}, &full, 0, 0},
    {{"sgd", {NULL}, 12}, {"mem-sgd memory=gradient", {"identity"}, 12}, &full, 0, 0},
    {{"sgd", {NULL}, 12}, {"mem-sgd memory=update", {"identity"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"sgd", {NULL}, 12}, {"ef-signsgd", {"identity"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"sgd", {NULL}, 12}, {"qsgd", {"identity"}, 12}, &full, 0, 0},
    {{"sgd", {NULL}, 12}, {"double-squeeze", {"identity"}, 12}, &full, 0, 0},
    {{"sgd", {NULL}, 12}, {"double-squeeze server=sharded", {"identity"}, 12}, &full, 0, 0},
    {{"sgd", {NULL}, 12}, {"qsparse steps=1", {"identity"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"sgd", {NULL}, 12}, {"qsparse steps=1 gap=random", {"identity"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"sgd", {NULL}, 12}, {"qsparse-async steps=1", {"identity"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"sgd", {NULL}, 12}, {"quantized-pr-sgd steps=1 scope=global", {"identity"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"sgd", {NULL}, 12},
     {"quantized-pr-sgd steps=1 scope=global mode=mean-of-quantized", {"identity"}, 12},
     &optimizer_plain,
     1e-6,
     0},
    /* alone the momentum is the worker's everywhere */
    {{"sgd", {NULL}, 12}, {"qsparse steps=3", {"identity"}, 4}, &full, 1e-6, 1},
    {{"sgd", {NULL}, 12}, {"quantized-pr-sgd steps=3 scope=global", {"identity"}, 4}, &full, 1e-6, 1},
    {{"local-sgd steps=3", {NULL}, 4}, {"qsparse steps=3", {"identity"}, 4}, &full, 1e-6, 0},
    {{"local-sgd steps=3", {NULL}, 4}, {"quantized-pr-sgd steps=3 scope=global", {"identity"}, 4}, &full, 1e-6, 0},
    {{"topk-sgd", {"topk k=9"}, 12}, {"mem-sgd", {"topk k=9"}, 12}, &full, 0, 0},
    {{"mem-sgd", {"topk k=9"}, 12}, {"double-squeeze", {"topk k=9", NULL, "identity"}, 12}, &full, 0, 0},
    {{"mem-sgd", {"topk k=9", "sign"}, 12}, {"double-squeeze", {"topk k=9", "sign", "identity"}, 12}, &full, 0, 0},
    {{"mem-sgd memory=update", {"topk k=9"}, 12}, {"qsparse steps=1", {"topk k=9"}, 12}, &optimizer_plain, 1e-6, 0},
    {{"qsparse steps=3", {"topk k=9"}, 4}, {"qsparse steps=3 down=union", {"topk k=9"}, 4}, &full, 0, 0},
    {{"qsparse steps=3", {"topk k=9", "sign"}, 4},
     {"qsparse-async steps=3 gap=fixed", {"topk k=9", "sign"}, 12},
     &full,
     1e-6, /* messages of other rounds: the same but for the rounding of what is sent, x or its change */
     0},
};

static int run_side(const side *s, const equality *e, int m, float *x) {
  const lab_options o = {QUADRATIC,
                         .n_workers = m,
                         .method = s->method,
                         .compressors = {s->compressors[0], s->compressors[1]},
                         .down = s->compressors[2],
                         .batch = 2,
                         .seed = 7,
                         .optimizer = *e->optimizer};
  uint64_t digest;
  CASE_OK(lab_whole_run(&o, s->rounds, &digest, x));
  return 0;
}

static int check_equality(const equality *e, int m) {
  float x[DIMENSION], y[DIMENSION];
  if (run_side(&e->one, e, m, x) || run_side(&e->other, e, m, y)) return 1;
  double worst = 0, largest = 0;
  for (int i = 0; i < DIMENSION; i++) {
    worst = fmax(worst, fabs((double)x[i] - y[i]));
    largest = fmax(largest, fabs(x[i]));
  }
  if (!(worst <= e->tolerance * largest))
    fprintf(stderr, "%s and %s at M = %d are %g apart\n", e->one.method, e->other.method, m, worst / largest);
  CASE_CHECK(worst <= e->tolerance * largest);
  return 0;
}

static int case_equalities(int argc, char **argv) {
  (void)argc, (void)argv;
  const int n_ranks = case_n_ranks();
  for (int m = n_ranks; m <= WORKERS; m += 2)
    for (size_t k = 0; k < sizeof equalities / sizeof equalities[0]; k++)
      if (equalities[k].n_workers == 0 || equalities[k].n_workers == m)
        if (check_equality(&equalities[k], m)) return 1;
  return 0;
}

const mpi_case central_cases[] = {
    {"central-digests", case_digests},
    {"central-resume", case_resume},
    {"central-equalities", case_equalities},
    {NULL, NULL},
};
