#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/optimizer.h"
#include "core/rng.h"
#include "core/vec.h"

static void check_lr(const optimizer *o, double epoch, double should_be) {
  const double is = optimizer_lr(o, epoch);
  cr_assert(fabs(is - should_be) <= 1e-15 * fabs(should_be), "at epoch %g: %.17g is not %.17g", epoch, is, should_be);
}

Test(optimizer, schedules) {
  const optimizer constant = {.lr = 0.3};
  check_lr(&constant, 0, 0.3);
  check_lr(&constant, 1e6, 0.3);

  /* The CIFAR schedule of the gTop-k paper for 4 workers; a milestone counts from its very epoch on. */
  const optimizer cifar = {.lr = 0.1,
                           .schedule = SCHEDULE_MULTISTEP,
                           .milestones = {81, 122, 155},
                           .n_milestones = 3,
                           .gamma = 0.1,
                           .warmup_epochs = 10,
                           .warmup_from = 0.25};
  const double table[][2] = {{0, 0.025},    {5, 0.0625},   {9.999999, 0.1 * (0.25 + 0.75 * 0.9999999)},
                             {10, 0.1},     {80.99, 0.1},  {81, 0.01},
                             {121.5, 0.01}, {122, 0.001},  {154.9, 0.001},
                             {155, 0.0001}, {1000, 0.0001}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) check_lr(&cifar, table[i][0], table[i][1]);

  /* Milestones inside the warm-up and between steps; those of a constant schedule do not count. */
  optimizer early = {.lr = 2,
                     .schedule = SCHEDULE_MULTISTEP,
                     .milestones = {0.5, 0.5, 1.25},
                     .n_milestones = 3,
                     .gamma = 0.5,
                     .warmup_epochs = 1,
                     .warmup_from = 0};
  check_lr(&early, 0.25, 0.5);
  check_lr(&early, 0.5, 0.25);
  check_lr(&early, 1.0, 0.5);
  check_lr(&early, 1.25, 0.25);
  early.schedule = SCHEDULE_CONSTANT;
  check_lr(&early, 1.25, 2);
}

Test(optimizer, schedules_of_the_run) {
  const optimizer written = {.lr = 0.4, .schedule = SCHEDULE_COSINE, .lr_min = 0.1};
  /* 100 steps in 10 epochs: (lr + min) / 2 in the middle, cos(pi / 3) = 1/2 and cos(2 pi / 3) = -1/2 at the thirds. */
  optimizer o = optimizer_of_run(&written, 10, 100, 4, NULL);
  check_lr(&o, 0, 0.4);
  check_lr(&o, 5, 0.25);
  check_lr(&o, 10.0 / 3, 0.325);
  check_lr(&o, 20.0 / 3, 0.175);
  check_lr(&o, 10, 0.1);
  check_lr(&o, 12, 0.1);
  o.lr_min = 0;
  check_lr(&o, 10, 0);
  cr_assert(optimizer_lr(&o, 9.9) > 0);
  /* Warm-up is a factor of every schedule. */
  o.warmup_epochs = 10;
  o.warmup_from = 0.2;
  check_lr(&o, 5, 0.2 * 0.6);

  /* c / (a + t) for c = 0.4 * 50, t in steps. */
  optimizer inverse = optimizer_of_run(&(optimizer){.lr = 0.4, .schedule = SCHEDULE_INVERSE, .a = 50}, 10, 100, 4, NULL);
  for (int t = 0; t < 300; t += 7) check_lr(&inverse, t / 10.0, 20.0 / (50 + t));
  inverse.warmup_epochs = 4;
  check_lr(&inverse, 1, 20.0 / 60 / 4);

  static const double factors[] = {0.2, 0.1, 0.01};
  for (int rule = 0; rule < N_SCHEDULE_RULES; rule++) {
    const optimizer scaled = {.lr = 0.4, .schedule = SCHEDULE_SCALED, .rule = (enum schedule_rule)rule};
    o = optimizer_of_run(&scaled, 10, 100, 4, NULL);
    check_lr(&o, 0, 0.4 * factors[rule]);
    check_lr(&o, 7, 0.4 * factors[rule]);
    o = optimizer_of_run(&scaled, 10, 100, 1, NULL);
    check_lr(&o, 7, rule == RULE_ONE_OVER_T ? 0.004 : 0.04);
  }
}

enum { N = 5000, STEPS = 25 };

/* Weight, bias, batch norm's two, weight, bias: two tensors in a row have one dimension, then three. */
static const layer_slice slices[] = {{"a.weight", 0, 3000, {60, 50}, 2},   {"a.bias", 3000, 60, {60}, 1},
                                     {"n.weight", 3060, 40, {40}, 1},     {"n.bias", 3100, 40, {40}, 1},
                                     {"b.weight", 3140, 1800, {60, 30}, 2}, {"b.bias", 4940, 60, {60}, 1}};
static const layer_table table = {.slices = slices, .n_slices = 6, .n_params = N};

