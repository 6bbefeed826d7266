/* Two-class problems in LIBSVM's text format: a9a (UCI Adult, J. Platt's 123 binary features) and w8a (J. Platt's web
 * pages, 300 binary features), as LIBSVM's collection distributes them. */
#include <string.h>

#include "datasets/libsvm_text.h"

EXTERN_C const dataset dataset_libsvm;

static const param params[] = {
    {.name = "file",
     .type = PARAM_CHOICE,
     .fallback = "a9a",
     .choices = "a9a|w8a",
     .help = "which problem: a9a (tested on a9a.t) or w8a (no test file: tested on its training samples)",
     .in_label = true},
    PARAM_END};

#define REMEDY "run make data, or set TERSE_DATA to a folder that has libsvm with a9a, a9a.t and w8a"

static const libsvm_set sets[] = {
    {.word = "a9a",
     .folder = "libsvm",
     .remedy = REMEDY,
     .train = {"a9a", 0x8521060d07bdb0bfull},
     .test = {"a9a.t", 0x98088f1a695bc7b3ull},
     .n_features = 123},
    {.word = "w8a", .folder = "libsvm", .remedy = REMEDY, .train = {"w8a", 0xff825ef51cd95f09ull}, .n_features = 300},
};

static enum status open_libsvm(const dataset_env *env, const args *a, data **out) {
  const libsvm_set *set = sets;
  while (strcmp(set->word, args_text(a, "file")) != 0) set++;
  TRY_RETURN(libsvm_text_open(set, env, out));
  (*out)->module = &dataset_libsvm;
  return STATUS_OK;
}

MODULE(dataset, libsvm) = {
    .name = "libsvm",
    .source = "Chang and Lin, LIBSVM data: classification (binary class)",
    .version = "1",
    .params = params,
    .open = open_libsvm,
};
