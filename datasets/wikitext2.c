/* WikiText-2 (S. Merity, C. Xiong, J. Bradbury and R. Socher, "Pointer Sentinel Mixture Models", ICLR 2017): articles
 * of Wikipedia, word level, rare words as <unk>; with <eos> at line ends the training text has 33,278 words. No digest
 * of the files that we could confirm is known, so that the set stays unverified. */
#include <string.h>
#include <xxhash.h>

#include "datasets/text.h"

EXTERN_C const dataset dataset_wikitext2;

static const param params[] = {
    {.name = "steps", .type = PARAM_INT, .fallback = "35", .min = 1, .max = 4096, .help = "words of a sample"},
    {.name = "vocabulary",
     .type = PARAM_INT,
     .fallback = "33278",
     .min = 3,
     .max = 1e6,
     .help = "words that are kept, <eos> and <unk> included; rarer ones become <unk>"},
    {.name = "evaluate",
     .type = PARAM_CHOICE,
     .fallback = "valid",
     .choices = "valid|test",
     .help = "the text that models are evaluated on"},
    PARAM_END};

#define REMEDY \
  "set TERSE_DATA to a folder that has wikitext-2 with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens"

static enum status open_wikitext2(const dataset_env *env, const args *a, data **out) {
  const bool is_test = strcmp(args_text(a, "evaluate"), "test") == 0;
  char folder[DATA_PATH_BYTES];
  mapped_file train = {.n = 0}, test = {.n = 0};
  enum status status = STATUS_OK;
  *out = NULL;
  TRY_RETURN(data_folder_find(env, "wikitext-2", NULL, REMEDY, folder));
  TRY(file_map(folder, "wiki.train.tokens", REMEDY, &train));
  TRY(file_map(folder, is_test ? "wiki.test.tokens" : "wiki.valid.tokens", REMEDY, &test));
  const text_options o = {
      .name = "wikitext2", .max_words = (size_t)args_int(a, "vocabulary"), .steps = (size_t)args_int(a, "steps")};
  TRY(text_open(&o, (text_part){(const char *)train.bytes, train.n}, (text_part){(const char *)test.bytes, test.n},
                out));
  const uint64_t checksums[] = {XXH64(train.bytes, train.n, 0), XXH64(test.bytes, test.n, 0)};
  (*out)->module = &dataset_wikitext2;
  (*out)->standing = "unverified";
  (*out)->checksum = XXH64(checksums, sizeof checksums, 0);
exit:
  file_unmap(&train);
  file_unmap(&test);
  return status;
}

MODULE(dataset, wikitext2) = {
    .name = "wikitext2",
    .source = "Merity, Xiong, Bradbury and Socher, ICLR 2017",
    .version = "1",
    .params = params,
    .open = open_wikitext2,
};
