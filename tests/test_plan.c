#include "runner/plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rng.h"

/* Writes `text` as a file of its own, plans it, and removes the file. The sentence of a failure is returned without the
 * file's path; "" where it worked. */
typedef struct outcome {
  enum status status;
  plan *plan;
  char sentence[2048];
} outcome;

static outcome plan_bytes(const char *text, size_t n, const plan_options *options) {
  static const plan_options none = {.tier = NULL};
  outcome o = {.plan = NULL};
  char path[] = "/tmp/terse_plan_XXXXXX";
  const int file = mkstemp(path);
  cr_assert(file >= 0 && write(file, text, n) == (ssize_t)n);
  close(file);
  o.status = plan_load(path, options ? options : &none, &o.plan);
  unlink(path);
  if (o.status != STATUS_OK) {
    const char *detail = status_detail();
    const bool in_file = strncmp(detail, path, strlen(path)) == 0;
    snprintf(o.sentence, sizeof o.sentence, "%s", detail + (in_file ? strlen(path) + 1 : 0));
  }
  return o;
}

static outcome plan_text(const char *text, const plan_options *options) {
  return plan_bytes(text, strlen(text), options);
}

static plan *planned(const char *text, const plan_options *options) {
  const outcome o = plan_text(text, options);
  cr_assert_eq(o.status, STATUS_OK, "%s\n%s", text, o.sentence);
  return o.plan;
}

/* A valid file of fixed lines, one of which a test replaces. */
enum line { EXPERIMENT, BASE, MODEL, DATASET, METHOD, WORKERS, BATCH, LENGTH, OPTIMIZER, DEVICE, MATRIX, N_LINES };
static const char *const lines[N_LINES] = {
    "experiment: e",         "base:",
    "  model: quadratic",    "  dataset: {quadratic: {dimension: 5, samples: 100}}",
    "  method: sgd",         "  workers: 4",
    "  batch: 25",           "  epochs: 2",
    "  optimizer: {lr: 1}",  "  device: cpu",
    "matrix: {seed: [1, 2]}"};

static void write_lines(enum line replaced, const char *by, char *out, size_t n) {
  size_t used = 0;
  for (int i = 0; i < N_LINES; i++)
    used += (size_t)snprintf(out + used, n - used, "%s\n", i == (int)replaced ? by : lines[i]);
}

Test(plan, cells_come_in_matrix_order_and_once) {
  char text[2048];
  write_lines(MATRIX, "matrix: {seed: [2, 1], method: [gtopk, {gtopk: {density: 0.001}}, sgd]}", text, sizeof text);
  plan *p = planned(text, NULL);
  cr_expect_str_eq(p->experiment, "e");
  cr_expect_str_eq(p->tier, "");
  cr_expect(strncmp(p->file, "/tmp/terse_plan_", 16) == 0);
  cr_assert_eq(p->n_cells, 4, "gtopk with its default written out is the same cell");
  for (size_t i = 0; i < 4; i++) {
    cr_expect_eq(p->cells[i]->seed, i < 2 ? 2 : 1);
    cr_expect_str_eq(p->cells[i]->method->name, i % 2 ? "sgd" : "gtopk");
    cr_expect_eq(strlen(p->cells[i]->hash), 16);
    for (size_t k = 0; k < i; k++) cr_expect_str_neq(p->cells[i]->hash, p->cells[k]->hash);
    cell *again;
    cr_assert_eq(cell_from_json(p->cells[i]->config, &again), STATUS_OK, "%s", status_detail());
    cr_expect_str_eq(again->config, p->cells[i]->config);
    cell_destroy(again);
  }
  plan_destroy(p);
  plan_destroy(NULL);
}

