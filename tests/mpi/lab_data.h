/* Data sets small enough for nets that carry state or normalise batches. */
#ifndef TERSE_TESTS_MPI_LAB_DATA_H
#define TERSE_TESTS_MPI_LAB_DATA_H

#include "datasets/dataset.h"

/* "tiny-text": samples of 4 words; "tiny-images": 3 x 8 x 8 in four classes; else a registered one, or NULL. */
const dataset *lab_dataset(const char *name);

#endif
