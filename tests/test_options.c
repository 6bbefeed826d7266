#include "runner/options.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct given {
  bool loud;
  const char *file;
  int n;
  double x;
  text_list sets;
} given;

/* Parses up to nine words after the command's name. */
static enum status parse(given *g, command_line *l, const char *const *words) {
  const option_spec options[] = {
      {"loud", OPTION_FLAG, &g->loud, NULL, "says more", 0}, {"file", OPTION_TEXT, &g->file, "FILE", "reads FILE", 0},
      {"number", OPTION_INT, &g->n, "N", "how many", 1},     {"timeout", OPTION_REAL, &g->x, "S", "seconds", 0},
      {"set", OPTION_LIST, &g->sets, "K=V", "changes", 0},   {0}};
  const command_spec c = {.name = "try",
                          .usage = "WORD…",
                          .help = "Tries.",
                          .options = options,
                          .after = "Exit status: 0",
                          .min_words = 1,
                          .max_words = 2};
  char buffer[10][40], *argv[10] = {buffer[0]};
  int argc = 1;
  strcpy(buffer[0], "try");
  for (; words[argc - 1]; argc++) argv[argc] = strcpy(buffer[argc], words[argc - 1]);
  *g = (given){.n = -1};
  const enum status status = command_line_parse(&c, argc, argv, l);
  if (status == STATUS_OK && !l->help) {
    cr_expect_geq(l->words.n, 1);
    cr_expect_eq(l->words.items[0][0], 'w');
  }
  if (g->sets.n == 2) cr_expect_str_eq(g->sets.items[1], "b=2");
  if (g->file) cr_expect_str_eq(g->file, "-x");
  command_line_free(&c, l);
  return status;
}
#define PARSE(...) parse(&g, &l, (const char *const[]){__VA_ARGS__, NULL})

Test(options, everything_in_any_order) {
  given g;
  command_line l;
  cr_expect_eq(PARSE("--set", "a=1", "w1", "--number=3", "--loud", "--set=b=2", "--file", "-x"), STATUS_OK);
  cr_expect(g.loud && g.n == 3 && g.sets.n == 2);
  cr_expect_eq(PARSE("--timeout", "0.5", "--", "w", "--loud"), STATUS_OK);
  cr_expect(g.x == 0.5 && !g.loud);
  cr_expect_eq(PARSE("w", "--nonsense", "--help"), STATUS_OK);
  cr_expect(l.help);
}

Test(options, mistakes_are_named) {
  given g;
  command_line l;
  static const struct {
    const char *words[4], *said;
  } wrong[] = {{{"w", "--lout"}, "did you mean --loud?"},   {{"w", "--number", "0"}, "at least 1"},
               {{"w", "--number", "2.5"}, "whole number"},  {{"w", "--number", "3x"}, "'3x'"},
               {{"w", "--number", "99999999999"}, "whole"}, {{"w", "--number"}, "needs a value: --number N"},
               {{"w", "--timeout", "nan"}, "a number"},     {{"w", "--timeout", "-1"}, "at least 0"},
               {{"w", "--loud=yes"}, "takes no value"},     {{"w", "-l"}, "has no option -l"},
               {{"--loud"}, "usage: terse try WORD…"},      {{"w", "w", "w"}, "usage"}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    cr_expect_eq(parse(&g, &l, wrong[i].words), STATUS_BAD_INPUT);
    cr_expect_not_null(strstr(status_detail(), wrong[i].said), "%zu: %s", i, status_detail());
  }
}
