/* The methods at work: what they compute against each other, that the placement and the device do not matter, and that
 * a saved run goes on as if it had never stopped. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/gtopk.h"
#include "tests/mpi/gtopk_method.h"
#include "tests/mpi/simulation.h"
#include "tests/mpi/variants.h"

enum { MAX_WORKERS = 9, DIMENSION = 200 };
#define QUADRATIC .dataset = "quadratic dimension=200 mu=0.1 samples=400 heterogeneity=1", .model = "quadratic"
#define TEXT .dataset = "tiny-text", .model = "lstm layers=2 units=6"        /* workers carry state */
#define IMAGES .dataset = "tiny-images", .model = "resnet20", .n_workers = 5 /* batches are normalised */

/* Every method, and every branch of it. */
static const variant variants[] = {
    {"sgd", {NULL}, &optimizer_full},
    {"local-sgd steps=3", {NULL}, &optimizer_full},
    {"local-sgd steps=2 average_momentum=true", {NULL}, &optimizer_full},
    {"local-sgd steps=4 average_momentum=true", {NULL}, &optimizer_late},
    {"topk-sgd", {"topk density=0.05"}, &optimizer_full},
    {"topk-sgd memory=false indices=packed", {"randk density=0.1"}, &optimizer_plain},
    {"topk-sgd scope=bucket bucket=64 indices=delta", {"threshold tau=0.2"}, &optimizer_full},
    {"topk-sgd indices=delta", {"topk density=0.1", "qsgd levels=4 shrink=true"}, &optimizer_plain},
    {"topk-sgd scope=layer", {"topk density=0.1", "sign"}, &optimizer_full},
    {"topk-sgd memory=false scope=bucket bucket=64", {"ternary"}, &optimizer_full},
    {"gtopk k=7 aggregate=naive", {NULL}, &optimizer_full},
    {"gtopk k=7 aggregate=tree", {NULL}, &optimizer_full},
    {"gtopk k=7 aggregate=recursive indices=packed", {NULL}, &optimizer_full},
    {"gtopk k=7 memory=false", {NULL}, &optimizer_full},
    {"gtopk density=0.1 step_inside=true", {NULL}, &optimizer_plain},
    {"gtopk k=7 momentum_correction=true", {NULL}, &optimizer_full},
};

/* Nets whose workers have more to them than parameters; n_workers: the only number that is tried, 0: any. */
static const lab_options on_nets[] = {
    {TEXT, .method = "sgd"},
    {TEXT, .method = "local-sgd steps=3"},
    {TEXT, .method = "gtopk density=0.05"},
    {IMAGES, .method = "local-sgd steps=2"},
    {IMAGES, .method = "local-sgd steps=1", .accumulate = 2, .optimizer = {.nesterov = true}},
    {IMAGES, .method = "topk-sgd", .compressors = {"topk density=0.05"}},
};
enum { N_METHODS = sizeof variants / sizeof variants[0], N_VARIANTS = N_METHODS + sizeof on_nets / sizeof on_nets[0] };

static lab_options options_of(int v, int m) {
  if (v < N_METHODS) return variant_options(&variants[v], m, DEVICE_CPU);
  lab_options o = on_nets[v - N_METHODS];
  o.optimizer = o.optimizer.nesterov ? optimizer_late : optimizer_full;
  o.n_workers = m;
  o.batch = 2;
  o.seed = 11;
  return o;
}

static bool is_tried(int v, int m) {
  return v < N_METHODS || on_nets[v - N_METHODS].n_workers == 0 || on_nets[v - N_METHODS].n_workers == m;
}

/* ---------------------------------------------------------------- placement and device */

/* Prints the digest of every method at numbers of workers this many ranks can hold; tests/test_placement.c compares
 * them between numbers of ranks. The shadow device, where there are few workers, gives the CPU's digest. */
