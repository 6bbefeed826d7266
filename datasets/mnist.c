/* MNIST: 70,000 grey images of handwritten digits (Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proc. IEEE 86, 1998).
 */
#include "datasets/dataset.h"
#include "datasets/idx_images.h"

EXTERN_C const dataset dataset_mnist;

static const param params[] = {PARAM_END};

static const idx_images files = {
    .folder = "mnist",
    .remedy = "set TERSE_DATA to a folder that has mnist, with the four files of the original distribution",
    .n_train = 60000,
    .n_test = 10000,
    .height = 28,
    .width = 28,
    .n_classes = 10,
    .mean = 0.1307f,
    .deviation = 0.3081f,
    .checksums = {[TRAIN_IMAGES] = 0x89ed70b3d058232full,
                  [TRAIN_LABELS] = 0x1f668b70a51a09f5ull,
                  [TEST_IMAGES] = 0x62bdad5a9629ee21ull,
                  [TEST_LABELS] = 0x4f1d6dd95920a1f9ull},
};

static enum status open_mnist(const dataset_env *env, const args *a, data **out) {
  (void)a;
  TRY_RETURN(idx_images_open(&files, env, out));
  (*out)->module = &dataset_mnist;
  return STATUS_OK;
}

MODULE(dataset, mnist) = {
    .name = "mnist",
    .source = "LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998",
    .version = "1",
    .params = params,
    .open = open_mnist,
};
