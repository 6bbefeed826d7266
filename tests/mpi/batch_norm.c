/* Every registered method on a net whose batches are normalised by their own statistics: a net that looked at more than
 * one worker's batch, or a mean that mixed them, would depend on who shares a rank. */
#include <stdio.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/variants.h"

static bool takes_compressor(const method *m) {
  for (const param *p = m->params; p->name; p++)
    if (strcmp(p->name, "compressor") == 0) return true;
  return false;
}

/* tests/test_placement.c compares them between numbers of ranks. */
static int case_batch_norm(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t k = 0; method_registry[k]; k++) {
    const lab_options o = {.dataset = "tiny-images",
                           .model = "resnet20",
                           .n_workers = 8,
                           .method = method_registry[k]->name,
                           .compressors = {takes_compressor(method_registry[k]) ? "qsgd levels=127" : NULL},
                           .batch = 2,
                           .seed = 5,
                           .optimizer = {.lr = 0.05, .momentum = 0.9}};
    if (case_digest(o, 2, false)) return 1;
  }
  return 0;
}

const mpi_case batch_norm_cases[] = {
    {"batch-norm-digests", case_batch_norm},
    {NULL, NULL},
};
