/* Labelled grey images in four IDX files (train and t10k, images and labels): what MNIST and those that copy its files
 * have in common. Pixels stay bytes in memory and are normalised as a batch is fetched. */
#ifndef TERSE_DATASETS_IDX_IMAGES_H
#define TERSE_DATASETS_IDX_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "datasets/dataset.h"

enum idx_images_file { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, N_IDX_IMAGES_FILES };

typedef struct idx_images {
  const char *folder;         /* below TERSE_DATA, e.g. "mnist" */
  const char *package_folder; /* where a Debian package puts the files, or NULL */
  const char *remedy;         /* how to get them: the end of every error message */
  size_t n_train, n_test, height, width, n_classes;
  float mean, deviation;                  /* of the training set's pixels, scaled to [0, 1] */
  uint64_t checksums[N_IDX_IMAGES_FILES]; /* xxHash64 of the published files, uncompressed */
} idx_images;

/* Loads all four files, each plain or with .gz, from TERSE_DATA's folder where it exists, else from the package's.
 * STATUS_BAD_DATA names file and remedy where one is missing, damaged, has a label out of range or is not the published
 * one. `set` must outlive the data. */
enum status idx_images_open(const idx_images *set, const dataset_env *env, data **out) WARN_UNUSED;

#endif
