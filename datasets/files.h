/* The files of published data sets: where they are looked for, and their content mapped into memory, so that the ranks
 * of one machine share it. */
#ifndef TERSE_DATASETS_FILES_H
#define TERSE_DATASETS_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "datasets/dataset.h"

enum { DATA_PATH_BYTES = 4096, DATA_PROBE_SAMPLES = 2048 };

/* One file of a published set. */
typedef struct published_file {
  const char *name;  /* "ptb.train.txt" */
  uint64_t checksum; /* xxHash64 (seed 0) of its content */
} published_file;

/* Where a set's files are: folder `name` below the first of env->folder's folders that has one, else package_folder
 * (NULL: there is no package). Writes it to out[DATA_PATH_BYTES]. STATUS_NO_DATA, closing with `remedy`, where there
 * is none. */
enum status data_folder_find(const dataset_env *env, const char *name, const char *package_folder, const char *remedy,
                             char *out) WARN_UNUSED;

typedef struct mapped_file {
  const uint8_t *bytes; /* read-only; not zero-terminated */
  size_t n;
} mapped_file;

/* Maps folder/name. A file that is missing, unreadable or empty: STATUS_BAD_DATA with its path and `remedy`. */
enum status file_map(const char *folder, const char *name, const char *remedy, mapped_file *out) WARN_UNUSED;
void file_unmap(mapped_file *m); /* harmless on an empty one */

/* STATUS_BAD_DATA where the content is not the published one. */
enum status file_check(const mapped_file *m, const char *folder, const published_file *file,
                       const char *remedy) WARN_UNUSED;

#endif
