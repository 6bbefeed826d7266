#include "runner/record.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static record_reader *reader;
static void open_reader(void) { cr_assert_eq(record_reader_create(&reader), STATUS_OK); }
static void close_reader(void) { record_reader_destroy(reader); }
TestSuite(record, .init = open_reader, .fini = close_reader);

static enum status read_line(const char *line, record *r) { return record_read(reader, line, strlen(line), r); }

Test(record, every_kind) {
  record r;
  cr_expect_eq(read_line("{\"t\":\"hello\",\"ranks\":2,\"rounds\":31,\"resumed_round\":4}", &r), STATUS_OK);
  cr_expect(r.kind == RECORD_HELLO && r.n_rounds == 31 && r.resumed_round == 4);
  cr_expect_eq(read_line("{\"t\":\"progress\",\"round\":7,\"epoch\":0.5,\"loss\":null}", &r), STATUS_OK);
  cr_expect(r.kind == RECORD_PROGRESS && r.round == 7 && r.epoch == 0.5 && isnan(r.loss));
  cr_expect_eq(read_line("{\"t\":\"curve\",\"round\":7,\"train_loss\":null,\"test_loss\":2.5,\"wire_bytes_up\":1,"
                         "\"wire_bytes_down\":20,\"wire_bytes_peer\":300}",
                         &r),
               STATUS_OK);
  cr_expect(r.kind == RECORD_CURVE && r.loss == 2.5 && r.wire_bytes == 321);
  cr_expect_eq(read_line("{\"round\":7,\"t\":\"checkpoint\"}", &r), STATUS_OK);
  cr_expect(r.kind == RECORD_CHECKPOINT && r.round == 7);
  cr_expect_eq(read_line("{\"t\":\"done\",\"status\":\"diverged\",\"reason\":\"a \\\"b\\\"\",\"digest\":null}", &r),
               STATUS_OK);
  cr_expect(r.kind == RECORD_DONE && strcmp(r.status, "diverged") == 0 && r.digest[0] == '\0');
  cr_expect_str_eq(r.reason, "a \"b\"");
  cr_expect(read_line("{\"t\":\"probe\"}", &r) == STATUS_OK && r.kind == RECORD_PROBE);
  cr_expect(read_line("{\"t\":\"exchange\"}", &r) == STATUS_OK && r.kind == RECORD_EXCHANGE);
}

Test(record, foreign_lines_and_broken_records) {
  record r;
  static const char *const foreign[] = {"", "hello", "[1,2]", " {\"t\":\"hello\"}", "\x80\xff"};
  static const char *const broken[] = {"{",
                                       "{\"t\":\"hello\"",
                                       "{\"t\":\"nonsense\"}",
                                       "{}",
                                       "{\"t\":\"curve\",\"round\":}",
                                       "{\"t\":\"done\",\"status\":\"happy\"}",
                                       "{\"t\":7}"};
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    cr_expect(read_line(foreign[i], &r) == STATUS_OK && r.kind == RECORD_FOREIGN, "%s", foreign[i]);
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    cr_expect_eq(read_line(broken[i], &r), STATUS_BAD_MESSAGE, "%s", broken[i]);
    cr_expect_not_null(strstr(status_detail(), broken[i]));
  }
  /* A broken line leaves the reader usable. */
  cr_expect(read_line("{\"t\":\"checkpoint\",\"round\":1}", &r) == STATUS_OK && r.round == 1);
}
