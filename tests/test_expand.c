#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "runner/expand.h"
#include "runner/override.h"

/* A node in flow syntax. */
static void render(FILE *f, const node *n) {
  if (n->kind == NODE_SCALAR) fputs(n->text, f);
  if (n->kind == NODE_SCALAR) return;
  fputc(n->kind == NODE_MAP ? '{' : '[', f);
  for (size_t i = 0; i < n->n; i++) {
    if (i > 0) fputs(", ", f);
    if (n->kind == NODE_MAP) fprintf(f, "%s: ", n->entries[i].key);
    render(f, n->kind == NODE_MAP ? n->entries[i].value : n->items[i]);
  }
  fputc(n->kind == NODE_MAP ? '}' : ']', f);
}

static enum status expand(arena *memory, const char *text, const plan_options *options, expansion *out) {
  const node *file;
  TRY_RETURN(yaml_read_text(memory, "f.yaml", true, text, strlen(text), &file));
  return expand_experiment(memory, file, options, out);
}

/* The cells of a text, one a line; a failure gives its sentence. */
static void check(const char *text, const plan_options *options, const char *expected) {
  static const plan_options none = {.tier = NULL};
  arena *memory;
  expansion all;
  char got[8192] = "";
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  FILE *f = fmemopen(got, sizeof got, "w");
  cr_assert_not_null(f);
  if (expand(memory, text, options ? options : &none, &all) == STATUS_OK) {
    for (size_t i = 0; i < all.n_cells; i++) {
      render(f, all.cells[i]);
      fputc('\n', f);
    }
  } else {
    fputs(status_detail(), f);
  }
  fclose(f);
  cr_expect_str_eq(got, expected, "%s\ngives\n%s\ninstead of\n%s", text, got, expected);
  arena_destroy(memory);
}

#define HEAD "experiment: e\nbase: {eval_every: 1}\n"

Test(expand, base_alone_and_the_product_in_file_order) {
  check(HEAD, NULL, "{eval_every: 1}\n");
  check(HEAD "matrix: {}\n", NULL, "{eval_every: 1}\n");
  check(HEAD "matrix: {workers: [1, 2], seed: [7, 8], batch: [3]}\n", NULL,
        "{eval_every: 1, workers: 1, seed: 7, batch: 3}\n"
        "{eval_every: 1, workers: 1, seed: 8, batch: 3}\n"
        "{eval_every: 1, workers: 2, seed: 7, batch: 3}\n"
        "{eval_every: 1, workers: 2, seed: 8, batch: 3}\n");
  check(HEAD "zip: {workers: [1, 2], batch: [64, 32]}\nmatrix: {seed: [7, 8]}\n", NULL,
        "{eval_every: 1, seed: 7, workers: 1, batch: 64}\n"
        "{eval_every: 1, seed: 7, workers: 2, batch: 32}\n"
        "{eval_every: 1, seed: 8, workers: 1, batch: 64}\n"
        "{eval_every: 1, seed: 8, workers: 2, batch: 32}\n");
  check(HEAD "zip:\n  - {workers: [1, 2], batch: [64, 32]}\n  - {seed: [7, 8], probe_every: [0, 1]}\n", NULL,
        "{eval_every: 1, workers: 1, batch: 64, seed: 7, probe_every: 0}\n"
        "{eval_every: 1, workers: 1, batch: 64, seed: 8, probe_every: 1}\n"
        "{eval_every: 1, workers: 2, batch: 32, seed: 7, probe_every: 0}\n"
        "{eval_every: 1, workers: 2, batch: 32, seed: 8, probe_every: 1}\n");
}

/* The example of GitHub's documentation ("Expanding or adding matrix configurations"), with fruit = workers (apple 1,
 * pear 2, banana 9), animal = batch (cat 3, dog 4), color = seed (green 10, pink 11), shape = probe_every (circle 7).
 */
Test(expand, include_means_what_it_means_at_github) {
  check(HEAD
        "matrix: {workers: [1, 2], batch: [3, 4]}\n"
        "include:\n"
        "  - {seed: 10}\n"
        "  - {seed: 11, batch: 3}\n"
        "  - {workers: 1, probe_every: 7}\n"
        "  - {workers: 9}\n"
        "  - {workers: 9, batch: 3}\n",
        NULL,
        "{eval_every: 1, workers: 1, batch: 3, seed: 11, probe_every: 7}\n"
        "{eval_every: 1, workers: 1, batch: 4, seed: 10, probe_every: 7}\n"
        "{eval_every: 1, workers: 2, batch: 3, seed: 11}\n"
        "{eval_every: 1, workers: 2, batch: 4, seed: 10}\n"
        "{eval_every: 1, workers: 9}\n"
        "{eval_every: 1, workers: 9, batch: 3}\n");
  check(HEAD "include: [{seed: 1}, {workers: 2}]\n", NULL, "{eval_every: 1, seed: 1}\n{eval_every: 1, workers: 2}\n");
  check(HEAD "include: []\n", NULL, "{eval_every: 1}\n");
  check(HEAD "matrix: {method: [sgd, gtopk: {density: 0.1}]}\ninclude: [{method: gtopk, optimizer.lr: 0.2}]\n", NULL,
        "{eval_every: 1, method: sgd}\n"
        "{eval_every: 1, method: {gtopk: {density: 0.1}}, optimizer: {lr: 0.2}}\n");
}