static int case_digests(int argc, char **argv) {
  (void)argc;
  (void)argv;
  static const int workers[] = {1, 2, 3, 4, 5, 7, 9};
  for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
    for (int v = 0; v < N_VARIANTS && workers[i] >= case_n_ranks(); v++)
      if (is_tried(v, workers[i]) && case_digest(options_of(v, workers[i]), 5, workers[i] <= 5)) return 1;
  const lab_options images = {.dataset = "fashion-mnist",
                              .model = "lenet5",
                              .n_workers = 5,
                              .method = "gtopk density=0.01",
                              .batch = 4,
                              .optimizer = optimizer_full};
  return case_digest(images, 3, false);
}

/* ---------------------------------------------------------------- against each other */

/* Both methods' models after some rounds on the same problem are within `tolerance` (0: equal). */
static int check_equal(const lab_options *one, const char *method, const char *compressor, double tolerance) {
  lab_options other = *one;
  other.method = method;
  other.compressors[0] = compressor;
  float x[DIMENSION], y[DIMENSION];
  uint64_t digest;
  CASE_OK(lab_whole_run(one, 10, &digest, x));
  CASE_OK(lab_whole_run(&other, 10, &digest, y));
  double worst = 0;
  for (int i = 0; i < DIMENSION; i++) worst = fmax(worst, fabs((double)x[i] - y[i]));
  if (!(worst <= tolerance))
    fprintf(stderr, "%s and %s at M = %d are %g apart\n", one->method, method, one->n_workers, worst);
  CASE_CHECK(worst <= tolerance);
  return 0;
}

/* Without batch norm a batch in parts is the batch. */
static int check_accumulation(int m) {
  lab_options o = {.dataset = "tiny-images", .model = "softmax", .n_workers = m, .method = "sgd", .batch = 4, .seed = 7,
                   .optimizer = optimizer_late};
  lab l;
  CASE_OK(lab_open(&o, &l));
  const size_t n = l.env.n_params;
  float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y), *start = malloc(n * sizeof *start);
  CASE_CHECK(x && y && start);
  CASE_OK(lab_iterate(&l, start));
  lab_close(&l);
  uint64_t digest, ones, other;
  CASE_OK(lab_whole_run(&o, 10, &digest, x));
  o.accumulate = 1;
  CASE_OK(lab_whole_run(&o, 10, &ones, y));
  CASE_CHECK(ones == digest);
  for (o.accumulate = 2; o.accumulate <= 4; o.accumulate *= 2) {
    CASE_OK(lab_whole_run(&o, 10, &other, y));
    double apart = 0, moved = 0;
    for (size_t i = 0; i < n; i++) {
      apart = fmax(apart, fabs((double)x[i] - y[i]));
      moved = fmax(moved, fabs((double)x[i] - start[i]));
    }
    if (apart > 1e-5 * moved) fprintf(stderr, "in %zu parts: %g apart, %g moved\n", o.accumulate, apart, moved);
    CASE_CHECK(moved > 0 && apart <= 1e-5 * moved);
  }
  free(x), free(y), free(start);
  return 0;
}

static int case_equalities(int argc, char **argv) {
  (void)argc;
  (void)argv;
  for (int m = case_n_ranks(); m <= 5; m++) {
    if (check_accumulation(m)) return 1;
    lab_options o = {QUADRATIC, .n_workers = m, .method = "sgd", .batch = 2, .seed = 7, .optimizer = optimizer_full};
    if (check_equal(&o, "topk-sgd", "identity", 0)) return 1;
    if (check_equal(&o, "topk-sgd memory=false", "topk density=1", 0)) return 1;
    if (check_equal(&o, "topk-sgd indices=delta", "threshold tau=0", 0)) return 1;
    if (check_equal(&o, "gtopk density=1 aggregate=naive", NULL, 1e-5)) return 1;
    if (check_equal(&o, "gtopk density=1 aggregate=tree", NULL, 1e-5)) return 1;
    if (check_equal(&o, "gtopk density=1 aggregate=recursive", NULL, 1e-5)) return 1;
    o.optimizer = optimizer_plain;
    if (check_equal(&o, "local-sgd steps=1", NULL, 1e-5)) return 1;
    /* A constant step size and no momentum: inside or outside is the same. */
    o.method = "gtopk k=9";
    if (check_equal(&o, "gtopk k=9 step_inside=true", NULL, 1e-5)) return 1;
  }
  if (case_n_ranks() > 1) return 0;
  /* Alone there is nothing to merge. */
  const lab_options alone = {QUADRATIC,
                             .n_workers = 1,
                             .method = "topk-sgd",
                             .compressors = {"topk k=6"},
                             .batch = 2,
                             .optimizer = optimizer_full};
  if (check_equal(&alone, "gtopk k=6 aggregate=naive", NULL, 0)) return 1;
  if (check_equal(&alone, "gtopk k=6 aggregate=tree", NULL, 0)) return 1;
  return check_equal(&alone, "gtopk k=6 aggregate=recursive", NULL, 0);
}

