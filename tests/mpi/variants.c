#include "tests/mpi/variants.h"

#include <mpi.h>
#include <stdio.h>
#include <string.h>

#include "tests/mpi/cases.h"

lab_options variant_options(const variant *v, int n_workers, enum device_kind kind) {
  return (lab_options){.dataset = "quadratic dimension=200 mu=0.1 samples=400 heterogeneity=1",
                       .model = "quadratic",
                       .device = kind,
                       .n_workers = n_workers,
                       .method = v->method,
                       .compressors = {v->compressors[0], v->compressors[1]},
                       .down = v->compressors[2],
                       .batch = 2,
                       .seed = 11,
                       .optimizer = *v->optimizer};
}

const optimizer optimizer_plain = {.lr = 0.1};
const optimizer optimizer_full = {.lr = 0.1,
                                  .momentum = 0.9,
                                  .weight_decay = 0.01,
                                  .clip = 6,
                                  .schedule = SCHEDULE_MULTISTEP,
                                  .milestones = {0.1},
                                  .n_milestones = 1,
                                  .gamma = 0.5,
                                  .warmup_epochs = 0.05,
                                  .warmup_from = 0.25};

const optimizer optimizer_late = {.lr = 0.1,
                                  .momentum = 0.9,
                                  .nesterov = true,
                                  .weight_decay = 0.01,
                                  .decay_weights = true,
                                  .schedule = SCHEDULE_COSINE,
                                  .lr_min = 0.01,
                                  .warmup_epochs = 0.05,
                                  .warmup_from = 0.25};

int case_n_ranks(void) {
  int n;
  MPI_Comm_size(MPI_COMM_WORLD, &n);
  return n;
}

int case_digest(lab_options o, uint64_t n_rounds, bool shadow) {
  uint64_t digest, other;
  int rank;
  o.device = DEVICE_CPU;
  CASE_OK(lab_whole_run(&o, n_rounds, &digest, NULL));
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) printf("digest %s on %s M=%d %016llx\n", o.method, o.model, o.n_workers, (unsigned long long)digest);
  if (!shadow) return 0;
  o.device = DEVICE_SHADOW;
  CASE_OK(lab_whole_run(&o, n_rounds, &other, NULL));
  if (other != digest) fprintf(stderr, "%s at M = %d differs on the shadow device\n", o.method, o.n_workers);
  CASE_CHECK(other == digest);
  return 0;
}

int case_save(const lab_options *o, int number, uint64_t n_rounds, const char *folder) {
  char place[600];
  lab l;
  snprintf(place, sizeof place, "%s/%d", folder, number);
  CASE_OK(lab_open(o, &l));
  CASE_OK(lab_run(&l, 0, n_rounds));
  CASE_OK(lab_save(&l, place));
  lab_close(&l);
  return 0;
}

int case_load(const lab_options *o, int number, uint64_t n_rounds, const char *folder) {
  char place[600];
  lab l;
  uint64_t digest, uninterrupted;
  snprintf(place, sizeof place, "%s/%d", folder, number);
  CASE_OK(lab_open(o, &l));
  CASE_OK(lab_load(&l, place));
  CASE_OK(lab_run(&l, n_rounds, 2 * n_rounds));
  CASE_OK(lab_digest(&l, &digest));
  lab_close(&l);
  CASE_OK(lab_whole_run(o, 2 * n_rounds, &uninterrupted, NULL));
  if (digest != uninterrupted) fprintf(stderr, "%s goes on differently after loading\n", o->method);
  CASE_CHECK(digest == uninterrupted);
  return 0;
}

int lab_models(lab *l, float *host) {
  enum status status = STATUS_OK;
  const size_t n = l->env.n_params, n_all = (size_t)l->options.n_workers * n;
  float *x = NULL;
  memset(host, 0, n_all * sizeof *host);
  TRY(device_floats(l->device, n, &x));
  for (int i = 0; i < l->env.n_local; i++) {
    const int w = l->workers[i].id;
    TRY(l->algorithm->iterate(l->state, w, x));
    stream_copy(l->stream, host + (size_t)w * n, x, n * sizeof *host);
    TRY(stream_synchronize(l->stream));
  }
exit:
  if (l->device) device_release(l->device, x);
  CASE_OK(status);
  CASE_CHECK(MPI_Allreduce(MPI_IN_PLACE, host, (int)n_all, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD) == MPI_SUCCESS);
  return 0;
}
