#include "datasets/libsvm_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "tests/data_files.h"

enum { N_FEATURES = 12 };

static libsvm_set make_set(const char *folder, const char *train, const char *test) {
  libsvm_set set = {.word = "s", .folder = "tiny", .remedy = "get tiny", .n_features = N_FEATURES};
  mkdir(path_in(folder, "tiny"), 0700);
  set.train = (published_file){"a", XXH64(train, strlen(train), 0)};
  write_file(path_in(folder, "tiny/a"), (const uint8_t *)train, strlen(train), false);
  if (test) {
    set.test = (published_file){"a.t", XXH64(test, strlen(test), 0)};
    write_file(path_in(folder, "tiny/a.t"), (const uint8_t *)test, strlen(test), false);
  }
  return set;
}

Test(libsvm_text, fetches_dense_rows) {
  char folder[64];
  make_folder(folder);
  data *d;
  float x[3 * N_FEATURES];
  int32_t labels[3];
  const char *train = "+1 1:0.5 3:-2e-1 12:7\n-1\n1  2:1 \n";
  const libsvm_set set = make_set(folder, train, "-1 4:1\n");
  cr_assert_eq(libsvm_text_open(&set, &(dataset_env){.folder = folder}, &d), STATUS_OK, "%s", status_detail());
  cr_assert(d->n_train == 3 && d->n_test == 1 && d->n_probe == 3 && d->width == N_FEATURES && d->n_classes == 2);
  memset(x, 0xff, sizeof x);
  const uint32_t ids[] = {2, 0, 1};
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TRAIN, .ids = ids, .n = 3}, x, labels), STATUS_OK);
  const float expected[3][N_FEATURES] = {{0, 1}, {0.5f, 0, -0.2f, 0, 0, 0, 0, 0, 0, 0, 0, 7}, {0}};
  cr_assert_eq(memcmp(x, expected, sizeof x), 0);
  cr_assert(labels[0] == 1 && labels[1] == 1 && labels[2] == 0);
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = ids + 2, .n = 1}, x, labels), STATUS_BAD_INPUT);
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = (uint32_t[]){0}, .n = 1}, x, labels),
               STATUS_OK);
  cr_assert(x[3] == 1 && x[0] == 0 && labels[0] == 0);
  data_close(d);
  libsvm_set alone = set;
  alone.test.name = NULL;
  cr_assert_eq(libsvm_text_open(&alone, &(dataset_env){.folder = folder}, &d), STATUS_OK, "%s", status_detail());
  cr_assert_eq(d->n_test, 3, "without a test file the training samples serve");
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = ids, .n = 3}, x, labels), STATUS_OK);
  cr_assert_eq(memcmp(x, expected, sizeof x), 0);
  data_close(d);
  remove_folder(folder);
}

typedef struct mistake {
  const char *text, *expected;
} mistake;

static const mistake mistakes[] = {
    {"0 1:1\n", "a:1: the label is +1 or -1, not '0'"},
    {"+1 1:1\n\n", "a:2: the label is +1 or -1, not ''"},
    {"+1 1:1\n+2 1:1\n", "a:2: the label is +1 or -1, not '+2'"},
    {"11 1:1\n", "a:1: the label is +1 or -1, not '11'"},
    {" +1 1:1\n", "a:1: the label is"},
    {"+1 1:1", "a:1: the last line does not end"},
    {"+1 1:1\n-1 2", "a:2: an entry is INDEX:VALUE"},
    {"+1 1:1\n-1 2:", "a:2: '' is not a finite number"},
    {"+1 0:1\n", "a:1: an index lies outside 1 to 12"},
    {"+1 13:1\n", "a:1: an index lies outside 1 to 12"},
    {"+1 99999999999999999999999:1\n", "a:1: an index lies outside 1 to 12"},
    {"+1 -3:1\n", "a:1: an entry is INDEX:VALUE"},
    {"+1 3 :1\n", "a:1: an entry is INDEX:VALUE"},
    {"+1\t3:1\n", "a:1: the label is"},
    {"+1 4:1 4:1\n", "a:1: index 4 does not come after 4: indices ascend"},
    {"-1 1:1\n-1 5:1 4:1\n", "a:2: index 4 does not come after 5"},
    {"+1 1:1x\n", "a:1: '1x' is not a finite number"},
    {"+1 1:nan\n", "a:1: 'nan' is not a finite number"},
    {"+1 1:1e99\n", "a:1: '1e99' is not a finite number"},
    {"+1 1:0x10\n", "a:1: '0x10' is not a finite number"},
    {"+1 1:1\r\n", "is not a finite number"},
    {"+1 1:111111111111111111111111111111111111111111111111111111111111111111111111111\n", "is not a finite number"},
};

Test(libsvm_text, names_file_and_line) {
  char folder[64];
  make_folder(folder);
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    data *d;
    const libsvm_set set = make_set(folder, mistakes[i].text, NULL);
    cr_assert_eq(libsvm_text_open(&set, &(dataset_env){.folder = folder}, &d), STATUS_BAD_DATA, "%s", mistakes[i].text);
    cr_assert_null(d);
    cr_assert(strstr(status_detail(), mistakes[i].expected), "'%s' gives '%s'", mistakes[i].text, status_detail());
  }
  libsvm_set other = make_set(folder, "+1 1:1\n", NULL);
  data *d;
  other.train.checksum ^= 1;
  cr_assert_eq(libsvm_text_open(&other, &(dataset_env){.folder = folder}, &d), STATUS_BAD_DATA);
  cr_assert(strstr(status_detail(), "a is corrupt") && strstr(status_detail(), "get tiny"), "%s", status_detail());
  remove(path_in(folder, "tiny/a"));
  cr_assert_eq(libsvm_text_open(&other, &(dataset_env){.folder = folder}, &d), STATUS_BAD_DATA);
  cr_assert(strstr(status_detail(), "tiny/a is missing; get tiny"), "%s", status_detail());
  remove_folder(folder);
}
