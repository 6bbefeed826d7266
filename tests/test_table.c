#include "runner/table.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runner/json.h"

/* What `fill` writes as a table of columns a and b; the caller frees it. Not inlined: gcc 12 takes the stream's pointer
 * to `text` for one that is used after the function. */
__attribute__((noinline)) static char *written(enum table_format format, void (*fill)(table *t)) {
  static const char *const names[] = {"a", "b \"2\""};
  char *text = NULL;
  size_t n = 0;
  table *t = NULL;
  FILE *out = open_memstream(&text, &n);
  cr_assert_eq(table_begin(out, format, names, 2, &t), STATUS_OK);
  fill(t);
  cr_assert_eq(table_end(t), STATUS_OK, "%s", status_detail());
  fclose(out);
  return text;
}

static void expect(enum table_format format, void (*fill)(table *t), const char *expected) {
  char *text = written(format, fill);
  cr_expect_str_eq(text, expected);
  free(text);
}

static void nothing(table *t) { (void)t; }

static void mixed(table *t) {
  table_text(t, "naïve");
  table_integer(t, -7);
  table_text(t, "two\nlines, \"quoted\"");
  table_real(t, 0.1, 3);
  table_null(t);
  table_null(t);
}

Test(table, text_is_aligned_by_characters_and_numbers_to_the_right) {
  expect(TABLE_TEXT, mixed,
         "a                     b \"2\"\n"
         "naïve                    -7\n"
         "two\\nlines, \"quoted\"    0.1\n"
         "-                         -\n");
  expect(TABLE_TEXT, nothing, "a  b \"2\"\n");
}

Test(table, csv_follows_rfc_4180) {
  expect(TABLE_CSV, mixed, "a,\"b \"\"2\"\"\"\r\nnaïve,-7\r\n\"two\nlines, \"\"quoted\"\"\",0.1\r\n,\r\n");
  expect(TABLE_CSV, nothing, "a,\"b \"\"2\"\"\"\r\n");
}

Test(table, json_is_an_array_of_objects) {
  expect(TABLE_JSON, mixed,
         "[\n{\"a\":\"naïve\",\"b \\\"2\\\"\":-7},\n{\"a\":\"two\\u000alines, \\\"quoted\\\"\",\"b \\\"2\\\"\":0.1},\n"
         "{\"a\":null,\"b \\\"2\\\"\":null}\n]\n");
  expect(TABLE_JSON, nothing, "[]\n");
}

static void hostile(table *t) {
  table_text(t, "\x1b[2J\r\xc2\x9b");
  table_text(t, "\xff\xc0\xaf\xed\xa0\x80z");
}

Test(table, nothing_in_a_cell_moves_the_cursor) {
  char *text = written(TABLE_TEXT, hostile);
  for (const char *c = text; *c; c++) cr_expect(*c == '\n' || (unsigned char)*c >= 0x20, "a control character: %d", *c);
  cr_expect_null(strstr(text, "\xc2\x9b"), "C1 control");
  cr_expect_not_null(strstr(text, "\\x1b[2J\\x0d"));
  free(text);
  text = written(TABLE_JSON, hostile);
  cr_expect_not_null(strstr(text, "\\u001b[2J\\u000d"));
  cr_expect_not_null(strstr(text, "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdz\""), "%s", text);
  free(text);
}

static void not_finite(table *t) {
  table_real(t, NAN, 3);
  table_real(t, -INFINITY, 3);
}

Test(table, numbers_that_are_not_finite) {
  expect(TABLE_JSON, not_finite, "[\n{\"a\":null,\"b \\\"2\\\"\":null}\n]\n");
  char *text = written(TABLE_TEXT, not_finite);
  cr_expect_not_null(strstr(text, "-inf"));
  free(text);
}

/* CSV and JSON give back the same double, whatever it is. */
static double current;
static void one_real(table *t) {
  table_real(t, current, 3);
  table_null(t);
}

Test(table, doubles_come_back_exactly) {
  uint64_t bits = 0x9e3779b97f4a7c15ull;
  for (int i = 0; i < 2000; i++) {
    bits = bits * 6364136223846793005ull + 1442695040888963407ull;
    memcpy(&current, &bits, sizeof current);
    if (!isfinite(current)) continue;
    char *text = written(TABLE_CSV, one_real);
    const double back = strtod(strchr(text, '\n') + 1, NULL);
    cr_assert(memcmp(&back, &current, sizeof back) == 0, "%a became %a", current, back);
    free(text);
  }
}

Test(table, a_reader_that_is_gone_is_an_error) {
  static const char *const names[] = {"a"};
  table *t = NULL;
  FILE *full = fopen("/dev/full", "w");
  cr_assert_eq(table_begin(full, TABLE_TEXT, names, 1, &t), STATUS_OK);
  table_integer(t, 1);
  cr_expect_eq(table_end(t), STATUS_IO);
  fclose(full);
  table_abandon(NULL);
}

Test(table, formats_by_name) {
  enum table_format f = TABLE_TEXT;
  cr_expect(table_format_from("json", &f) == STATUS_OK && f == TABLE_JSON);
  cr_expect(table_format_from("csv", &f) == STATUS_OK && f == TABLE_CSV);
  cr_expect(table_format_from("table", &f) == STATUS_OK && f == TABLE_TEXT);
  cr_expect_eq(table_format_from("xml", &f), STATUS_BAD_INPUT);
}
