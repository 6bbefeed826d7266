/* What every method promises before any exchange; tests/mpi/method.c runs them. */
#include <criterion/criterion.h>
#include <string.h>

#include "algorithms/method.h"
#include "core/args.h"

Test(methods, every_method_is_complete) {
  size_t n = 0;
  for (const method *const *list = method_registry; *list; list++, n++) {
    const method *m = *list;
    cr_assert(m->name && *m->name && m->paper && *m->paper && m->version && *m->version);
    cr_assert(m->create && m->round && m->iterate && m->archive && m->destroy, "%s lacks a function", m->name);
    cr_assert(!(m->traits & SYNCHRONOUS) != !(m->traits & ASYNCHRONOUS), "%s: which is it?", m->name);
    cr_assert_eq(method_find(m->name), m, "%s is not found, or twice", m->name);
    for (const param *p = m->params; p->name; p++)
      cr_assert(p->help && *p->help, "%s: %s has no help", m->name, p->name);
    args a;
    cr_assert_eq(args_from_text(m->params, NULL, NULL, 0, &a), STATUS_OK, "%s: %s", m->name, status_detail());
    args_free(&a);
  }
  cr_assert_geq(n, 4);
  cr_assert_null(method_find("no-such-method"));
  cr_assert_null(method_find(""));
  cr_assert_str_eq(method_find("local_sgd")->name, "local-sgd");
}

static const char *skips(const char *method_name, const optimizer *o, const char *key, const char *value) {
  const method *m = method_find(method_name);
  const method_env env = {.optimizer = o, .n_workers = 4};
  args a;
  cr_assert_eq(args_from_text(m->params, &key, &value, 1, &a), STATUS_OK);
  const char *reason = m->skip(&env, &a);
  args_free(&a);
  return reason;
}

static const char *gtopk_skips(const optimizer *o, const char *step_inside) {
  return skips("gtopk", o, "step_inside", step_inside);
}

/* Methods that have a recursion of momentum of their own. */
Test(methods, nesterov_is_not_for_all) {
  const optimizer heavy = {.lr = 0.1, .momentum = 0.9}, nesterov = {.lr = 0.1, .momentum = 0.9, .nesterov = true};
  cr_assert_null(skips("gtopk", &heavy, "momentum_correction", "true"));
  cr_assert_null(skips("gtopk", &nesterov, "momentum_correction", "false"));
  cr_assert_not_null(strstr(skips("gtopk", &nesterov, "momentum_correction", "true"), "nesterov"));
  cr_assert_null(skips("decentlam", &heavy, "topology", "ring"));
  cr_assert_not_null(strstr(skips("decentlam", &nesterov, "topology", "ring"), "nesterov"));
}

Test(methods, gtopk_with_the_step_inside_is_for_plain_sgd) {
  const optimizer plain = {.lr = 0.1}, momentum = {.lr = 0.1, .momentum = 0.9},
                  decay = {.lr = 0.1, .weight_decay = 1e-4};
  const optimizer clip = {.lr = 0.1, .clip = 1};
  cr_assert_null(gtopk_skips(&plain, "true"));
  cr_assert_null(gtopk_skips(&momentum, "false"));
  cr_assert_not_null(strstr(gtopk_skips(&momentum, "true"), "momentum"));
  cr_assert_not_null(gtopk_skips(&decay, "true"));
  cr_assert_not_null(gtopk_skips(&clip, "true"));
}
