#include "runner/cell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

static cell *from(const char *text) {
  cell *c = NULL;
  cr_assert_eq(cell_from_json(text, &c), STATUS_OK, "%s\n%s", text, status_detail());
  return c;
}

#define DATA                                                                                                   \
  "{\"name\":\"quadratic\",\"limit\":0,\"partition\":\"iid\",\"dimension\":7,\"L\":1,\"mu\":0.01,\"noise\":1," \
  "\"heterogeneity\":0,\"samples\":65536}"

Test(cell, defaults_are_filled_in_in_a_fixed_order) {
  cell *c = from(
      "{optimizer: {lr: 0.10}, epochs: 2.0, dataset: {quadratic: {dimension: 7}}, batch: 32, workers: 4, "
      "device: auto, method: local_sgd, model: quadratic}");
  cr_expect_str_eq(
      c->config,
      "{\"model\":{\"name\":\"quadratic\"},\"dataset\":" DATA
      ",\"method\":{\"name\":\"local-sgd\",\"steps\":8,\"average_momentum\":false},\"workers\":4,\"batch\":32,"
      "\"epochs\":2,\"steps\":0,\"eval_every\":1,\"probe_every\":0,\"optimizer\":{\"lr\":0.1,\"momentum\":0,"
      "\"weight_decay\":0,\"clip\":0,\"schedule\":\"constant\",\"warmup\":{\"epochs\":0,\"from\":0}},"
      "\"seed\":1,\"device\":\"cpu\",\"reduction\":\"ordered\"}");
  cr_expect_str_eq(c->method->name, "local-sgd");
  cr_expect_str_eq(c->model->name, "quadratic");
  cr_expect_str_eq(c->dataset->name, "quadratic");
  cr_expect(c->workers == 4 && c->batch == 32 && c->steps == 0 && c->seed == 1 && c->limit == 0);
  cr_expect(c->device == DEVICE_CPU && c->reduction == REDUCTION_ORDERED);
  cr_expect(args_int(&c->method_spec.args, "steps") == 8 && args_int(&c->dataset_spec.args, "dimension") == 7);
  cr_expect(c->optimizer.schedule == SCHEDULE_CONSTANT && c->optimizer.gamma == 1);
  cr_expect_str_eq(c->hash, "");
  cell_destroy(c);
}

Test(cell, everything_given_is_kept) {
  const char *config =
      "{\"model\":{\"name\":\"lenet5\"},\"dataset\":{\"name\":\"fashion-mnist\",\"limit\":2000,\"partition\":\"iid\"},"
      "\"method\":{\"name\":\"topk-sgd\",\"memory\":false,\"compressor\":[{\"name\":\"randk\",\"density\":0.5,"
      "\"scale\":\"unbiased\"}],\"scope\":\"layer\",\"bucket\":512,\"indices\":"
      "\"packed\"},"
      "\"workers\":3,\"batch\":5,\"epochs\":0,\"steps\":700,\"eval_every\":0.25,\"probe_every\":9,\"optimizer\":{"
      "\"lr\":0.30000000000000004,\"momentum\":0.9,\"weight_decay\":0.0001,\"clip\":2.5,\"schedule\":{\"multistep\":[1,"
      "2.5,80],\"gamma\":0.2},\"warmup\":{\"epochs\":5,\"from\":0.125}},\"seed\":9000000000000000,\"device\":"
      "\"shadow\","
      "\"reduction\":\"mpi\"}";
  cell *c = from(config);
  cr_expect_str_eq(c->config, config, "a canonical form reads back as itself, not as %s", c->config);
  cr_expect(c->steps == 700 && c->epochs == 0 && c->eval_every == 0.25 && c->probe_every == 9 && c->limit == 2000);
  cr_expect(c->seed == 9000000000000000u && c->device == DEVICE_SHADOW && c->reduction == REDUCTION_MPI);
  const optimizer *o = &c->optimizer;
  cr_expect(o->lr == 0.1 + 0.2 && o->momentum == 0.9 && o->weight_decay == 1e-4 && o->clip == 2.5);
  cr_expect(o->schedule == SCHEDULE_MULTISTEP && o->n_milestones == 3 && o->milestones[1] == 2.5 && o->gamma == 0.2);
  cr_expect(o->warmup_epochs == 5 && o->warmup_from == 0.125);
  size_t n;
  const module_spec *stages = args_modules(&c->method_spec.args, "compressor", &n);
  cr_assert_eq(n, 1);
  cr_expect_str_eq(stages[0].name, "randk");
  cr_expect_str_eq(args_text(&stages[0].args, "scale"), "unbiased");
  cr_expect_eq(args_real(&stages[0].args, "density"), 0.5);
  cr_expect(!args_bool(&c->method_spec.args, "memory"));
  cell_destroy(c);
}

