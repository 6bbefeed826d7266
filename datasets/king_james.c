/* The King James Bible, one verse a line without its label, from Debian's package bible-kjv. Words keep their case and
 * punctuation marks are words. Every tenth block of 100 verses is the test text, so that both texts have something of
 * every part; the rest is the training text. */
#include <stdlib.h>
#include <string.h>

#include "datasets/text.h"

EXTERN_C const dataset dataset_king_james;

static const param params[] = {
    {.name = "steps", .type = PARAM_INT, .fallback = "35", .min = 1, .max = 4096, .help = "words of a sample"},
    {.name = "vocabulary",
     .type = PARAM_INT,
     .fallback = "2000",
     .min = 3,
     .max = 20000,
     .help = "words with a number of their own, the most frequent ones; the others become <unk>"},
    PARAM_END};

enum { BLOCK_LINES = 100, TEST_OF_BLOCKS = 10 };

#define REMEDY "run make data SETS=king-james, which makes it with Debian's package bible-kjv"

static const published_file file = {"king-james.txt", 0x9387f0f7043a1a45ull};

/* Copies the training lines to the front of `out` and the test lines behind them. */
static void split(text_part whole, char *out, text_part *train, text_part *test) {
  for (int pass = 0; pass < 2; pass++) {
    const char *begin = out;
    size_t line = 0;
    for (const char *at = whole.bytes, *end = whole.bytes + whole.n; at < end; line++) {
      const char *feed = memchr(at, '\n', (size_t)(end - at));
      const size_t n = (size_t)((feed ? feed + 1 : end) - at);
      const bool tests = line / BLOCK_LINES % TEST_OF_BLOCKS == TEST_OF_BLOCKS - 1;
      if (tests == (pass == 1)) memcpy(out, at, n), out += n;
      at += n;
    }
    *(pass == 0 ? train : test) = (text_part){.bytes = begin, .n = (size_t)(out - begin)};
  }
}

static enum status open_king_james(const dataset_env *env, const args *a, data **out) {
  char folder[DATA_PATH_BYTES], *copy = NULL;
  mapped_file m = {.n = 0};
  text_part train, test;
  enum status status = STATUS_OK;
  *out = NULL;
  TRY_RETURN(data_folder_find(env, "king-james", NULL, REMEDY, folder));
  TRY(file_map(folder, file.name, REMEDY, &m));
  TRY(file_check(&m, folder, &file, REMEDY));
  copy = (char *)malloc(m.n);
  if (!copy) TRY(FAIL(STATUS_NO_MEMORY, "no memory for %s", file.name));
  split((text_part){(const char *)m.bytes, m.n}, copy, &train, &test);
  const text_options o = {.name = "king-james",
                          .splits_characters = true,
                          .max_words = (size_t)args_int(a, "vocabulary"),
                          .steps = (size_t)args_int(a, "steps")};
  TRY(text_open(&o, train, test, out));
  (*out)->module = &dataset_king_james;
  (*out)->standing = "published";
  (*out)->checksum = file.checksum;
exit:
  free(copy);
  file_unmap(&m);
  return status;
}

MODULE(dataset, king_james) = {
    .name = "king-james",
    .source = "The King James Bible, Debian package bible-kjv",
    .version = "1",
    .params = params,
    .open = open_king_james,
};