static bool decays(const optimizer *o, size_t i) {
  if (!o->decay_weights) return true;
  return i < 3000 || (i >= 3140 && i < 4940);
}

typedef struct buffers {
  device *device;
  stream *stream;
  float *x, *g, *m;
  double *norm;
  void *scratch;
} buffers;

static void open_buffers(enum device_kind kind, buffers *b) {
  cr_assert_eq(device_open(kind, &b->device), STATUS_OK);
  cr_assert_eq(stream_open(b->device, &b->stream), STATUS_OK);
  cr_assert_eq(device_floats(b->device, N, &b->x), STATUS_OK);
  cr_assert_eq(device_floats(b->device, N, &b->g), STATUS_OK);
  cr_assert_eq(device_floats(b->device, N, &b->m), STATUS_OK);
  cr_assert_eq(device_alloc(b->device, sizeof *b->norm, (void **)&b->norm), STATUS_OK);
  cr_assert_eq(device_alloc(b->device, vec_scratch_bytes(N), &b->scratch), STATUS_OK);
}

static void close_buffers(buffers *b) {
  stream_close(b->stream);
  device_release(b->device, b->x);
  device_release(b->device, b->g);
  device_release(b->device, b->m);
  device_release(b->device, b->norm);
  device_release(b->device, b->scratch);
  device_close(b->device);
}

/* The gradient of step t at element i, of norm about sqrt(N) for even t and a tenth of that for odd t. */
static float gradient_at(uint64_t t, size_t i) {
  return rng_normal_at(rng_stream(7, RNG_TEST, -1, t), i) * (t % 2 ? 0.1f : 1.0f);
}

/* The plain rule in fp64. */
static void reference_step(const optimizer *o, double epoch, double *x, const float *g, double *m) {
  double norm = 0;
  for (size_t i = 0; i < N; i++) norm += (double)g[i] * g[i];
  norm = sqrt(norm);
  const double shrink = o->clip > 0 && norm > o->clip ? o->clip / norm : 1;
  for (size_t i = 0; i < N; i++) {
    const double d = shrink * g[i] + (decays(o, i) ? o->weight_decay * x[i] : 0);
    m[i] = o->momentum * m[i] + d;
    x[i] -= optimizer_lr(o, epoch) * (o->nesterov ? d + o->momentum * m[i] : m[i]);
  }
}

static void check_steps(const optimizer *o, enum device_kind kind) {
  buffers b;
  open_buffers(kind, &b);
  float *host = malloc(N * sizeof *host);
  double *x = malloc(N * sizeof *x), *m = calloc(N, sizeof *m);
  cr_assert(host && x && m);
  for (size_t i = 0; i < N; i++) x[i] = host[i] = rng_normal_at(rng_stream(8, RNG_TEST, -1, 0), i);
  stream_copy(b.stream, b.x, host, N * sizeof *host);
  cr_assert_eq(stream_synchronize(b.stream), STATUS_OK);
  for (uint64_t t = 0; t < STEPS; t++) {
    const double epoch = (double)t / 10;
    for (size_t i = 0; i < N; i++) host[i] = gradient_at(t, i);
    reference_step(o, epoch, x, host, m);
    stream_copy(b.stream, b.g, host, N * sizeof *host);
    optimizer_step(o, b.stream, epoch, b.x, b.g, o->momentum > 0 ? b.m : NULL, N, b.norm, b.scratch);
    cr_assert_eq(stream_synchronize(b.stream), STATUS_OK);
  }
  stream_copy(b.stream, host, b.x, N * sizeof *host);
  cr_assert_eq(stream_synchronize(b.stream), STATUS_OK);
  double worst = 0;
  for (size_t i = 0; i < N; i++) worst = fmax(worst, fabs(host[i] - x[i]) / (1 + fabs(x[i])));
  cr_assert(worst < 2e-6, "momentum %g, decay %g, clip %g: %g apart", o->momentum, o->weight_decay, o->clip, worst);
  free(host);
  free(x);
  free(m);
  close_buffers(&b);
}

/* Every combination of the parts of the rule, with a schedule running, against the rule in fp64. The clip lies
 * between the norms of odd and even steps, so that it acts on half of them. */
Test(optimizer, steps_follow_the_rule) {
  for (int mask = 0; mask < 32; mask++) {
    if ((mask & 8 && !(mask & 1)) || (mask & 16 && !(mask & 2))) continue; /* nesterov of no momentum, … */
    const optimizer o = {.lr = 0.05,
                         .momentum = mask & 1 ? 0.9 : 0,
                         .nesterov = mask & 8,
                         .weight_decay = mask & 2 ? 0.01 : 0,
                         .decay_weights = mask & 16,
                         .layers = &table,
                         .clip = mask & 4 ? 20 : 0,
                         .schedule = SCHEDULE_MULTISTEP,
                         .milestones = {1.5},
                         .n_milestones = 1,
                         .gamma = 0.1,
                         .warmup_epochs = 1,
                         .warmup_from = 0.25};
    check_steps(&o, DEVICE_CPU);
    check_steps(&o, DEVICE_SHADOW);
  }
}
