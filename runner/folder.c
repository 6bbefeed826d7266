#include "runner/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status folder_make_beside(const char *database, const char *name) {
  enum status status = STATUS_OK;
  const char *slash = strrchr(database, '/');
  char *path = NULL;
  if (asprintf(&path, "%.*s%s", slash ? (int)(slash + 1 - database) : 0, database, name) < 0)
    return FAIL(STATUS_NO_MEMORY, "no memory for the name of a folder");
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    status = FAIL(STATUS_STORE, "cannot create the folder %s (%s); choose another place with --db FILE", path,
                  strerror(errno));
  free(path);
  return status;
}

static void remove_flat(const char *folder) {
  DIR *entries = opendir(folder);
  if (!entries) return;
  for (struct dirent *e = readdir(entries); e; e = readdir(entries))
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) unlinkat(dirfd(entries), e->d_name, 0);
  closedir(entries);
  rmdir(folder);
}

void folder_remove_checkpoint(const char *folder) {
  static const char *const suffixes[] = {"", ".new", ".old"};
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    snprintf(path, sizeof path, "%s%s", folder, suffixes[i]);
    remove_flat(path);
  }
}
