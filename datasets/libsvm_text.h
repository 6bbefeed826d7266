/* The text format of LIBSVM (C.-C. Chang and C.-J. Lin, ACM TIST 2, 2011) with two classes: a line is a sample, "LABEL
 * INDEX:VALUE INDEX:VALUE …" with label +1 (or 1) or -1 and indices from 1 in ascending order; features not named are
 * 0. Samples are kept sparse and fetched dense, labels as 1 and 0. */
#ifndef TERSE_DATASETS_LIBSVM_TEXT_H
#define TERSE_DATASETS_LIBSVM_TEXT_H

#include "datasets/files.h"

typedef struct libsvm_set {
  const char *word; /* how experiments name it */
  const char *folder, *remedy;
  published_file train, test; /* test.name NULL: there is none, and the training samples serve as test samples too */
  size_t n_features;
} libsvm_set;

/* STATUS_BAD_DATA with "FILE:LINE: sentence" for text that is not of the format, and with file and remedy for a file
 * that is missing or not the published one. */
enum status libsvm_text_open(const libsvm_set *set, const dataset_env *env, data **out) WARN_UNUSED;

#endif