#define METHODS \
  HEAD "matrix: {method: [sgd, gtopk: {density: 0.10, memory: true}, {name: gtopk, density: 0.2}], seed: [1, 2]}\n"

Test(expand, exclude_matches_parts) {
  check(METHODS "exclude: [{method: gtopk}]\n", NULL,
        "{eval_every: 1, method: sgd, seed: 1}\n"
        "{eval_every: 1, method: sgd, seed: 2}\n");
  check(METHODS
        "exclude:\n"
        "  - {method: {gtopk: {density: 0.1}}, seed: 1}\n"
        "  - {method: sgd}\n"
        "  - {seed: 2.0, method: {name: gtopk, density: 2e-1}}\n",
        NULL,
        "{eval_every: 1, method: {gtopk: {density: 0.10, memory: true}}, seed: 2}\n"
        "{eval_every: 1, method: {name: gtopk, density: 0.2}, seed: 1}\n");
  check(METHODS "exclude: [{seed: 1}, {method: gtopk}]\n", NULL, "{eval_every: 1, method: sgd, seed: 2}\n");
  check(METHODS "exclude: [{method: {gtopk: {memory: false}}}, {method: {gtopk: {k: 1}}}, {seed: 1}, {method: sgd}]\n",
        NULL,
        "{eval_every: 1, method: {gtopk: {density: 0.10, memory: true}}, seed: 2}\n"
        "{eval_every: 1, method: {name: gtopk, density: 0.2}, seed: 2}\n");
  check(HEAD "matrix: {seed: [1, 2]}\nexclude: [{seed: 1}, {seed: 2}]\ninclude: [{seed: 3}]\n", NULL,
        "{eval_every: 1, seed: 3}\n");
}

Test(expand, tiers_sets_and_device_go_over_it) {
  const char *text =
      "experiment: e\n"
      "base: {dataset: fashion-mnist, epochs: 2, optimizer: {lr: 0.1, momentum: 0.9}}\n"
      "matrix: {seed: [1, 2]}\n"
      "tiers:\n"
      "  laptop: {epochs: 5}\n"
      "  smoke: {steps: 30, dataset.limit: 100, matrix: {seed: [9], workers: [2]}}\n"
      "  plain: {}\n";
  check(text, NULL,
        "{dataset: fashion-mnist, epochs: 5, optimizer: {lr: 0.1, momentum: 0.9}, seed: 1}\n"
        "{dataset: fashion-mnist, epochs: 5, optimizer: {lr: 0.1, momentum: 0.9}, seed: 2}\n");
  check(text, &(plan_options){.tier = "smoke"},
        "{dataset: {name: fashion-mnist, limit: 100}, optimizer: {lr: 0.1, momentum: 0.9}, steps: 30, seed: 9, "
        "workers: 2}\n");
  const char *const sets[] = {"optimizer.lr=0.5", "method={gtopk: {density: 0.1}}", "method.density=0.3", "seed=4"};
  check(text, &(plan_options){.tier = "plain", .sets = sets, .n_sets = 4, .device = "shadow"},
        "{dataset: fashion-mnist, epochs: 2, optimizer: {lr: 0.5, momentum: 0.9}, seed: 4, "
        "method: {name: gtopk, density: 0.3}, device: shadow}\n"
        "{dataset: fashion-mnist, epochs: 2, optimizer: {lr: 0.5, momentum: 0.9}, seed: 4, "
        "method: {name: gtopk, density: 0.3}, device: shadow}\n");
}

Test(expand, whole_keys_go_before_keys_inside_them) {
  check(HEAD "matrix: {method.density: [0.1, 0.2], method: [gtopk: {memory: false}]}\n", NULL,
        "{eval_every: 1, method: {name: gtopk, memory: false, density: 0.1}}\n"
        "{eval_every: 1, method: {name: gtopk, memory: false, density: 0.2}}\n");
  check("experiment: e\nbase: {optimizer.warmup.epochs: 3, optimizer: {lr: 1}}\n", NULL,
        "{optimizer: {lr: 1, warmup: {epochs: 3}}}\n");
  cr_expect(override_covers("optimizer", "optimizer.lr") && override_covers("a.b", "a.b"));
  cr_expect(!override_covers("optimizer.lr", "optimizer") && !override_covers("opt", "optimizer.lr"));
}

