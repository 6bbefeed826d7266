#include <criterion/criterion.h>
#include <string.h>

#include "core/suggest.h"

static const char *const keys[] = {"model", "dataset", "method", "workers", "batch", "lr", "weight_decay", "local-sgd"};
enum { N_KEYS = sizeof keys / sizeof *keys };

Test(suggest, finds_the_slip_and_nothing_else) {
  const struct {
    const char *word, *expected;
  } cases[] = {
      {"modle", "model"},
      {"Model", "model"},
      {"worker", "workers"},
      {"wokrers", "workers"},
      {"bacth", "batch"},
      {"batchs", "batch"},
      {"l", "lr"},
      {"rl", "lr"},
      {"local_sgd", "local-sgd"},
      {"weightdecay", "weight_decay"},
      {"dataste", "dataset"},
      {"lr", "lr"},
      {"bandwidth", NULL},
      {"", NULL},
      {"xyz", NULL},
      {"ab", NULL},
      {"metho", "method"},
      {"mehtodd", "method"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *got = suggest_nearest(cases[i].word, keys, N_KEYS);
    if (cases[i].expected)
      cr_expect(got && strcmp(got, cases[i].expected) == 0, "%s -> %s, not %s", cases[i].word, got ? got : "nothing",
                cases[i].expected);
    else
      cr_expect(got == NULL, "%s -> %s", cases[i].word, got);
  }
}

Test(suggest, ties_go_to_the_first_and_lengths_are_bounded) {
  const char *const twins[] = {"beta1", "beta2"};
  cr_expect_str_eq(suggest_nearest("beta", twins, 2), "beta1");
  cr_expect_null(suggest_nearest("beta", twins, 0));
  char word[200];
  memset(word, 'a', sizeof word);
  word[63] = '\0';
  const char *long_candidates[1] = {word};
  char typed[64];
  memcpy(typed, word, sizeof typed);
  typed[0] = 'b';
  cr_expect_eq(suggest_nearest(typed, long_candidates, 1), word);
  word[63] = 'a';
  word[64] = '\0';
  cr_expect_null(suggest_nearest(typed, long_candidates, 1), "a candidate of 64 letters is skipped");
  cr_expect_null(suggest_nearest(word, long_candidates, 1), "a word of 64 letters gets no suggestion");
}