/* The hash is the cell's, whatever file, order, tier or spelling it comes from. */
Test(plan, hashes_do_not_depend_on_the_file) {
  char text[2048];
  write_lines(N_LINES, NULL, text, sizeof text);
  plan *p = planned(text, NULL);
  const char *other =
      "matrix: {workers: [2, 4], seed: [2, 3]}\n"
      "base: {epochs: 1, optimizer: {lr: 1.0, momentum: 0}, seed: 9, model: {name: quadratic}, batch: 50, method: "
      "{sgd: },\n"
      "       dataset: {name: quadratic, samples: 7, dimension: 5}}\n"
      "tiers: {smoke: {dataset.samples: 100, batch: 25, epochs: 2}}\n"
      "experiment: other/name\n";
  plan *q = planned(other, &(plan_options){.tier = "smoke"});
  cr_expect_str_eq(q->tier, "smoke");
  cr_assert_eq(q->n_cells, 4);
  cr_expect_str_eq(q->cells[2]->hash, p->cells[1]->hash, "%s\n%s", q->cells[2]->config, p->cells[1]->config);
  const char *const sets[] = {"workers=4", "seed=1"};
  plan *r = planned(other, &(plan_options){.tier = "smoke", .sets = sets, .n_sets = 2});
  cr_assert_eq(r->n_cells, 1, "settings that make cells equal leave one");
  cr_expect_str_eq(r->cells[0]->hash, p->cells[0]->hash);
  plan_destroy(p);
  plan_destroy(q);
  plan_destroy(r);
}

typedef struct mistake {
  enum line line;
  const char *by, *expected;
} mistake;

