/* The binary format of CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning multiple layers of features from tiny images",
 * 2009): a file is a row of records, each one or two labels (1 byte each) and an image of 32 x 32 pixels (1,024 bytes
 * of red, then green, then blue, row by row). Pixels stay bytes in memory and are normalised as a batch is fetched. */
#ifndef TERSE_DATASETS_CIFAR_IMAGES_H
#define TERSE_DATASETS_CIFAR_IMAGES_H

#include "datasets/files.h"

enum { CIFAR_MAX_FILES = 6, CIFAR_CHANNELS = 3, CIFAR_SIDE = 32 };
enum { CIFAR_PIXELS = CIFAR_CHANNELS * CIFAR_SIDE * CIFAR_SIDE };

typedef struct cifar_images {
  const char *folder, *remedy;
  published_file files[CIFAR_MAX_FILES]; /* those of the training set, then the test set. A checksum of 0 is not known:
                                          * the set is then unverified */
  size_t n_train_files;
  size_t n_records, n_test_records; /* of each file of the training set; of the test set */
  size_t n_labels, label;           /* before each image; which of them is wanted */
  size_t n_classes;
  float mean[CIFAR_CHANNELS], deviation[CIFAR_CHANNELS]; /* of the training set's pixels, scaled to [0, 1] */
} cifar_images;

/* Loads all files. `augment`: a worker's training batches are cropped and flipped (K. He et al., "Deep residual
 * learning for image recognition", CVPR 2016, section 4.2): each image is padded by 4 black pixels on each side, a
 * random 32 x 32 window of that is taken, and it is mirrored with probability 1/2, all drawn from the batch's key for
 * RNG_AUGMENT at the sample's place in the batch. Evaluation (worker -1) and the other splits see the images as they
 * are. STATUS_BAD_DATA names file and remedy. `set` must outlive the data. */
enum status cifar_images_open(const cifar_images *set, const dataset_env *env, bool augment, data **out) WARN_UNUSED;

#endif
