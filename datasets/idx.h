/* The IDX format (Y. LeCun, "The MNIST database of handwritten digits"): two zero bytes, the type of the elements (8:
 * unsigned byte, the only one read here), the number of dimensions, each size as 4 big-endian bytes, then the elements.
 */
#ifndef TERSE_DATASETS_IDX_H
#define TERSE_DATASETS_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { IDX_MAX_DIMS = 4 };

typedef struct idx_array {
  size_t shape[IDX_MAX_DIMS];
  size_t n_dims, n_elements;
  const uint8_t *elements; /* inside `content`, row-major */
  uint8_t *content;        /* the whole uncompressed file; owned */
  uint64_t checksum;       /* xxHash64 (seed 0) of it */
} idx_array;

/* Reads an IDX file of `n_dims` dimensions, gzip-compressed or not. A file that cannot be read: STATUS_IO; one that is
 * truncated, damaged, of another kind, or longer than its header says: STATUS_BAD_DATA. Either names the file; the
 * detail is one clause, to which the caller may add a remedy. On failure *out is empty. */
enum status idx_read(const char *path, size_t n_dims, idx_array *out) WARN_UNUSED;

/* Frees what idx_read allocated and empties it. Harmless on an empty array. */
void idx_release(idx_array *a);

#endif
