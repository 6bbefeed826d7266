/* Small data files in a folder of their own, for tests of loaders. */
#ifndef TERSE_TESTS_DATA_FILES_H
#define TERSE_TESTS_DATA_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes a new folder and gives its name in `out` (at least 64 bytes). Fails the test where it cannot. */
void make_folder(char *out);
/* Removes a folder and what is in it, one level of folders deep. */
void remove_folder(const char *folder);

/* "FOLDER/NAME" in static storage, valid until the next call. */
const char *path_in(const char *folder, const char *name);
void write_file(const char *path, const uint8_t *bytes, size_t n, bool gzip);

/* An IDX image of unsigned bytes: its header and, as elements, 0, 1, 2, … below `modulus`. Returns its size; `out`
 * holds at least 4 + 4 n_dims + the elements. */
size_t make_idx(uint8_t *out, size_t n_dims, const size_t *shape, unsigned modulus);

#endif
