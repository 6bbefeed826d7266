/* Penn Treebank (M. Marcus et al., Computational Linguistics 19, 1993) as T. Mikolov prepared it for language models
 * ("Recurrent neural network based language model", Interspeech 2010): lower case, numbers as N, and all but 10,000
 * words as <unk>, so that the training text's vocabulary has 10,000 words with <eos>. */
#include <string.h>
#include <xxhash.h>

#include "datasets/text.h"

EXTERN_C const dataset dataset_ptb;

static const param params[] = {
    {.name = "steps", .type = PARAM_INT, .fallback = "35", .min = 1, .max = 4096, .help = "words of a sample"},
    {.name = "evaluate",
     .type = PARAM_CHOICE,
     .fallback = "valid",
     .choices = "valid|test",
     .help = "the text that models are evaluated on"},
    PARAM_END};

#define REMEDY \
  "run make data, or set TERSE_DATA to a folder that has ptb with ptb.train.txt, ptb.valid.txt, ptb.test.txt"

static const published_file train_file = {"ptb.train.txt", 0xfdb1326f9097f240ull};
static const published_file valid_file = {"ptb.valid.txt", 0x316835121decad6full};
static const published_file test_file = {"ptb.test.txt", 0x4b49ba2698626b31ull};

static enum status open_ptb(const dataset_env *env, const args *a, data **out) {
  const published_file *other = strcmp(args_text(a, "evaluate"), "test") == 0 ? &test_file : &valid_file;
  char folder[DATA_PATH_BYTES];
  mapped_file train = {.n = 0}, test = {.n = 0};
  enum status status = STATUS_OK;
  *out = NULL;
  TRY_RETURN(data_folder_find(env, "ptb", NULL, REMEDY, folder));
  TRY(file_map(folder, train_file.name, REMEDY, &train));
  TRY(file_check(&train, folder, &train_file, REMEDY));
  TRY(file_map(folder, other->name, REMEDY, &test));
  TRY(file_check(&test, folder, other, REMEDY));
  const text_options o = {.name = "ptb", .max_words = 10000, .steps = (size_t)args_int(a, "steps")};
  TRY(text_open(&o, (text_part){(const char *)train.bytes, train.n}, (text_part){(const char *)test.bytes, test.n},
                out));
  const uint64_t checksums[] = {train_file.checksum, other->checksum};
  (*out)->module = &dataset_ptb;
  (*out)->standing = "published";
  (*out)->checksum = XXH64(checksums, sizeof checksums, 0);
exit:
  file_unmap(&train);
  file_unmap(&test);
  return status;
}

MODULE(dataset, ptb) = {
    .name = "ptb",
    .source = "Marcus et al., Computational Linguistics 1993, as prepared by Mikolov et al., Interspeech 2010",
    .version = "1",
    .params = params,
    .open = open_ptb,
};
