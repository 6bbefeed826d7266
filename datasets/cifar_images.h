/* The binary format of CIFAR-10 (A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009): a file
 * is a row of records, each a label (1 byte) and an image of 32 x 32 pixels (1,024 bytes of red, then green, then blue,
 * row by row). Pixels stay bytes in memory and are normalised as a batch is fetched. */
#ifndef TERSE_DATASETS_CIFAR_IMAGES_H
#define TERSE_DATASETS_CIFAR_IMAGES_H

#include "datasets/files.h"

enum { CIFAR_TRAIN_FILES = 5, CIFAR_FILES = 6, CIFAR_CHANNELS = 3, CIFAR_SIDE = 32 };
enum { CIFAR_RECORD_BYTES = 1 + CIFAR_CHANNELS * CIFAR_SIDE * CIFAR_SIDE };

typedef struct cifar_images {
  const char *folder, *remedy;
  published_file files[CIFAR_FILES]; /* five of the training set, then the test set */
  size_t n_records;                  /* of each file */
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