static const mistake mistakes[] = {
    {BASE, "base: {}\nx:", "3:1: unknown key 'x' in the experiment file"},
    {MODEL, "", "4:3: base needs the key 'model'"},
    {MODEL, "  modle: quadratic", "3:3: unknown key 'modle' in base: did you mean 'model'?"},
    {MODEL, "  model: [quadratic]",
     "3:10: a module is written NAME, {name: NAME, key: value} or {NAME: {key: value}}, but "
     "this is a list"},
    {MODEL, "  model: {quadratic: {}, lenet5: {}}", "3:10: a module is written"},
    {MODEL, "  model: {quadratic: 5}",
     "3:22: the parameters of quadratic are 'key: value' pairs, but this is a single"},
    {MODEL, "  model: {name: [x]}", "3:17: a module's name is a single word, but this is a list"},
    {MODEL, "  model: {name: quadratic, size: 3}", "3:28: unknown key 'size': model quadratic takes no parameters"},
    {MODEL, "  model: {quadratic: {name: x}}", "3:23: a module is named once"},
    {MODEL, "  model: lenet5", "3:10: model lenet5 needs a data set with labels"},
    {MODEL, "  model: lenet", "3:10: unknown model 'lenet': did you mean 'lenet5'? There are "},
    {DATASET, "  dataset: {quadratic: {dimension: 5, samples: 100, limit: 101}}",
     "4:60: limit 101 is more than the 100 training samples of quadratic"},
    {DATASET, "  dataset: {quadratic: {mu: 3, L: 2}}", "4:12: mu = 3 is above L = 2"},
    {DATASET, "  dataset: {quadratic: {limit: 50}}",
     "7:10: batch 25 is larger than a worker's shard: 50 samples over 4 "
     "workers are 12 each; lower batch or workers"},
    {DATASET, "  dataset: {quadratic: {limit: -1}}", "4:32: limit must lie in [0, 1e+12], not -1"},
    {DATASET, "  dataset: {quadratic: {partition: sorted}}",
     "4:36: partition is iid, {dirichlet: ALPHA} or {shards: NUMBER}"},
    {DATASET, "  dataset: {quadratic: {partition: {dirichlt: 1}}}",
     "4:37: partition is iid, {dirichlet: ALPHA} or {shards"},
    {DATASET, "  dataset: {quadratic: {partition: {shards: 0}}}", "4:45: shards must lie in [1, 1e+06], not 0"},
    {DATASET, "  dataset: {quadratic: {partition: {dirichlet: \"1\"}}}", "4:48: dirichlet needs a number"},
    {DATASET, "  dataset: {quadratic: {partition: {dirichlet: 0.5}}}",
     "4:25: partition dirichlet goes by the label of a sample, and samples of quadratic have none; use iid"},
    {DATASET, "  dataset: mnits", "4:12: unknown data set 'mnits': did you mean 'mnist'? There are "},
    {METHOD, "  method: adam", "5:11: unknown method 'adam': there are "},
    {METHOD, "  method: {gtopk: {densty: 0.1}}", "5:20: unknown key 'densty' in method gtopk: did you mean 'density'?"},
    {METHOD, "  method: {gtopk: {xyz: 0.1}}", "5:20: unknown key 'xyz' in method gtopk: the keys are density, k, "},
    {METHOD, "  method: {gtopk: {density: 0}}", "5:29: density must lie in (0, 1], not 0"},
    {METHOD, "  method: {gtopk: {density: 1.5}}", "5:29: density must lie in (0, 1], not 1.5"},
    {METHOD, "  method: {gtopk: {density: \"0.1\"}}", "5:29: density is not a text: write \"0.1\" without the quotes"},
    {METHOD, "  method: {gtopk: {density: [0.1]}}", "5:29: density needs a single value, but this is a list"},
    {METHOD, "  method: {gtopk: {density: }}", "5:29: density needs a single value, but this is empty"},
    {METHOD, "  method: {gtopk: {memory: yes}}", "5:28: memory must be true or false, not 'yes'"},
    {METHOD, "  method: {gtopk: {aggregate: rekursive}}",
     "5:31: aggregate must be one of naive|tree|recursive, not "
     "'rekursive': did you mean recursive?"},
    {METHOD, "  method: {topk-sgd: {compressor: [identity, topk]}}",
     "5:35: identity stands before topk: put the selector"},
    {METHOD, "  method: {topk-sgd: {compressor: [topk, randk]}}", "5:35: topk and randk both select coordinates"},
    {METHOD, "  method: {topk-sgd: {compressor: []}}", "5:35: compressor is an empty list"},
    {METHOD, "  method: {topk-sgd: {compressor: [topk, topq]}}",
     "5:42: unknown compressor 'topq': did you mean 'topk'?"},
    {METHOD, "  method: {topk-sgd: {compressor: {topk: {density: 2}}}}", "5:52: density must lie in (0, 1], not 2"},
    {METHOD, "  method: {topk-sgd: {compressor: 3}}", "5:35: unknown compressor '3': there are "},
    {WORKERS, "  workers: 0", "6:12: workers must lie in [1, 1e+06], not 0"},
    {WORKERS, "  workers: -4", "6:12: workers must lie in [1, 1e+06], not -4"},
    {WORKERS, "  workers: 2.0", "6:12: workers must be an integer, not '2.0'"},
    {WORKERS, "  workers: 4k", "6:12: workers must be an integer, not '4k'"},
    {WORKERS, "  workers: 99999999999999999999", "6:12: workers is too large for a 64-bit integer"},
    {WORKERS, "  workers: 101", "6:12: 101 workers are more than the 100 training samples: use fewer workers"},
    {WORKERS, "  workers: {a: 1}", "6:12: workers needs a single value, but this is a map"},
    {WORKERS, "  wrokers: 4", "6:3: unknown key 'wrokers' in base: did you mean 'workers'?"},
    {WORKERS, "", "3:3: base needs the key 'workers' (how many workers, M)"},
    {BATCH, "  batch: 0", "7:10: batch must lie in [1, 1e+09], not 0"},
    {BATCH, "  batch: -32", "7:10: batch must lie in [1, 1e+09], not -32"},
    {BATCH, "  batch: 26", "7:10: batch 26 is larger than a worker's shard: 100 samples over 4 workers are 25 each"},
    {BATCH, "  batch: 1e2", "7:10: batch must be an integer, not '1e2'"},
    {BATCH, "  batch: 0x10", "7:10: batch must be an integer, not '0x10'"},
    {BATCH, "  batch: 2\n  batch: 2", "8:3: duplicate key 'batch', first given in line 7"},
    {LENGTH, "", "3:3: the length of a run is missing: give epochs or steps, above 0"},
    {LENGTH, "  epochs: 0", "3:3: the length of a run is missing"},
    {LENGTH, "  epochs: -1", "8:11: epochs must lie in [0, 1e+06], not -1"},
    {LENGTH, "  epochs: 2\n  steps: 5", "9:10: epochs and steps are both given: keep one"},
    {LENGTH, "  steps: 1.5", "8:10: steps must be an integer, not '1.5'"},
    {OPTIMIZER, "", "3:3: base needs the key 'optimizer'"},
    {OPTIMIZER, "  optimizer: sgd", "9:14: optimizer needs 'key: value' pairs, but this is a single value"},
    {OPTIMIZER, "  optimizer: {momentum: 0.9}", "9:14: optimizer needs the key 'lr' (step size)"},
    {OPTIMIZER, "  optimizer: {lr: 0.1x}", "9:19: lr must be a number, not '0.1x'"},
    {OPTIMIZER, "  optimizer: {lr: 1e400}", "9:19: lr is too large for a number: 1e400"},
    {OPTIMIZER, "  optimizer: {lr: 100M}", "9:19: lr must be a number, not '100M'"},
    {OPTIMIZER, "  optimizer: {lr: .nan}", "9:19: lr must be a number, not '.nan'"},
    {OPTIMIZER, "  optimizer: {lr: nan}", "9:19: lr must be a number, not 'nan'"},
    {OPTIMIZER, "  optimizer: {lr: .inf}", "9:19: lr must be a number, not '.inf'"},
    {OPTIMIZER, "  optimizer: {lr: infinity}", "9:19: lr must be a number, not 'infinity'"},
    {OPTIMIZER, "  optimizer: {lr: 0x1p3}", "9:19: lr must be a number, not '0x1p3'"},
    {OPTIMIZER, "  optimizer: {lr: 0}", "9:19: lr must be above 0, not 0"},
    {OPTIMIZER, "  optimizer: {lr: -1e-3}", "9:19: lr must be above 0, not -1e-3"},
    {OPTIMIZER, "  optimizer: {lr: 1, momentum: 1}", "9:32: momentum must lie in [0, 0.999999], not 1"},
    {OPTIMIZER, "  optimizer: {lr: 1, wd: 1}",
     "9:22: unknown key 'wd' in optimizer: the keys are schedule, warmup, lr, "},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: cosin}", "9:32: schedule is constant or {multistep: [EPOCH, EPOCH]"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {cosine: {min: 2}}}", "9:47: min must not be above lr, 1, but is 2"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {cosine: {mim: 0}}}", "9:42: unknown key 'mim' in cosine: did you mean 'min'?"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {inverse: {a: 0}}}", "9:46: a must be above 0, not 0"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {inverse: {}}}", "9:42: inverse needs the key 'a' (steps until lr is halved)"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {inverse: 3}}", "9:42: inverse needs 'key: value' pairs"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {scaled: sqrt(M)}}", "9:41: scaled must be one of sqrt(M/T)|1/sqrt(T)|1/T"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {scaled: [1]}}", "9:41: scaled is one of sqrt(M/T)|1/sqrt(T)|1/T"},
    {OPTIMIZER, "  optimizer: {lr: 1, nesterov: true}", "9:32: nesterov needs momentum, which is 0"},
    {OPTIMIZER, "  optimizer: {lr: 1, decay: bias}", "9:29: decay must be one of all|weights, not 'bias'"},
    {BATCH, "  batch: 20\n  accumulate: 3", "8:15: accumulate 3 does not divide batch 20"},
    {BATCH, "  batch: 20\n  accumulate: 0", "8:15: accumulate must lie in [1, 1e+09], not 0"},
    {BATCH, "  batch: 20\n  acumulate: 2", "8:3: unknown key 'acumulate' in base: did you mean 'accumulate'?"},
    {BATCH, "  batch: 20\n  label_smoothing: 1", "8:20: label_smoothing must lie in [0, 0.999999], not 1"},
    {BATCH, "  batch: 20\n  label_smoothing: 0.1", "8:20: label_smoothing needs labels, which quadratic has not"},
    {DEVICE, "  device: cpu\n  math: tf32", "11:9: the CPU computes in fp32: math: tf32 needs device: cuda; or write"},
    {DEVICE, "  device: cpu\n  math: fp16", "11:9: math must be one of fp32|tf32|bf16, not 'fp16'"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {gamma: 1}}", "9:32: schedule is constant or {multistep"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: []}}",
     "9:44: multistep needs a list of epochs, e.g. [1, 2], "
     "but this is empty"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: 1}}", "9:44: multistep needs a list of epochs"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: [1, 1]}}",
     "9:48: milestones must ascend, but 1 does not come "
     "after 1"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: [3, 2]}}", "9:48: milestones must ascend"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: [0]}}", "9:45: a milestone must be above 0, not 0"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: [[1]]}}", "9:45: a milestone is a number of epochs"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}",
     "9:44: multistep takes 16 milestones at most, not 17"},
    {OPTIMIZER, "  optimizer: {lr: 1, schedule: {multistep: [1], gama: 1}}",
     "9:49: unknown key 'gama' in schedule: did you "
     "mean 'gamma'?"},
    {OPTIMIZER, "  optimizer: {lr: 1, warmup: {epochs: 1, from: 2}}", "9:48: from must lie in [0, 1], not 2"},
    {OPTIMIZER, "  optimizer: {lr: 1, warmup: 3}", "9:30: warmup needs 'key: value' pairs, but this is a single value"},
    {DEVICE, "  device: gpu", "10:11: device must be one of auto|cpu|cuda|shadow, not 'gpu'"},
    {DEVICE, "  reduction: sum", "10:14: reduction must be one of ordered|mpi, not 'sum'"},
    {MATRIX, "matrix: {seed: [-1]}", "11:17: seed must lie in [0, 9e+15], not -1"},
    {DEVICE, "  network: {kind: switch}", "10:3: unknown key 'network' in base"},
    {MATRIX, "matrix: {optimizer.lr: [0.1, 0.2q]}", "11:30: lr must be a number, not '0.2q'"},
    {MATRIX, "matrix: {method.densty: [0.1]}", "11:10: unknown key 'densty': method sgd takes no parameters"},
    {MATRIX, "matrix: {workers: [1, 2, 101]}", "11:26: 101 workers are more than the 100 training samples"},
    {MATRIX, "matrix: {seed: []}", "11:16: 'seed' has an empty list"},
    {MATRIX, "matrix: {seed: [1]}\nexclude: [{seed: 1}]", "12:10: exclude removes every cell"},
    {MATRIX, "matrix: {seed: [1", "12:1: YAML syntax"},
    {MATRIX, "tiers: {laptop: {batch: 99}}", "11:25: batch 99 is larger than a worker's shard"},
};

