#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/args.h"

static const param table[] = {
    {.name = "density", .type = PARAM_REAL, .fallback = "0.01", .min = 0, .max = 1, .above_min = true, .help = "kept"},
    {.name = "steps", .type = PARAM_INT, .fallback = "1", .min = 1, .max = INFINITY, .help = "local steps"},
    {.name = "memory", .type = PARAM_BOOL, .fallback = "true", .help = "keep a residual"},
    {.name = "scale", .type = PARAM_CHOICE, .fallback = "none", .choices = "none|unbiased", .help = "what"},
    {.name = "any", .type = PARAM_REAL, .fallback = "0", .help = "without bounds"},
    {.name = "below", .type = PARAM_REAL, .fallback = "0", .min = -INFINITY, .max = 0, .help = "at most 0"},
    {.name = "compressor", .type = PARAM_PIPELINE, .fallback = "[topk]", .help = "compressors"},
    {.name = "list", .type = PARAM_REALS, .fallback = "[]", .min = 0, .max = 1, .above_min = true, .help = "numbers"},
    {.name = "words", .type = PARAM_TEXT, .fallback = "", .help = "any text"},
    PARAM_END,
};

Test(args, defaults_are_filled_in_and_values_taken) {
  const char *keys[] = {"scale", "steps", "density", "any"};
  char values[][16] = {"unbiased", "9000000000", "5e-1", "-3.25"};
  const char *pointers[] = {values[0], values[1], values[2], values[3]};
  args a;
  cr_assert_eq(args_from_text(table, keys, pointers, 4, &a), STATUS_OK, "%s", status_detail());
  memset(values, 'x', sizeof values); /* nothing of them is kept */
  cr_expect_eq(a.n, 9);
  cr_expect_str_eq(args_text(&a, "words"), "");
  cr_expect_eq(args_real(&a, "density"), 0.5);
  cr_expect_eq(args_int(&a, "steps"), 9000000000);
  cr_expect(args_bool(&a, "memory"));
  cr_expect_str_eq(args_text(&a, "scale"), "unbiased");
  cr_expect_eq(args_real(&a, "any"), -3.25);
  cr_expect_str_eq(a.items[6].text, "[topk]");
  size_t n = 1;
  args_modules(&a, "compressor", &n);
  cr_expect_eq(n, 0);
  args_free(&a);
  args_free(&a);
  cr_expect_eq(args_from_text(NULL, NULL, NULL, 0, &a), STATUS_OK);
  cr_expect_eq(a.n, 0);
}

/* key: value must be refused with exactly these words. */
static void expect_refused(const char *key, const char *value, const char *words) {
  args a;
  cr_expect_eq(args_from_text(table, &key, &value, 1, &a), STATUS_BAD_INPUT, "%s: %s is taken", key, value);
  cr_expect_str_eq(status_detail(), words);
  cr_expect_null(a.items);
}

Test(args, mistakes_say_what_is_allowed) {
  expect_refused("density", "2", "density must lie in (0, 1], not 2");
  expect_refused("density", "0", "density must lie in (0, 1], not 0");
  expect_refused("steps", "0", "steps must be at least 1, not 0");
  expect_refused("below", "0.5", "below must be at most 0, not 0.5");
  expect_refused("scale", "unbaised", "scale must be one of none|unbiased, not 'unbaised': did you mean unbiased?");
  expect_refused("scale", "", "scale must be one of none|unbiased, not ''");
  expect_refused("memory", "yes", "memory must be true or false, not 'yes'");
  expect_refused("densty", "1", "unknown parameter 'densty': did you mean density?");
  expect_refused(
      "zzzzzz", "1",
      "unknown parameter 'zzzzzz'; the parameters are density, steps, memory, scale, any, below, compressor, list, words");
  expect_refused("steps", "99999999999999999999", "steps is too large for a 64-bit integer: 99999999999999999999");
  expect_refused("any", "1e400", "any is too large for a number: 1e400");
}

Test(args, numbers_are_read_strictly) {
  static const char *const not_integers[] = {"", " 1", "1 ", "1.0", "1e3", "0x10", "1x", "+", "--1", "nan", "1,0"};
  static const char *const not_numbers[] = {"",    " 1", "1 ", "0.1x", "0x1p-1", "nan",
                                            "inf", "1e", ".",  "1..2", "-",      "1 2"};
  args a;
  for (size_t i = 0; i < sizeof not_integers / sizeof *not_integers; i++) {
    const char *key = "steps";
    cr_expect_eq(args_from_text(table, &key, &not_integers[i], 1, &a), STATUS_BAD_INPUT, "'%s'", not_integers[i]);
  }
  for (size_t i = 0; i < sizeof not_numbers / sizeof *not_numbers; i++) {
    const char *key = "any";
    cr_expect_eq(args_from_text(table, &key, &not_numbers[i], 1, &a), STATUS_BAD_INPUT, "'%s'", not_numbers[i]);
  }
}

Test(args, keys_are_checked) {
  static const param required[] = {{.name = "k", .type = PARAM_INT, .min = 1, .max = 9, .help = "entries"}, PARAM_END};
  static const param none[] = {PARAM_END};
  const char *keys[] = {"steps", "steps"}, *values[] = {"1", "2"};
  args a;
  cr_expect_eq(args_from_text(table, keys, values, 2, &a), STATUS_BAD_INPUT);
  cr_expect_str_eq(status_detail(), "steps is given twice");
  cr_expect_eq(args_from_text(required, NULL, NULL, 0, &a), STATUS_BAD_INPUT);
  cr_expect_str_eq(status_detail(), "k is missing: it has no default (entries)");
  cr_expect_eq(args_from_text(none, keys, values, 1, &a), STATUS_BAD_INPUT);
  cr_expect_str_eq(status_detail(), "unknown parameter 'steps': there are none to set");
}

Test(args, lists_of_numbers) {
  const char *key = "list";
  const char *good[] = {"[]", "[ ]", "[0.25]", "[0.25, 0.0725,1e-3]"};
  const size_t lengths[] = {0, 0, 1, 3};
  size_t n;
  args a;
  for (int i = 0; i < 4; i++) {
    cr_assert_eq(args_from_text(table, &key, &good[i], 1, &a), STATUS_OK, "%s: %s", good[i], status_detail());
    const double *list = args_reals(&a, "list", &n);
    cr_expect_eq(n, lengths[i], "%s", good[i]);
    if (n > 0) cr_expect_eq(list[0], 0.25);
    if (n > 2) cr_expect(list[1] == 0.0725 && list[2] == 1e-3);
    args_free(&a);
  }
  const char *bad[] = {
      "",    "[",   "]",   "0.5", "[0.5",      "0.5]",  "[0.5,]",
      "[,]", "[0]", "[2]", "[x]", "[0.5 0.5]", "[nan]", "[.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1]"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect_eq(args_from_text(table, &key, &bad[i], 1, &a), STATUS_BAD_INPUT, "'%s' passes", bad[i]);
}