Test(expand, mistakes) {
  const struct {
    const char *text, *tier, *expected;
  } mistakes[] = {
      {"[1]\n", NULL, "f.yaml:1:1: an experiment file needs 'key: value' pairs, but this is a list"},
      {"base: {}\n", NULL, "f.yaml:1:1: the key 'experiment' is missing: rows of results carry this name"},
      {"experiment: a b\nbase: {}\n", NULL,
       "f.yaml:1:13: the experiment's name is letters, digits, '_', '-' and '/' only"},
      {"experiment:\nbase: {}\n", NULL, "f.yaml:1:12: the experiment's name is letters, digits, '_', '-' and '/' only"},
      {"experiment: e\n", NULL, "f.yaml:1:1: the key 'base' is missing: the configuration all cells share"},
      {"experiment: e\nbase: 3\n", NULL, "f.yaml:2:7: base needs 'key: value' pairs, but this is a single value"},
      {HEAD "matrx: {}\n", NULL, "f.yaml:3:1: unknown key 'matrx' in the experiment file: did you mean 'matrix'?"},
      {HEAD "matrix: [1]\n", NULL, "f.yaml:3:9: matrix is a map from keys to lists, but this is a list"},
      {HEAD "matrix: {seeds: [1]}\n", NULL, "f.yaml:3:10: unknown key 'seeds' in matrix: did you mean 'seed'?"},
      {HEAD "matrix: {optimiser.lr: [1]}\n", NULL,
       "f.yaml:3:10: unknown key 'optimiser' in matrix: did you mean 'optimizer'?"},
      {HEAD "matrix: {seed: []}\n", NULL,
       "f.yaml:3:16: 'seed' has an empty list, so there is no cell: give it a value"},
      {HEAD "matrix: {seed: 1}\n", NULL,
       "f.yaml:3:16: 'seed' needs a list of values, e.g. [1, 2], but this is a single value"},
      {HEAD "zip: {seed: [1, 2], workers: [1]}\n", NULL,
       "f.yaml:3:30: zipped lists step together: 'workers' has 1 values, 'seed' has 2"},
      {HEAD "zip: [{}]\n", NULL, "f.yaml:3:7: a zip group without keys: write {KEY: [values], KEY: [values]}"},
      {HEAD "zip: [3]\n", NULL, "f.yaml:3:7: zip needs 'key: value' pairs, but this is a single value"},
      {HEAD "matrix: {seed: [1]}\nzip: {seed: [1]}\n", NULL,
       "f.yaml:4:7: 'seed' is varied twice (matrix and zip, or two zip groups): keep one"},
      {HEAD "include: {seed: 1}\n", NULL, "f.yaml:3:10: include is a list of maps, but this is a map"},
      {HEAD "matrix: {seed: [1]}\nexclude: [{batch: 1}]\n", NULL,
       "f.yaml:4:12: exclude names 'batch', which neither matrix nor zip varies: leave it out"},
      {HEAD "matrix: {seed: [1]}\nexclude: [{}]\n", NULL,
       "f.yaml:4:11: an exclude entry without keys would remove every cell: name some"},
      {HEAD "matrix: {seed: [1, 2]}\nexclude: [{seed: 1}, {seed: 2}]\n", NULL,
       "f.yaml:4:10: exclude removes every cell: exclude less"},
      {HEAD "matrix: {method: [[sgd]]}\nexclude: [{method: sgd}]\n", NULL,
       "f.yaml:3:19: a module is written NAME, {name: NAME, key: value} or {NAME: {key: value}}, but this is a list"},
      {HEAD "tiers: [smoke]\n", NULL, "f.yaml:3:8: tiers is a map from names to settings, not a list"},
      {HEAD "tiers: {paper: 3}\n", NULL,
       "f.yaml:3:16: tier paper needs 'key: value' pairs (or {}), but this is a single value"},
      {HEAD "tiers: {paper: {epoch: 3}}\n", NULL,
       "f.yaml:3:17: unknown key 'epoch' in tier paper: did you mean 'epochs'?"},
      {HEAD "tiers: {smoke: {}, paper: {}}\n", "smok",
       "f.yaml:3:8: there is no tier 'smok': did you mean 'smoke'? There are smoke, paper"},
      {HEAD, "smoke", "f.yaml:1:1: there is no tier 'smoke', the file has none: leave --tier out"},
      {HEAD "matrix: {seed: [1]}\ntiers: {laptop: {seed: 3}}\n", NULL,
       "f.yaml:4:18: tier laptop sets 'seed', but the matrix varies 'seed': write matrix: {seed: [...]} in the tier "
       "instead"},
      {HEAD "claims: {}\n", NULL, "f.yaml:3:9: claims is a list of maps, but this is a map"},
      {HEAD "claims: [x]\n", NULL, "f.yaml:3:10: a claim is a map, but this is a single value"},
      {HEAD "matrix: {eval_every.x: [1]}\n", NULL,
       "f.yaml:3:10: 'eval_every.x' cannot be set: 'eval_every' is a single value, without keys inside"},
      {"experiment: e\nbase: {optimizer..lr: 1}\n", NULL,
       "f.yaml:2:8: 'optimizer..lr' is not a key: write KEY or SECTION.KEY, e.g. optimizer.lr"},
      {"experiment: e\nbase: {seed.: 1}\n", NULL,
       "f.yaml:2:8: 'seed.' is not a key: write KEY or SECTION.KEY, e.g. optimizer.lr"},
      {"experiment: e\nbase: {method.a.b.c.d.e.f: 1}\n", NULL,
       "f.yaml:2:8: 'method.a.b.c.d.e.f' is deeper than any key"},
      {"experiment: e\nbase: {.lr: 1}\n", NULL,
       "f.yaml:2:8: unknown key '' in base: the keys are model, dataset, method, optimizer, workers, batch, epochs, "
       "steps, eval_every, probe_every, seed, device, reduction, accumulate, label_smoothing, math, deterministic"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
    check(mistakes[i].text, &(plan_options){.tier = mistakes[i].tier}, mistakes[i].expected);
  const struct {
    const char *set, *expected;
  } sets[] = {
      {"seed", "--set seed: write --set KEY=VALUE, e.g. --set optimizer.lr=0.1"},
      {"=3", "--set =3: write --set KEY=VALUE, e.g. --set optimizer.lr=0.1"},
      {"seed=", "--set seed=: nothing is written here: an experiment, or a value, is needed"},
      {"sed=1", "--set sed=1: unknown key 'sed' in base: did you mean 'seed'?"},
  };
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    check(HEAD, &(plan_options){.sets = &sets[i].set, .n_sets = 1}, sets[i].expected);
}

static void count_notes(void *context, const char *line) {
  cr_expect_str_eq(line, "f.yaml:4:22: this exclude entry matches no cell");
  ++*(int *)context;
}

Test(expand, an_exclude_entry_without_effect_is_noted) {
  int n = 0;
  check(HEAD "matrix: {seed: [1, 2]}\nexclude: [{seed: 2}, {seed: 3}]\n",
        &(plan_options){.note = count_notes, .note_context = &n}, "{eval_every: 1, seed: 1}\n");
  cr_expect_eq(n, 1);
}

/* Over random matrices: the number of cells is the product of the lengths, no two cells are equal, each value occurs
 * equally often, and what is not excluded plus what is excluded is everything. */
Test(expand, random_products_are_complete) {
  static const char *const keys[] = {"workers", "seed", "batch", "probe_every"};
  for (uint64_t trial = 0; trial < 40; trial++) {
    const rng_key draws = rng_stream(trial, RNG_TEST, -1, 0);
    char text[2048];
    size_t expected = 1, length[4];
    size_t n = (size_t)snprintf(text, sizeof text, HEAD "matrix:\n");
    for (size_t k = 0; k < 4; k++) {
      length[k] = 1 + rng_draw(draws, k).w[0] % 4;
      expected *= length[k];
      n += (size_t)snprintf(text + n, sizeof text - n, "  %s: [", keys[k]);
      for (size_t i = 0; i < length[k]; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu", i ? ", " : "", i);
      n += (size_t)snprintf(text + n, sizeof text - n, "]\n");
    }
    arena *memory;
    expansion all;
    cr_assert_eq(arena_create(&memory), STATUS_OK);
    cr_assert_eq(expand(memory, text, &(plan_options){.tier = NULL}, &all), STATUS_OK, "%s", status_detail());
    cr_assert_eq(all.n_cells, expected);
    for (size_t i = 0; i < expected; i++) {
      size_t code = 0;
      for (size_t k = 0; k < 4; k++) code = code * length[k] + (size_t)(node_get(all.cells[i], keys[k])->text[0] - '0');
      cr_assert_eq(code, i, "the last key is the fastest");
    }
    const size_t at = rng_draw(draws, 9).w[0] % 4;
    if (length[at] > 1) {
      snprintf(text + n, sizeof text - n, "exclude: [{%s: 0}]\n", keys[at]);
      cr_assert_eq(expand(memory, text, &(plan_options){.tier = NULL}, &all), STATUS_OK, "%s", status_detail());
      cr_expect_eq(all.n_cells, expected / length[at] * (length[at] - 1));
    }
    arena_destroy(memory);
  }
}