Test(plan, every_mistake_has_a_place_and_a_sentence) {
  char text[4096];
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const mistake *m = &mistakes[i];
    write_lines(m->line, m->by, text, sizeof text);
    const outcome o = plan_text(text, NULL);
    cr_expect(o.status == STATUS_BAD_INPUT && o.plan == NULL, "%s: %s", m->by, o.sentence);
    cr_expect(strncmp(o.sentence, m->expected, strlen(m->expected)) == 0, "%s gives\n  %s\ninstead of\n  %s", m->by,
              o.sentence, m->expected);
    plan_destroy(o.plan);
  }
}

Test(plan, a_setting_of_the_command_line_is_its_own_place) {
  const struct {
    const char *set, *expected;
  } cases[] = {
      {"optimizer.lr=0.1x", "--set optimizer.lr=0.1x: lr must be a number, not '0.1x'"},
      {"batch=0", "--set batch=0: batch must lie in [1, 1e+09], not 0"},
      {"workers=200", "--set workers=200: 200 workers are more than the 100 training samples: use fewer workers"},
      {"method=[1", "--set method=[1: YAML syntax: "},
      {"method=sdg", "--set method=sdg: unknown method 'sdg': did you mean 'sgd'?"},
      {"optimizer.lrr=1", "--set optimizer.lrr=1: unknown key 'lrr' in optimizer: did you mean 'lr'?"},
      {"optimizer=1", "--set optimizer=1: optimizer needs 'key: value' pairs, but this is a single value"},
  };
  char text[2048];
  write_lines(N_LINES, NULL, text, sizeof text);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const outcome o = plan_text(text, &(plan_options){.sets = &cases[i].set, .n_sets = 1});
    cr_expect(o.status == STATUS_BAD_INPUT && strncmp(o.sentence, cases[i].expected, strlen(cases[i].expected)) == 0,
              "%s gives %s", cases[i].set, o.sentence);
    plan_destroy(o.plan);
  }
  const outcome o = plan_text(text, &(plan_options){.device = "gpu"});
  cr_expect_str_eq(o.sentence, "--device: device must be one of auto|cpu|cuda|shadow, not 'gpu': did you mean cpu?");
}

