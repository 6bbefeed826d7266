/* CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes, which 20 coarse ones group (A. Krizhevsky,
 * "Learning multiple layers of features from tiny images", technical report, University of Toronto, 2009). Its authors
 * publish an MD5 of the archive (03b5dce01913d631647c71ecec9e9cb8) and none of the files, so that the set stays
 * unverified. */
#include <string.h>

#include "datasets/cifar_images.h"

EXTERN_C const dataset dataset_cifar100;

static const param params[] = {
    {.name = "labels",
     .type = PARAM_CHOICE,
     .fallback = "fine",
     .choices = "fine|coarse",
     .help = "100 classes, or the 20 they belong to"},
    {.name = "augment",
     .type = PARAM_CHOICE,
     .fallback = "none",
     .choices = "none|crop-flip",
     .help = "what a worker does to a training image: crop-flip pads by 4, crops at random and mirrors half of them"},
    PARAM_END};

#define IMAGES(label_at, classes)                                                                                  \
  {                                                                                                                \
    .folder = "cifar-100-binary",                                                                                  \
    .remedy = "set TERSE_DATA to a folder that has cifar-100-binary with train.bin and test.bin",                  \
    .files = {{"train.bin", 0}, {"test.bin", 0}}, .n_train_files = 1, .n_records = 50000, .n_test_records = 10000, \
    .n_labels = 2, .label = label_at, .n_classes = classes, .mean = {0.5071f, 0.4865f, 0.4409f}, .deviation = {    \
      0.2673f,                                                                                                     \
      0.2564f,                                                                                                     \
      0.2762f                                                                                                      \
    }                                                                                                              \
  }

static const cifar_images coarse = IMAGES(0, 20), fine = IMAGES(1, 100);

static enum status open_cifar100(const dataset_env *env, const args *a, data **out) {
  const cifar_images *set = strcmp(args_text(a, "labels"), "fine") == 0 ? &fine : &coarse;
  TRY_RETURN(cifar_images_open(set, env, strcmp(args_text(a, "augment"), "crop-flip") == 0, out));
  (*out)->module = &dataset_cifar100;
  return STATUS_OK;
}

MODULE(dataset, cifar100) = {
    .name = "cifar100",
    .source = "Krizhevsky, technical report, 2009 (binary version)",
    .version = "1",
    .params = params,
    .open = open_cifar100,
};
