#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "algorithms/error_feedback.h"
#include "tests/device_lab.h"

enum { N = 33, WORKERS = 2 };

/* Two local workers, numbers 3 and 4, on one device. */
typedef struct bench {
  device_lab lab;
  worker workers[WORKERS];
  method_env env;
  void *scratch;
} bench;

static void open_bench(enum device_kind kind, bench *b) {
  memset(b, 0, sizeof *b);
  b->lab = lab_open(kind);
  b->scratch = lab_scratch(&b->lab, N);
  b->workers[0].id = 3;
  b->workers[1].id = 4;
  b->env = (method_env){.device = b->lab.device,
                        .stream = b->lab.stream,
                        .workers = b->workers,
                        .n_local = WORKERS,
                        .n_workers = 5,
                        .n_params = N,
                        .scratch = b->scratch};
}

static void close_bench(bench *b) {
  device_release(b->lab.device, b->scratch);
  lab_close(&b->lab);
}

/* Collects what a probe emits: the sum for each worker. */
static enum status keep(void *context, const char *name, int worker, double value) {
  double *norms = context;
  cr_assert_str_eq(name, "residual_norm2");
  cr_assert(worker == 3 || worker == 4);
  norms[worker - 3] += value;
  return STATUS_OK;
}

static void expect_norms(error_feedback *f, double first, double second) {
  double norms[WORKERS] = {0};
  const probe_sink sink = {.emit = keep, .context = norms};
  cr_assert_eq(error_feedback_probe(f, &sink), STATUS_OK);
  cr_expect_eq(norms[0], first);
  cr_expect_eq(norms[1], second);
}

Test(error_feedback, residuals_start_at_zero_and_are_probed_by_worker) {
  for (int k = 0; k < LAB_DEVICES; k++) {
    bench b;
    error_feedback f;
    open_bench(lab_kinds[k], &b);
    cr_assert_eq(error_feedback_create(&b.env, true, &f), STATUS_OK);
    expect_norms(&f, 0, 0);
    vec_fill(b.lab.stream, f.e[0], 2, N);
    vec_fill(b.lab.stream, f.e[1], -3, N);
    expect_norms(&f, 4 * N, 9 * N);
    error_feedback_destroy(&f);
    close_bench(&b);
  }
}

Test(error_feedback, without_memory_there_is_nothing) {
  bench b;
  error_feedback f;
  archive *a;
  open_bench(DEVICE_CPU, &b);
  cr_assert_eq(error_feedback_create(&b.env, false, &f), STATUS_OK);
  cr_expect_null(f.e);
  expect_norms(&f, 0, 0);
  cr_assert_eq(archive_digest_begin(0, b.lab.stream, &a), STATUS_OK);
  cr_expect_eq(error_feedback_archive(&f, a), STATUS_OK);
  cr_expect_eq(archive_digest(a), 0, "no section");
  archive_abandon(a);
  error_feedback_destroy(&f);
  close_bench(&b);
}

Test(error_feedback, what_is_saved_comes_back_to_its_worker) {
  char folder[] = "/tmp/terse-residual-XXXXXX", command[64];
  bench b;
  error_feedback saved, loaded;
  archive *a;
  float back[N];
  cr_assert_not_null(mkdtemp(folder));
  open_bench(DEVICE_SHADOW, &b);
  cr_assert_eq(error_feedback_create(&b.env, true, &saved), STATUS_OK);
  cr_assert_eq(error_feedback_create(&b.env, true, &loaded), STATUS_OK);
  vec_fill(b.lab.stream, saved.e[0], 2, N);
  vec_fill(b.lab.stream, saved.e[1], -3, N);
  cr_assert_eq(archive_save_begin(folder, 0, b.lab.stream, &a), STATUS_OK, "%s", status_detail());
  cr_assert_eq(error_feedback_archive(&saved, a), STATUS_OK);
  cr_assert_eq(archive_end(a), STATUS_OK);
  cr_assert_eq(archive_load_begin(folder, b.lab.stream, &a), STATUS_OK, "%s", status_detail());
  cr_assert_eq(error_feedback_archive(&loaded, a), STATUS_OK);
  cr_assert_eq(archive_end(a), STATUS_OK);
  for (int i = 0; i < WORKERS; i++) {
    lab_read(&b.lab, back, loaded.e[i], sizeof back);
    for (size_t j = 0; j < N; j++) cr_expect_eq(back[j], i == 0 ? 2 : -3);
  }
  error_feedback_destroy(&saved);
  error_feedback_destroy(&loaded);
  close_bench(&b);
  snprintf(command, sizeof command, "rm -r %s", folder);
  cr_expect_eq(system(command), 0);
}