static void keep_note(void *context, const char *line) {
  char *notes = context;
  strcat(strcat(notes, line), "\n");
}

Test(plan, devices) {
  char text[2048], notes[1024] = "", expected[512], why[300];
  const char *reason = "";
  const bool has_cuda = device_cuda_count(&reason) > 0;
  snprintf(why, sizeof why, "%s", reason);
  const plan_options with_notes = {.note = keep_note, .note_context = notes};
  write_lines(DEVICE, "", text, sizeof text);
  plan *p = planned(text, &with_notes);
  cr_expect_eq(p->cells[0]->device, DEVICE_CPU);
  plan_destroy(p);
  if (has_cuda)
    snprintf(expected, sizeof expected, "device auto: models run on the CPU in this version\n");
  else
    snprintf(expected, sizeof expected, "device auto: %s; using the CPU\n", why);
  cr_expect_str_eq(notes, expected, "one note for all cells");

  write_lines(N_LINES, NULL, text, sizeof text);
  notes[0] = '\0';
  p = planned(text, &with_notes);
  cr_expect_str_eq(notes, "", "nothing to note where the file says cpu");
  plan_destroy(p);
  p = planned(text, &(plan_options){.device = "shadow"});
  cr_expect_eq(p->cells[1]->device, DEVICE_SHADOW);
  plan_destroy(p);

  write_lines(DEVICE, "  device: cuda", text, sizeof text);
  const outcome o = plan_text(text, NULL);
  snprintf(expected, sizeof expected, "10:11: %s; or write device: auto", why);
  if (has_cuda)
    cr_expect(o.status == STATUS_OK && o.plan->cells[0]->device == DEVICE_CUDA);
  else
    cr_expect_str_eq(o.sentence, expected);
  plan_destroy(o.plan);
}