/* The gradient at l->initial of one batch of all workers' first mini-batches. */
static int large_gradient(lab *l, float *host) {
  uint32_t ids[64];
  size_t n = 0;
  graph g;
  net *large;
  for (int w = 0; w < l->options.n_workers; w++) {
    sampler *s;
    CASE_OK(sampler_create(l->partition, w, l->options.batch, l->options.seed, &s));
    const uint32_t *batch = sampler_batch(s, 0);
    for (size_t i = 0; i < l->options.batch; i++) ids[n++] = batch[i];
    sampler_destroy(s);
  }
  graph_begin(&g, l->data->channels, l->data->height, l->data->width);
  CASE_OK(model_find("softmax")->build(&(model_env){.data = l->data}, &l->model.spec.args, &g));
  CASE_OK(net_create(&g, l->device, l->stream, n, &large));
  const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = n};
  CASE_OK(net_gradient(large, l->data, &request, l->initial, NULL, l->workers[0].gradient, l->loss));
  stream_copy(l->stream, host, l->workers[0].gradient, l->env.n_params * sizeof *host);
  CASE_OK(stream_synchronize(l->stream));
  net_destroy(large);
  return 0;
}

/* One step of size 1 of M workers with mini-batches of b goes along the gradient of the one batch of M b. */
static int case_large_batch(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const lab_options o = {.dataset = "fashion-mnist",
                         .model = "softmax",
                         .n_workers = 4,
                         .method = "sgd",
                         .batch = 4,
                         .seed = 2,
                         .optimizer = {.lr = 1}};
  lab l;
  CASE_OK(lab_open(&o, &l));
  const size_t n = l.env.n_params;
  float *x = malloc(3 * n * sizeof *x);
  CASE_CHECK(x);
  if (large_gradient(&l, x)) return 1;
  CASE_OK(lab_iterate(&l, x + n));
  CASE_OK(lab_run(&l, 0, 1));
  CASE_OK(lab_iterate(&l, x + 2 * n));
  double distance = 0, norm = 0;
  for (size_t i = 0; i < n; i++) {
    distance += pow((double)x[n + i] - x[2 * n + i] - x[i], 2);
    norm += pow(x[i], 2);
  }
  CASE_CHECK(norm > 0.1);
  CASE_CHECK(sqrt(distance / norm) < 1e-5);
  free(x);
  lab_close(&l);
  return 0;
}

/* ---------------------------------------------------------------- stop and go on */

/* resume: saves and loads here. resume save FOLDER, resume load FOLDER: one of the two, so that the numbers of ranks
 * may differ. */
