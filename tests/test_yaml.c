#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/yaml.h"

static enum status parse(arena *memory, const char *text, const node **out) {
  return yaml_read_text(memory, "f.yaml", true, text, strlen(text), out);
}

Test(yaml, every_node_knows_its_place) {
  arena *memory;
  const node *root;
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  const char *text =
      "# comment\n"
      "name: a\n"
      "list:\n"
      "  - 1\n"
      "  - {x: \"1\", y: [p, q]}\n"
      "empty:\n"
      "é: ü\n";
  cr_assert_eq(parse(memory, text, &root), STATUS_OK, "%s", status_detail());
  cr_expect(root->kind == NODE_MAP && root->n == 4);
  cr_expect(root->at.line == 2 && root->at.column == 1);
  const node *list = node_get(root, "list");
  cr_assert(list && list->kind == NODE_LIST && list->n == 2);
  cr_expect(node_entry(root, "list")->at.line == 3 && node_entry(root, "list")->at.column == 1);
  cr_expect(list->items[0]->at.line == 4 && list->items[0]->at.column == 5);
  const node *x = node_get(list->items[1], "x"), *y = node_get(list->items[1], "y");
  cr_expect(x->quoted && x->at.line == 5 && x->at.column == 9);
  cr_expect(y->n == 2 && y->items[1]->at.column == 21 && strcmp(y->items[1]->text, "q") == 0);
  cr_expect(node_is_empty(node_get(root, "empty")));
  cr_expect(!node_is_empty(x) && !node_is_empty(list));
  cr_expect_eq(node_get(root, "é")->at.column, 4, "columns count characters, not bytes");
  cr_expect_null(node_get(root, "nothing"));
  cr_expect_null(node_get(list, "x"), "a list has no keys");
  cr_expect_eq(root->weight, 11);
  arena_destroy(memory);
}

Test(yaml, json_and_aliases_are_read) {
  arena *memory;
  const node *root;
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  cr_assert_eq(parse(memory, "{\"a\":{\"b\":[1,2.5e-05],\"c\":\"d\"},\"e\":true}", &root), STATUS_OK, "%s",
               status_detail());
  cr_expect_str_eq(node_get(node_get(root, "a"), "b")->items[1]->text, "2.5e-05");
  cr_assert_eq(parse(memory, "a: &x {k: 1}\nb: *x\nc: [*x, *x]\n", &root), STATUS_OK, "%s", status_detail());
  cr_expect_eq(node_get(root, "b"), node_get(root, "a"));
  cr_expect_eq(node_get(root, "c")->items[1], node_get(root, "a"));
  cr_expect_eq(root->weight, 1 + 2 + 2 + (1 + 4), "an alias weighs what it stands for");
  arena_destroy(memory);
}

typedef struct mistake {
  const char *text, *expected;
} mistake;