/* Data files are looked at before any run. */
Test(plan, missing_and_truncated_data_are_found) {
  char folder[] = "/tmp/terse_data_XXXXXX", set[64], file[128], text[2048];
  cr_assert_not_null(mkdtemp(folder));
  snprintf(set, sizeof set, "%s/fashion-mnist", folder);
  snprintf(file, sizeof file, "%s/train-images-idx3-ubyte", set);
  cr_assert_eq(mkdir(set, 0700), 0);
  write_lines(DATASET, "  dataset: fashion-mnist", text, sizeof text);
  const plan_options options = {.data_folder = folder};
  outcome o = plan_text(text, &options);
  cr_expect(o.status == STATUS_BAD_DATA && strstr(o.sentence, "train-images-idx3-ubyte"), "%s", o.sentence);

  FILE *f = fopen(file, "wb");
  cr_assert(f && fwrite("\0\0\x08\x03\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c short", 1, 22, f) == 22);
  fclose(f);
  o = plan_text(text, &options);
  cr_expect(o.status == STATUS_BAD_DATA && strstr(o.sentence, file), "%s", o.sentence);
  unlink(file);
  rmdir(set);
  rmdir(folder);
}

Test(plan, files_that_are_none) {
  plan *p;
  const plan_options options = {.tier = NULL};
  cr_expect_eq(plan_load("/nowhere.yaml", &options, &p), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), "/nowhere.yaml: cannot be read"), "%s", status_detail());
  cr_expect_eq(plan_load("/", &options, &p), STATUS_BAD_INPUT);
  cr_expect_null(p);
  const outcome o = plan_text("", NULL);
  cr_expect(strncmp(o.sentence, "1:1: nothing is written", 23) == 0, "%s", o.sentence);
}