static int case_resume(int argc, char **argv) {
  enum { M = 5, ROUNDS = 4 };
  char folder[512] = "/tmp/terse-resume-XXXXXX", command[600];
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (argc == 2)
    snprintf(folder, sizeof folder, "%s", argv[1]);
  else if (rank == 0)
    CASE_CHECK(mkdtemp(folder));
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  for (int v = 0; v < N_VARIANTS && (argc < 2 || strcmp(argv[0], "save") == 0); v++) {
    const lab_options o = options_of(v, M);
    if (case_save(&o, v, ROUNDS, folder)) return 1;
  }
  MPI_Barrier(MPI_COMM_WORLD);
  for (int v = 0; v < N_VARIANTS && (argc < 2 || strcmp(argv[0], "load") == 0); v++) {
    const lab_options o = options_of(v, M);
    if (case_load(&o, v, ROUNDS, folder)) return 1;
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (argc == 2 || rank > 0) return 0;
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

/* ---------------------------------------------------------------- probes and accounts */

typedef struct emitted {
  int n;
  double value[MAX_WORKERS];
} emitted;

static enum status collect(void *context, const char *name, int w, double value) {
  emitted *e = context;
  if (strcmp(name, "residual_norm2") != 0) return FAIL(STATUS_BAD_INPUT, "an unknown series: %s", name);
  e->value[w] = value;
  e->n++;
  return STATUS_OK;
}

static int compare_magnitudes(const void *a, const void *b) {
  const float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);
  return (x < y) - (x > y);
}

/* |u|^2 without its k largest, for the first gradient of local worker i. */
static int left_out(lab *l, int i, int k, double *norm2) {
  float g[DIMENSION];
  CASE_OK(worker_gradient(&l->env, &l->workers[i], 0, l->initial));
  stream_copy(l->stream, g, l->workers[i].gradient, sizeof g);
  CASE_OK(stream_synchronize(l->stream));
  qsort(g, DIMENSION, sizeof *g, compare_magnitudes);
  *norm2 = 0;
  for (int j = k; j < DIMENSION; j++) *norm2 += (double)g[j] * g[j];
  return 0;
}

static int case_probes(int argc, char **argv) {
  (void)argc;
  (void)argv;
  lab_options o = {QUADRATIC,
                   .n_workers = 5,
                   .method = "topk-sgd",
                   .compressors = {"topk k=20"},
                   .batch = 2,
                   .optimizer = optimizer_full};
  lab l;
  emitted e = {0};
  double expected[MAX_WORKERS];
  const probe_sink sink = {.emit = collect, .context = &e};
  CASE_OK(lab_open(&o, &l));
  for (int i = 0; i < l.env.n_local; i++)
    if (left_out(&l, i, 20, &expected[l.workers[i].id])) return 1;
  CASE_OK(lab_run(&l, 0, 1));
  CASE_OK(l.algorithm->probe(l.state, &sink));
  CASE_CHECK(e.n == l.env.n_local);
  for (int i = 0; i < l.env.n_local; i++) {
    const int w = l.workers[i].id;
    CASE_CHECK(expected[w] > 1 && fabs(e.value[w] - expected[w]) < 1e-9 * expected[w]);
  }
  lab_close(&l);

  /* Without memory there is no residual to show; and each local step is one entry of the account. */
  e.n = 0;
  o.method = "gtopk memory=false";
  o.compressors[0] = NULL;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(l.algorithm->probe(l.state, &sink));
  CASE_CHECK(e.n == 0);
  lab_close(&l);
  o.method = "local-sgd steps=4";
  CASE_OK(lab_open(&o, &l));
  CASE_CHECK(l.algorithm->steps_per_round(l.state) == 4);
  CASE_OK(lab_run(&l, 0, 3));
  loss_account account;
  stream_copy(l.stream, &account, l.workers[0].account, sizeof account);
  CASE_OK(stream_synchronize(l.stream));
  CASE_CHECK(account.n_steps == 12 && account.first_bad_step == 0);
  CASE_CHECK(isfinite(account.sum) && account.sum != 0);
  lab_close(&l);
  return 0;
}

const mpi_case method_cases[] = {
    {"gtopk-aggregates", case_gtopk_aggregates},
    {"gtopk-tree-loss", case_gtopk_tree_loss},
    {"gtopk-warmup", case_gtopk_warmup},
    {"gtopk-momentum", case_gtopk_momentum},
    {"gtopk-assumption", case_gtopk_assumption},
    {"method-digests", case_digests},
    {"method-simulation", case_simulation},
    {"method-equalities", case_equalities},
    {"method-large-batch", case_large_batch},
    {"method-resume", case_resume},
    {"method-probes", case_probes},
    {NULL, NULL},
};
