/* Fashion-MNIST: 70,000 grey images of clothing in 10 classes (H. Xiao, K. Rasul and R. Vollgraf, arXiv 1708.07747). */
#include "datasets/dataset.h"
#include "datasets/idx_images.h"

EXTERN_C const dataset dataset_fashion_mnist;

static const param params[] = {PARAM_END};

static const idx_images files = {
    .folder = "fashion-mnist",
    .package_folder = "/usr/share/datasets/fashion-mnist",
    .remedy = "install Debian's dataset-fashion-mnist (make deps) or set TERSE_DATA to a folder that has fashion-mnist",
    .n_train = 60000,
    .n_test = 10000,
    .height = 28,
    .width = 28,
    .n_classes = 10,
    .mean = 0.2860f,
    .deviation = 0.3530f,
    .checksums = {[TRAIN_IMAGES] = 0xb0a1502a97cb412cull,
                  [TRAIN_LABELS] = 0x9a61228ff59c3a5eull,
                  [TEST_IMAGES] = 0x3cdda2a76989bdd8ull,
                  [TEST_LABELS] = 0xf9b254d287e51f74ull},
};

static enum status open_fashion_mnist(const dataset_env *env, const args *a, data **out) {
  (void)a;
  TRY_RETURN(idx_images_open(&files, env, out));
  (*out)->module = &dataset_fashion_mnist;
  return STATUS_OK;
}

MODULE(dataset, fashion_mnist) = {
    .name = "fashion-mnist",
    .source = "Xiao, Rasul and Vollgraf, arXiv 1708.07747",
    .version = "1",
    .params = params,
    .open = open_fashion_mnist,
};