/* Whatever bytes a file holds, planning ends with a plan or with a sentence that names a place in it. */
Test(plan, survives_any_mutation) {
  static const char original[] =
      "experiment: fuzz/x\n"
      "base: &b\n"
      "  model: quadratic\n"
      "  dataset: {name: quadratic, dimension: 3, samples: 64, limit: 60}\n"
      "  workers: 2\n  batch: 3\n  steps: 4\n  eval_every: 0.5\n  device: cpu\n"
      "  optimizer: {lr: 0.5, momentum: 0.9, schedule: {multistep: [1, 2], gamma: 0.5}, warmup: {epochs: 1, from: "
      "0.1}}\n"
      "matrix:\n"
      "  method: [sgd, local-sgd: {steps: 2}, topk-sgd: {compressor: [topk: {density: 0.5}]}, &g {gtopk: {k: "
      "1}}]\n"
      "  optimizer.lr: [0.1, 2e-1]\n"
      "zip: [{seed: [1, 2], probe_every: [0, 5]}]\n"
      "exclude: [{method: sgd, seed: 1}, {method: {topk-sgd: {compressor: x}}}]\n"
      "include: [{method: gtopk, reduction: mpi}, {workers: 1, method: *g}]\n"
      "tiers: {smoke: {steps: 1, matrix: {seed: [1, 2]}}, laptop: {epochs: 1, dataset.limit: 30}}\n"
      "claims: [{id: a, query: SELECT 1, published: 1, standing: code}]\n";
  static const char *const splices[] = {"[",
                                        "]",
                                        "{",
                                        "}",
                                        ": ",
                                        "*g",
                                        "&b ",
                                        "\n",
                                        "  ",
                                        "\"",
                                        "-1",
                                        "1e999",
                                        "!!x ",
                                        ".",
                                        "\xff",
                                        "- ",
                                        "seed",
                                        "method",
                                        "99999999999999999999",
                                        "",
                                        "{}",
                                        "[]",
                                        "<<: *g"};
  enum { N_SPLICES = sizeof splices / sizeof *splices, N_TRIALS = 1500 };
  size_t n_good = 0;
  plan_destroy(planned(original, NULL));
  for (uint64_t trial = 0; trial < N_TRIALS; trial++) {
    char text[2 * sizeof original];
    size_t n = sizeof original - 1;
    memcpy(text, original, n);
    const rng_key draws = rng_stream(trial, RNG_TEST, -1, 1);
    const size_t n_edits = 1 + rng_draw(draws, 0).w[0] % 3;
    for (size_t e = 0; e < n_edits; e++) {
      const rng_words w = rng_draw(draws, e + 1);
      const char *put = splices[w.w[0] % N_SPLICES];
      const size_t n_put = strlen(put), at = w.w[1] % n, most = n - at, wanted = w.w[2] % 8;
      const size_t n_cut = wanted < most ? wanted : most;
      memmove(text + at + n_put, text + at + n_cut, n - at - n_cut);
      memcpy(text + at, put, n_put);
      n = n - n_cut + n_put;
    }
    const outcome o = plan_bytes(text, n, NULL);
    cr_assert(o.status == STATUS_OK || o.status == STATUS_BAD_INPUT || o.status == STATUS_BAD_DATA, "trial %zu: %s",
              (size_t)trial, o.sentence);
    int line, column;
    if (o.status == STATUS_BAD_INPUT)
      cr_assert(sscanf(o.sentence, "%d:%d: ", &line, &column) == 2, "no place in: %s", o.sentence);
    n_good += o.status == STATUS_OK;
    plan_destroy(o.plan);
  }
  cr_expect(n_good > 10 && n_good < N_TRIALS / 2, "%zu mutations were valid", n_good);
}