/* Read, written, read again; what is the default is not written, so that it changes no hash. */
Test(cell, settings_of_training_are_kept) {
  const struct {
    const char *optimizer, *rest, *canonical;
  } cases[] = {
      {"momentum: 0.9, nesterov: true", "", "\"momentum\":0.9,\"nesterov\":true,"},
      {"weight_decay: 0.1, decay: weights", "", "\"weight_decay\":0.1,\"decay\":\"weights\","},
      {"schedule: cosine", "", ",\"schedule\":{\"cosine\":{\"min\":0}},"},
      {"schedule: {cosine: {min: 0.5}}", "", ",\"schedule\":{\"cosine\":{\"min\":0.5}},"},
      {"schedule: {inverse: {a: 1000}}", "", ",\"schedule\":{\"inverse\":{\"a\":1000}},"},
      {"schedule: {scaled: sqrt(M/T)}", "", ",\"schedule\":{\"scaled\":\"sqrt(M/T)\"},"},
      {"schedule: {scaled: 1/T}", "", ",\"schedule\":{\"scaled\":\"1/T\"},"},
      {"clip: 0", "accumulate: 3,", "\"batch\":6,\"accumulate\":3,"},
      {"clip: 0", "label_smoothing: 0.1,", "}},\"label_smoothing\":0.1,\"seed\":"},
      {"clip: 0", "accumulate: 1, label_smoothing: 0, math: fp32, deterministic: false,", "\"batch\":6,\"epochs\":0,"},
      {"nesterov: false, decay: all", "", "{\"lr\":1,\"momentum\":0,\"weight_decay\":0,\"clip\":0,\"sch"},
  };
  char hashes[sizeof cases / sizeof *cases][17];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[512];
    snprintf(text, sizeof text,
             "{model: softmax, dataset: gaussian, workers: 2, batch: 6, steps: 5, %s method: sgd, optimizer: {lr: 1, "
             "%s}}",
             cases[i].rest, cases[i].optimizer);
    cell *c = from(text);
    cr_expect(strstr(c->config, cases[i].canonical), "%s is not in %s", cases[i].canonical, c->config);
    cell *again = from(c->config);
    cr_expect_str_eq(again->config, c->config);
    cr_assert_eq(cell_set_hash(c, 1), STATUS_OK);
    strcpy(hashes[i], c->hash);
    for (size_t k = 0; k < i; k++) /* the last two are written otherwise and mean the same */
      cr_expect_eq(strcmp(hashes[i], hashes[k]) == 0, i == 10 && k == 9, "cases %zu and %zu", i, k);
    cell_destroy(c);
    cell_destroy(again);
  }
}

Test(cell, partitions_are_kept) {
  const struct {
    const char *written, *canonical;
    partition_rule rule;
  } cases[] = {{"{dirichlet: 1e-1}", "{\"dirichlet\":0.1}", {.kind = PARTITION_DIRICHLET, .alpha = 0.1}},
               {"{shards: 2}", "{\"shards\":2}", {.kind = PARTITION_SHARDS, .n_pieces = 2}},
               {"iid", "\"iid\"", {.kind = PARTITION_IID}}};
  for (int i = 0; i < 3; i++) {
    char text[512], part[64];
    snprintf(text, sizeof text,
             "{model: softmax, dataset: {gaussian: {partition: %s}}, workers: 2, batch: 1, steps: 5, optimizer: {lr: "
             "1}, method: sgd}",
             cases[i].written);
    snprintf(part, sizeof part, "\"partition\":%s,", cases[i].canonical);
    cell *c = from(text);
    cr_expect(strstr(c->config, part), "%s is not in %s", part, c->config);
    cr_expect(c->partition.kind == cases[i].rule.kind && c->partition.alpha == cases[i].rule.alpha &&
              c->partition.n_pieces == cases[i].rule.n_pieces);
    cell *again = from(c->config);
    cr_expect_str_eq(again->config, c->config);
    cell_destroy(c);
    cell_destroy(again);
  }
}

