/* CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes (A. Krizhevsky, "Learning multiple layers of features
 * from tiny images", technical report, University of Toronto, 2009). */
#include <string.h>

#include "datasets/cifar_images.h"

EXTERN_C const dataset dataset_cifar10;

static const param params[] = {
    {.name = "augment",
     .type = PARAM_CHOICE,
     .fallback = "none",
     .choices = "none|crop-flip",
     .help = "what a worker does to a training image: crop-flip pads by 4, crops at random and mirrors half of them"},
    PARAM_END};

static const cifar_images images = {
    .folder = "cifar-10-batches-bin",
    .remedy = "run make data, or set TERSE_DATA to a folder that has cifar-10-batches-bin",
    .files = {{"data_batch_1.bin", 0x0fcf3b7fdad0cddcull},
              {"data_batch_2.bin", 0x6dbc8129dd1c2781ull},
              {"data_batch_3.bin", 0x7d13ac3d7b904d09ull},
              {"data_batch_4.bin", 0x31578b71a7af273bull},
              {"data_batch_5.bin", 0x77f224c295921f3full},
              {"test_batch.bin", 0x05ada65ed8d7bdb8ull}},
    .n_train_files = 5,
    .n_records = 10000,
    .n_test_records = 10000,
    .n_labels = 1,
    .n_classes = 10,
    .mean = {0.4914f, 0.4822f, 0.4465f},
    .deviation = {0.2470f, 0.2435f, 0.2616f},
};

static enum status open_cifar10(const dataset_env *env, const args *a, data **out) {
  TRY_RETURN(cifar_images_open(&images, env, strcmp(args_text(a, "augment"), "crop-flip") == 0, out));
  (*out)->module = &dataset_cifar10;
  return STATUS_OK;
}

MODULE(dataset, cifar10) = {
    .name = "cifar10",
    .source = "Krizhevsky, technical report, 2009 (binary version)",
    .version = "1",
    .params = params,
    .open = open_cifar10,
};