Test(yaml, mistakes_are_named_with_line_and_column) {
  const mistake mistakes[] = {
      {"", "f.yaml:1:1: nothing is written"},
      {"# only a comment\n", "f.yaml:2:1: nothing is written"},
      {"a: 1\nb: [1, 2\nc: 3\n", "f.yaml:3:2: YAML syntax: did not find expected ',' or ']'"},
      {"a: 1\n  b: 2\n", "f.yaml:2:4: YAML syntax: mapping values are not allowed"},
      {"a: \"open\n", "f.yaml:2:1: YAML syntax: found unexpected end of stream"},
      {"a: 1\n\tb: 2\n", "f.yaml:2:1: YAML syntax"},
      {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: duplicate key 'a', first given in line 1"},
      {"x: {p: 1, q: 2, p: 3}\n", "f.yaml:1:17: duplicate key 'p'"},
      {"a: !!int 3\n", "f.yaml:1:4: the tag tag:yaml.org,2002:int"},
      {"a: !!str 3\n", "f.yaml:1:4: the tag tag:yaml.org,2002:str"},
      {"a: !thing {b: 1}\n", "f.yaml:1:4: the tag !thing"},
      {"a: !list [1]\n", "f.yaml:1:4: the tag !list"},
      {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins"},
      {"a: *x\n", "f.yaml:1:4: the alias *x has no complete anchor"},
      {"a: &x [1, *x]\n", "f.yaml:1:11: the alias *x has no complete anchor"},
      {"a: &x {k: 1}\nb:\n  <<: *x\n", "f.yaml:3:3: merge keys (<<) are not supported"},
      {"? [1, 2]\n: 3\n", "f.yaml:1:3: a key must be a word"},
      {"a: \"x\\0y\"\n", "f.yaml:1:4: a text with a zero byte"},
      {"a: 1\nb: \xff\xfe\n", "f.yaml:2:4: not UTF-8 text"},
      {"a: caf\xe9\n", "f.yaml:1:7: not UTF-8 text"},
      {"a: \x01\n", "f.yaml:1:4: not UTF-8 text"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    arena *memory;
    const node *root;
    cr_assert_eq(arena_create(&memory), STATUS_OK);
    cr_expect_eq(parse(memory, mistakes[i].text, &root), STATUS_BAD_INPUT, "accepted: %s", mistakes[i].text);
    cr_expect(strncmp(status_detail(), mistakes[i].expected, strlen(mistakes[i].expected)) == 0, "%s\n  instead of %s",
              status_detail(), mistakes[i].expected);
    arena_destroy(memory);
  }
}

/* Growth that a short text can ask for is bounded. */
Test(yaml, depth_and_size_are_bounded) {
  arena *memory;
  const node *root;
  char text[4096];
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  memset(text, '[', 200);
  memset(text + 200, ']', 200);
  text[400] = '\0';
  cr_expect_eq(parse(memory, text, &root), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), "nested more than"), "%s", status_detail());

  size_t n = (size_t)snprintf(text, sizeof text, "a0: &a0 [x, x]\n");
  for (int i = 1; i < 40; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
  cr_expect_eq(parse(memory, text, &root), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), "more than 10000 values"), "%s", status_detail());
  arena_destroy(memory);
}

Test(yaml, files_that_are_none) {
  arena *memory;
  const node *root;
  char path[] = "/tmp/terse_yaml_XXXXXX";
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  cr_expect_eq(yaml_read_file(memory, "/nowhere/x.yaml", &root), STATUS_BAD_INPUT);
  cr_expect_str_eq(status_detail(), "/nowhere/x.yaml: cannot be read (No such file or directory): check the path");
  cr_expect_eq(yaml_read_file(memory, "/tmp", &root), STATUS_BAD_INPUT);
  cr_expect_str_eq(status_detail(), "/tmp: this is a folder: name an experiment file in it");

  const int file = mkstemp(path);
  cr_assert(file >= 0);
  cr_expect_eq(yaml_read_file(memory, path, &root), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), ":1:1: nothing is written"), "%s", status_detail());
  cr_assert_eq(write(file, "a: [1, 2]\n", 10), 10);
  cr_expect_eq(yaml_read_file(memory, path, &root), STATUS_OK, "%s", status_detail());
  cr_expect_str_eq(node_get(root, "a")->at.source, path);
  cr_assert_eq(ftruncate(file, (1 << 20) + 1), 0);
  cr_expect_eq(yaml_read_file(memory, path, &root), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), "larger than 1048576 bytes"), "%s", status_detail());
  close(file);
  unlink(path);
  arena_destroy(memory);
}

Test(yaml, a_source_without_lines) {
  arena *memory;
  const node *root;
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  const char *source = "--set a=[1";
  cr_expect_eq(yaml_read_text(memory, source, false, "[1", 2, &root), STATUS_BAD_INPUT);
  cr_expect(strncmp(status_detail(), "--set a=[1: YAML syntax: ", 25) == 0, "%s", status_detail());
  cr_expect_eq(yaml_read_text(memory, source, false, "\xff", 1, &root), STATUS_BAD_INPUT);
  cr_expect(strncmp(status_detail(), "--set a=[1: not UTF-8", 21) == 0, "%s", status_detail());
  arena_destroy(memory);
}