/* Epochs of 10 steps: the step size falls at step 20, and rises over the first 5. */
Test(error_feedback, a_reset_is_where_the_step_size_drops) {
  static const struct {
    uint64_t first, n;
    bool drops;
  } cases[] = {{0, 1, false},  {0, 20, false}, {0, 21, true}, {19, 1, false},  {20, 1, true},
               {21, 9, false}, {16, 4, false}, {17, 4, true}, {0, 1000, true}, {2, 3, false}};
  const optimizer o = {.lr = 0.1,
                       .schedule = SCHEDULE_MULTISTEP,
                       .milestones = {2},
                       .n_milestones = 1,
                       .gamma = 0.1,
                       .warmup_epochs = 0.5,
                       .warmup_from = 0.5};
  bench b;
  error_feedback f;
  open_bench(DEVICE_CPU, &b);
  b.env.optimizer = &o;
  b.env.steps_per_epoch = 10;
  cr_assert_eq(error_feedback_create(&b.env, true, &f), STATUS_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int w = 0; w < WORKERS; w++) vec_fill(b.lab.stream, f.e[w], 1, N);
    error_feedback_reset_on_drop(&f, cases[i].first, cases[i].n);
    expect_norms(&f, cases[i].drops ? 0 : N, cases[i].drops ? 0 : N);
  }
  error_feedback_destroy(&f);
  close_bench(&b);
}

/* ---- gamma_hat */

typedef struct seen {
  int n;
  double gamma_hat;
} seen;

static enum status see(void *context, const char *name, int worker, double value) {
  seen *s = context;
  if (strcmp(name, "gamma_hat") != 0) return STATUS_OK;
  cr_assert_eq(worker, 3);
  s->n++;
  s->gamma_hat = value;
  return STATUS_OK;
}

static seen probed(error_feedback *f) {
  seen s = {0};
  const probe_sink sink = {.emit = see, .context = &s};
  cr_assert_eq(error_feedback_probe(f, &sink), STATUS_OK);
  return s;
}

static int descending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* The share of (v + e)'s energy that lies in its k largest entries. */
static double energy_of_largest(const float *v, const float *e, size_t n, size_t k) {
  double square[N], kept = 0, all = 0;
  for (size_t i = 0; i < n; i++) square[i] = pow((double)v[i] + e[i], 2);
  qsort(square, n, sizeof *square, descending);
  for (size_t i = 0; i < n; i++) {
    all += square[i];
    if (i < k) kept += square[i];
  }
  return kept / all;
}

/* What a compressor that keeps the k largest entries of v + e leaves in e, on the host. */
static void keep_largest(const float *v, float *e, size_t n, size_t k) {
  for (size_t i = 0; i < n; i++) e[i] += v[i];
  for (; k > 0; k--) {
    size_t most = 0;
    for (size_t i = 1; i < n; i++)
      if (fabsf(e[i]) > fabsf(e[most])) most = i;
    e[most] = 0;
  }
}

static void compress(bench *b, error_feedback *f, uint64_t round, const float *v, float *e) {
  float *device_v = lab_floats(&b->lab, v, N);
  error_feedback_note(f, round, 0, device_v);
  keep_largest(v, e, N, 8);
  stream_copy(b->lab.stream, f->e[0], e, N * sizeof *e);
  cr_assert_eq(stream_synchronize(b->lab.stream), STATUS_OK);
  device_release(b->lab.device, device_v);
}

Test(error_feedback, gamma_hat_of_top_k_is_the_energy_of_the_largest_entries) {
  for (int k = 0; k < LAB_DEVICES; k++) {
    float v[N], before[N], e[N] = {0}, zero[N] = {0};
    bench b;
    error_feedback f;
    open_bench(lab_kinds[k], &b);
    lab_fill(LAB_NORMAL, 3, v, N);
    b.env.probe_every = 2;
    b.env.n_local = 1;
    cr_assert_eq(error_feedback_create(&b.env, true, &f), STATUS_OK);
    cr_expect_eq(probed(&f).n, 0, "nothing was compressed");
    compress(&b, &f, 0, v, e);
    cr_expect_eq(probed(&f).n, 0, "the end of round 0 is not probed");
    memcpy(before, e, sizeof e);
    compress(&b, &f, 1, v, e);
    const seen got = probed(&f);
    cr_expect_eq(got.n, 1);
    cr_expect_float_eq(got.gamma_hat, energy_of_largest(v, before, N, 8), 1e-6, "%.9f", got.gamma_hat);
    cr_expect(got.gamma_hat > 8.0 / N && got.gamma_hat < 1);
    cr_expect_eq(probed(&f).n, 0, "a note counts once");
    vec_fill(b.lab.stream, f.e[0], 0, N);
    memset(e, 0, sizeof e);
    compress(&b, &f, 3, zero, e);
    cr_expect_eq(probed(&f).n, 0, "nothing has no share");
    error_feedback_destroy(&f);
    close_bench(&b);
  }
}
