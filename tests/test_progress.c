#include "runner/progress.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_duration(double seconds, const char *expected) {
  char text[32];
  format_duration(seconds, text, sizeof text);
  cr_expect_str_eq(text, expected);
}

static void expect_bytes(double bytes, const char *expected) {
  char text[32];
  format_bytes(bytes, text, sizeof text);
  cr_expect_str_eq(text, expected);
}

Test(progress, words_for_time_and_size) {
  expect_duration(0, "0:00");
  expect_duration(42.4, "0:42");
  expect_duration(59.6, "1:00");
  expect_duration(3723, "1:02:03");
  expect_duration(NAN, "0:00");
  expect_bytes(0, "0 B");
  expect_bytes(999, "999 B");
  expect_bytes(1000, "1.0 kB");
  expect_bytes(2.14e6, "2.1 MB");
  expect_bytes(9.96e6, "10 MB");
  expect_bytes(999.6e6, "1.0 GB");
}

/* Ten seconds into the first of two cells: half of its rounds are done. Returns what was written; the caller frees it.
 */
static char *half_way(bool live, bool quiet, int columns) {
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  progress *p = NULL;
  const progress_options o = {.out = out, .live = live, .quiet = quiet, .columns = columns, .n_cells = 2, .n_slots = 1};
  cr_assert_eq(progress_create(&o, &p), STATUS_OK);
  progress_start(p, 0, "gtopk seed 2", 4, 2, 100);
  progress_record(p, 0, &(record){.kind = RECORD_HELLO, .n_rounds = 40}, 100);
  progress_record(p, 0, &(record){.kind = RECORD_CURVE, .round = 10, .epoch = 0.5, .loss = 1, .wire_bytes = 8.4e6},
                  105);
  progress_record(p, 0, &(record){.kind = RECORD_PROGRESS, .round = 20, .epoch = 1, .loss = 0.41}, 110);
  progress_tick(p, 110);
  progress_note(p, "a %s", "note");
  progress_end(p, 0, "finished", "", 120);
  progress_destroy(p);
  fclose(out);
  return text;
}

Test(progress, plain_lines) {
  char *text = half_way(false, false, 0);
  cr_expect_str_eq(text,
                   "[1/2] gtopk seed 2  starting\n"
                   "[1/2] gtopk seed 2  epoch 1.00/2  loss 0.41  2.1 MB  ETA 0:10\n"
                   "a note\n"
                   "[1/2] gtopk seed 2: finished in 0:20\n");
  free(text);
  text = half_way(false, true, 0);
  cr_expect_str_eq(text, "a note\n");
  free(text);
}

Test(progress, the_live_line_fits_and_goes_away) {
  char *text = half_way(true, false, 200);
  cr_expect_str_eq(text,
                   "\r[1/2] gtopk seed 2  epoch 1.00/2  loss 0.41  2.1 MB  ETA 0:10 (all 0:30)\033[K"
                   "\r\033[Ka note\n"
                   "[1/2] gtopk seed 2: finished in 0:20\n");
  free(text);
  text = half_way(true, false, 21);
  cr_expect_not_null(strstr(text, "\r[1/2] gtopk seed 2  \033[K"), "%s", text);
  free(text);
}
