#include "tests/data_files.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

void make_folder(char *out) {
  snprintf(out, 64, "/tmp/terse-test-XXXXXX");
  cr_assert(mkdtemp(out));
}

const char *path_in(const char *folder, const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

void remove_folder(const char *folder) {
  DIR *d = opendir(folder);
  if (!d) return;
  for (struct dirent *e; (e = readdir(d));) {
    char path[4096];
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (e->d_type == DT_DIR) remove_folder(path);
    remove(path);
  }
  closedir(d);
  rmdir(folder);
}

void write_file(const char *path, const uint8_t *bytes, size_t n, bool gzip) {
  gzFile file = gzopen(path, gzip ? "wb" : "wbT");
  cr_assert(file, "cannot write %s", path);
  if (n > 0) cr_assert_eq(gzwrite(file, bytes, (unsigned)n), (int)n);
  cr_assert_eq(gzclose(file), Z_OK);
}

size_t make_idx(uint8_t *out, size_t n_dims, const size_t *shape, unsigned modulus) {
  size_t n = 1, at = 4;
  memcpy(out, (uint8_t[]){0, 0, 8, (uint8_t)n_dims}, 4);
  for (size_t i = 0; i < n_dims; i++) {
    for (int shift = 24; shift >= 0; shift -= 8) out[at++] = (uint8_t)(shape[i] >> shift);
    n *= shape[i];
  }
  for (size_t i = 0; i < n; i++) out[at++] = (uint8_t)(i % modulus);
  return at;
}
