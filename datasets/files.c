#include "datasets/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static bool is_folder(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

enum status data_folder_find(const dataset_env *env, const char *name, const char *package_folder, const char *remedy,
                             char *out) {
  const char *folder = env->folder ? env->folder : "";
  char first[DATA_PATH_BYTES] = "";
  while (*folder) {
    const size_t n = strcspn(folder, ":");
    if (snprintf(out, DATA_PATH_BYTES, "%.*s/%s", (int)n, folder, name) >= DATA_PATH_BYTES)
      return FAIL(STATUS_BAD_INPUT, "TERSE_DATA has a folder of more than %d bytes; use a shorter one",
                  DATA_PATH_BYTES);
    if (is_folder(out)) return STATUS_OK;
    if (!*first) memcpy(first, out, sizeof first);
    folder += n + (folder[n] == ':');
  }
  if (package_folder && is_folder(package_folder)) {
    snprintf(out, DATA_PATH_BYTES, "%s", package_folder);
    return STATUS_OK;
  }
  return FAIL(STATUS_NO_DATA, "%s is missing; %s", *first ? first : package_folder ? package_folder : name, remedy);
}

enum status file_map(const char *folder, const char *name, const char *remedy, mapped_file *out) {
  char path[2 * DATA_PATH_BYTES];
  struct stat found;
  *out = (mapped_file){.n = 0};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return FAIL(STATUS_BAD_DATA, "%s is missing; %s", path, remedy);
  if (file < 0) return FAIL(STATUS_BAD_DATA, "cannot open %s: %s; %s", path, strerror(errno), remedy);
  enum status status = STATUS_OK;
  if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode))
    TRY(FAIL(STATUS_BAD_DATA, "%s is not a file; %s", path, remedy));
  if (found.st_size == 0) TRY(FAIL(STATUS_BAD_DATA, "%s is empty; %s", path, remedy));
  void *bytes = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_SHARED, file, 0);
  if (bytes == MAP_FAILED) TRY(FAIL(STATUS_BAD_DATA, "cannot read %s: %s; %s", path, strerror(errno), remedy));
  *out = (mapped_file){.bytes = (const uint8_t *)bytes, .n = (size_t)found.st_size};
exit:
  close(file);
  return status;
}

void file_unmap(mapped_file *m) {
  if (m->bytes) munmap((void *)m->bytes, m->n);
  *m = (mapped_file){.n = 0};
}

enum status file_check(const mapped_file *m, const char *folder, const published_file *file, const char *remedy) {
  const uint64_t checksum = XXH64(m->bytes, m->n, 0);
  if (checksum == file->checksum) return STATUS_OK;
  return FAIL(STATUS_BAD_DATA, "%s/%s is corrupt: its content has xxHash64 %016llx, the published file %016llx; %s",
              folder, file->name, (unsigned long long)checksum, (unsigned long long)file->checksum, remedy);
}