#define BASE "{model: quadratic, dataset: quadratic, workers: 2, batch: 1, steps: 5, optimizer: {lr: %s}, method: %s}"

static cell *with(const char *lr, const char *how) {
  char text[1024];
  snprintf(text, sizeof text, BASE, lr, how);
  return from(text);
}

Test(cell, numbers_are_shortest_and_exact) {
  const char *const shortest[] = {"0.1", "1e-05", "1e+30", "0.3333333333333333", "5e-324", "1.7976931348623157e+308",
                                  "3"};
  for (size_t i = 0; i < sizeof shortest / sizeof *shortest; i++) {
    char expected[64];
    cell *c = with(shortest[i], "sgd");
    snprintf(expected, sizeof expected, "\"lr\":%s,", shortest[i]);
    cr_expect(strstr(c->config, expected), "%s in %s", expected, c->config);
    cell_destroy(c);
  }
  for (uint64_t i = 0; i < 300; i++) {
    const rng_words w = rng_draw(rng_stream(1, RNG_TEST, -1, 0), i);
    char text[64];
    const double value = (1 + w.w[0] * 0x1p-32) * (w.w[1] % 2 ? 1e-3 : 1) * (double)(1 + w.w[2] % 1000);
    snprintf(text, sizeof text, "%.17g", value);
    cell *c = with(text, "sgd"), *again = from(c->config);
    cr_expect_eq(c->optimizer.lr, value);
    cr_expect_eq(again->optimizer.lr, value);
    cr_expect_str_eq(again->config, c->config);
    cell_destroy(c);
    cell_destroy(again);
  }
}

Test(cell, the_hash_covers_config_versions_and_data) {
  const char *const methods[] = {"sgd",
                                 "local-sgd",
                                 "{local-sgd: {steps: 9}}",
                                 "gtopk",
                                 "topk-sgd",
                                 "{topk-sgd: {compressor: identity}}",
                                 "{topk-sgd: {compressor: [randk]}}"};
  enum { N = sizeof methods / sizeof *methods };
  char hashes[2 * N][17];
  for (size_t i = 0; i < 2 * N; i++) {
    cell *c = with("0.1", methods[i / 2]);
    cr_assert_eq(cell_set_hash(c, i % 2), STATUS_OK);
    cr_assert_eq(strspn(c->hash, "0123456789abcdef"), 16);
    strcpy(hashes[i], c->hash);
    cr_assert_eq(cell_set_hash(c, i % 2), STATUS_OK);
    cr_expect_str_eq(c->hash, hashes[i]);
    for (size_t k = 0; k < i; k++) cr_expect_str_neq(hashes[i], hashes[k]);
    cell_destroy(c);
  }
  /* However a configuration is written, one meaning has one hash. */
  cell *a = with("0.1", "{gtopk: {density: 0.001}}"), *b = with("1e-1", "{k: 0, name: gtopk, memory: true}");
  cr_assert(cell_set_hash(a, 5) == STATUS_OK && cell_set_hash(b, 5) == STATUS_OK);
  cr_expect_str_eq(a->hash, b->hash);
  /* A module's version is in the hash, though not in the config. */
  const method newer = {.name = a->method->name, .version = "another", .params = a->method->params};
  a->method = &newer;
  cr_assert_eq(cell_set_hash(a, 5), STATUS_OK);
  cr_expect_str_neq(a->hash, b->hash);
  cell_destroy(a);
  cell_destroy(b);
  cell_destroy(NULL);
}

Test(cell, labels_say_what_was_run) {
  const struct {
    const char *method, *label;
  } cases[] = {
      {"sgd", "sgd"},
      {"{local-sgd: {steps: 8}}", "local-sgd(steps 8)"},
      {"{local-sgd: {steps: 16, average_momentum: true}}", "local-sgd(steps 16, average_momentum)"},
      {"{gtopk: {density: 0.01, aggregate: tree, memory: false}}", "gtopk(density 0.01, tree, no memory)"},
      {"topk-sgd", "topk-sgd(topk(density 0.01))"},
      {"{topk-sgd: {compressor: [topk: {density: 0.2}], scope: layer}}", "topk-sgd(topk(density 0.2), layer)"},
      {"double-squeeze", "double-squeeze(sign(l2), single)"},
      {"{double-squeeze: {compressor: sign, down: [topk: {density: 0.2}, sign]}}",
       "double-squeeze(sign(l1), down topk(density 0.2) + sign(l1), single)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char label[100], cut[8];
    cell *c = with("1", cases[i].method), *again = from(c->config);
    cr_expect_str_eq(again->config, c->config);
    cell_destroy(again);
    cell_label(c, label, sizeof label);
    cr_expect_str_eq(label, cases[i].label);
    cell_label(c, cut, sizeof cut);
    cr_expect(strncmp(cut, label, 7) == 0 && strlen(cut) <= 7);
    cell_destroy(c);
  }
}

Test(cell, what_is_no_cell_is_refused) {
  const struct {
    const char *text, *expected;
  } cases[] = {
      {"", "cell:1:1: nothing is written"},
      {"[]", "cell:1:1: base needs 'key: value' pairs, but this is a list"},
      {"{\"model\":{\"name\":\"lenet5\"}", "cell:2:1: YAML syntax"},
      {"{\"model\":{\"name\":\"lenet5\"}}", "cell:1:1: base needs the key 'dataset'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cell *c;
    cr_expect_eq(cell_from_json(cases[i].text, &c), STATUS_BAD_INPUT);
    cr_expect_null(c);
    cr_expect(strncmp(status_detail(), cases[i].expected, strlen(cases[i].expected)) == 0, "%s", status_detail());
  }
}

Test(cell, texts_are_kept_and_shown) {
  const char *form =
      "{optimizer: {lr: 0.1}, epochs: 1, dataset: {quadratic: {dimension: 7}}, batch: 1, workers: 3, device: cpu, "
      "method: {d-psgd: {topology: edges, edges: %s}}, model: quadratic}";
  char text[512], label[160];
  snprintf(text, sizeof text, form, "\"0-1 \\\"1-2\"");
  cell *c = from(text);
  cr_expect_not_null(strstr(c->config, "\"edges\":\"0-1 \\\"1-2\""), "%s", c->config);
  cell_destroy(c);
  snprintf(text, sizeof text, form, "0-1 1-2");
  c = from(text);
  cell_label(c, label, sizeof label);
  cr_expect_str_eq(label, "d-psgd(combine-first, edges, edges 0-1 1-2)");
  cell *again = from(c->config);
  cr_expect_str_eq(again->config, c->config);
  cr_expect_str_eq(args_text(&again->method_spec.args, "edges"), "0-1 1-2");
  cell_destroy(again);
  cell_destroy(c);
}

Test(cell, lists_of_numbers_are_kept_and_shown) {
  const char *form =
      "{optimizer: {lr: 0.1}, epochs: 1, dataset: {quadratic: {dimension: 7}}, batch: 1, workers: 2, device: cpu, "
      "method: {gtopk: {density: 0.5, density_warmup: %s}}, model: quadratic}";
  char text[512], label[160];
  snprintf(text, sizeof text, form, "[0.25, 0.0725]");
  cell *c = from(text);
  cr_expect_not_null(strstr(c->config, "\"density_warmup\":[0.25,0.0725],"), "%s", c->config);
  cell_label(c, label, sizeof label);
  cr_expect_str_eq(label, "gtopk(density 0.5, density_warmup [0.25,0.0725], recursive)");
  cell *again = from(c->config);
  cr_expect_str_eq(again->config, c->config);
  cell_destroy(again);
  cell_destroy(c);
  snprintf(text, sizeof text, form, "[]");
  c = from(text);
  cr_expect_not_null(strstr(c->config, "\"density_warmup\":[],"));
  cell_label(c, label, sizeof label);
  cr_expect_str_eq(label, "gtopk(density 0.5, recursive)");
  cell_destroy(c);
  const char *bad[] = {"0.5", "[2]", "[\"0.5\"]", "[[0.5]]", "[a]", "{a: 1}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(text, sizeof text, form, bad[i]);
    cr_expect_eq(cell_from_json(text, &c), STATUS_BAD_INPUT, "%s passes", bad[i]);
    cr_expect_not_null(strstr(status_detail(), "density_warmup"), "%s", status_detail());
  }
}
