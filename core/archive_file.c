/* Writing and reading the files of an archive; what they look like stands in the header. */
#include "core/archive_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[16] = "terse archive 1";

typedef struct entry {
  int64_t owner;
  char name[ARCHIVE_NAME_BYTES];
  uint64_t offset, n_bytes, checksum;
  uint64_t file; /* reader: which one it lies in; on disk 0 */
} entry;

typedef struct trailer {
  uint64_t n_entries, index_offset, index_checksum;
  char magic[16];
} trailer;

static int compare_entries(const void *left, const void *right) {
  const entry *a = (const entry *)left, *b = (const entry *)right;
  if (a->owner != b->owner) return a->owner < b->owner ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* "worker 3's section 'residual'" or "the shared section 'x'". */
typedef struct section_words {
  char text[ARCHIVE_NAME_BYTES + 48];
} section_words;
static section_words describe(int64_t owner, const char *name) {
  section_words out;
  if (owner == ARCHIVE_SHARED)
    snprintf(out.text, sizeof out.text, "the shared section '%s'", name);
  else
    snprintf(out.text, sizeof out.text, "worker %lld's section '%s'", (long long)owner, name);
  return out;
}

/* Appends room for one more entry. */
static enum status entries_grow(entry **entries, size_t *capacity, size_t needed) {
  if (needed <= *capacity) return STATUS_OK;
  const size_t grown = needed < 32 ? 32 : 2 * needed;
  entry *memory = (entry *)realloc(*entries, grown * sizeof *memory);
  if (!memory) return FAIL(STATUS_NO_MEMORY, "cannot allocate an index of %zu sections", grown);
  *entries = memory;
  *capacity = grown;
  return STATUS_OK;
}

/* ---- writing ---- */

struct archive_writer {
  char *folder, *path, *temporary;
  FILE *file;   /* NULL once finished or failed */
  bool is_made; /* the temporary file exists */
  uint64_t offset;
  entry *entries;
  size_t n, capacity;
};

static enum status fail_writing(const char *path) {
  return FAIL(STATUS_IO, "cannot write %s: %s", path, strerror(errno));
}

void archive_writer_close(archive_writer *w) {
  if (!w) return;
  if (w->file) fclose(w->file);
  if (w->is_made) unlink(w->temporary);
  free(w->folder);
  free(w->path);
  free(w->temporary);
  free(w->entries);
  free(w);
}

enum status archive_writer_open(const char *folder, int rank, archive_writer **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  archive_writer *w = (archive_writer *)calloc(1, sizeof *w);
  if (!w) return FAIL(STATUS_NO_MEMORY, "cannot allocate an archive");
  w->folder = strdup(folder);
  if (asprintf(&w->path, "%s/part-%d.bin", folder, rank) < 0) w->path = NULL;
  if (!w->path || asprintf(&w->temporary, "%s.tmp", w->path) < 0) w->temporary = NULL;
  if (!w->folder || !w->temporary) TRY(FAIL(STATUS_NO_MEMORY, "cannot allocate a path in %s", folder));
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) TRY(FAIL(STATUS_IO, "cannot make %s: %s", folder, strerror(errno)));
  if (access(w->path, F_OK) == 0)
    TRY(FAIL(STATUS_IO, "%s is there already: save into a folder without an archive", w->path));
  w->file = fopen(w->temporary, "wb");
  if (!w->file) TRY(fail_writing(w->temporary));
  w->is_made = true;
  TRY(archive_writer_write(w, magic, sizeof magic));
  *out = w;
  return STATUS_OK;
exit:
  archive_writer_close(w);
  return status;
}

enum status archive_writer_write(archive_writer *w, const void *data, size_t n_bytes) {
  if (n_bytes > 0 && fwrite(data, 1, n_bytes, w->file) != n_bytes) return fail_writing(w->temporary);
  w->offset += n_bytes;
  return STATUS_OK;
}

enum status archive_writer_enter(archive_writer *w, int owner, const char *name, size_t n_bytes, uint64_t checksum) {
  TRY_RETURN(entries_grow(&w->entries, &w->capacity, w->n + 1));
  entry *e = &w->entries[w->n++];
  *e = (entry){.owner = owner, .offset = w->offset - n_bytes, .n_bytes = n_bytes, .checksum = checksum};
  memcpy(e->name, name, strlen(name) + 1);
  return STATUS_OK;
}

/* Without it a rename may be lost with the machine's power. */
static enum status flush_folder(const char *folder) {
  const int descriptor = open(folder, O_RDONLY | O_DIRECTORY);
  const int code = descriptor < 0 ? -1 : fsync(descriptor);
  const enum status status = code == 0 ? STATUS_OK : fail_writing(folder);
  if (descriptor >= 0) close(descriptor);
  return status;
}

enum status archive_writer_finish(archive_writer *w) {
  if (w->n > 0) qsort(w->entries, w->n, sizeof *w->entries, compare_entries);
  for (size_t i = 1; i < w->n; i++)
    if (compare_entries(&w->entries[i - 1], &w->entries[i]) == 0)
      return FAIL(STATUS_BAD_INPUT, "%s was saved twice", describe(w->entries[i].owner, w->entries[i].name).text);
  trailer t = {.n_entries = w->n, .index_offset = w->offset};
  t.index_checksum = XXH64(w->entries, w->n * sizeof *w->entries, t.index_offset);
  memcpy(t.magic, magic, sizeof magic);
  TRY_RETURN(archive_writer_write(w, w->entries, w->n * sizeof *w->entries));
  TRY_RETURN(archive_writer_write(w, &t, sizeof t));
  if (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0) return fail_writing(w->temporary);
  FILE *file = w->file;
  w->file = NULL;
  if (fclose(file) != 0) return fail_writing(w->temporary);
  if (rename(w->temporary, w->path) != 0) return fail_writing(w->path);
  w->is_made = false;
  return flush_folder(w->folder);
}

/* ---- reading ---- */

typedef struct part {
  char *path;
  FILE *file;
} part;

struct archive_reader {
  char *folder;
  part *parts;
  size_t n_parts;
  entry *entries; /* of all parts, sorted */
  size_t n, capacity;
  const entry *current;
};

void archive_reader_close(archive_reader *r) {
  if (!r) return;
  for (size_t i = 0; i < r->n_parts; i++) {
    if (r->parts[i].file) fclose(r->parts[i].file);
    free(r->parts[i].path);
  }
  free(r->parts);
  free(r->entries);
  free(r->folder);
  free(r);
}

static enum status read_at(const part *p, uint64_t offset, void *data, size_t n_bytes) {
  if (fseeko(p->file, (off_t)offset, SEEK_SET) == 0 && fread(data, 1, n_bytes, p->file) == n_bytes) return STATUS_OK;
  return FAIL(STATUS_BAD_DATA, "cannot read %s: %s", p->path, ferror(p->file) ? strerror(errno) : "it ends too early");
}

static enum status fail_damaged(const part *p, const char *what) {
  return FAIL(STATUS_BAD_DATA, "%s is damaged: %s; start again without it", p->path, what);
}

/* Adds one file's index. Nothing in it is believed before it is checked. */
static enum status read_index(archive_reader *r, size_t file) {
  const part *p = &r->parts[file];
  struct stat info;
  char start[sizeof magic];
  trailer t;
  if (fstat(fileno(p->file), &info) != 0) return FAIL(STATUS_BAD_DATA, "cannot read %s: %s", p->path, strerror(errno));
  const uint64_t size = (uint64_t)info.st_size;
  if (size < sizeof magic + sizeof t) return fail_damaged(p, "it is too short");
  TRY_RETURN(read_at(p, 0, start, sizeof start));
  TRY_RETURN(read_at(p, size - sizeof t, &t, sizeof t));
  if (memcmp(start, magic, sizeof magic) != 0) return fail_damaged(p, "it does not begin as an archive does");
  if (memcmp(t.magic, magic, sizeof magic) != 0) return fail_damaged(p, "its end is missing");
  const uint64_t room = size - sizeof t;
  if (t.index_offset < sizeof magic || t.index_offset > room ||
      t.n_entries != (room - t.index_offset) / sizeof(entry) || (room - t.index_offset) % sizeof(entry) != 0)
    return fail_damaged(p, "its index has an impossible size");
  TRY_RETURN(entries_grow(&r->entries, &r->capacity, r->n + t.n_entries + 1));
  entry *entries = r->entries + r->n;
  TRY_RETURN(read_at(p, t.index_offset, entries, t.n_entries * sizeof *entries));
  if (XXH64(entries, t.n_entries * sizeof *entries, t.index_offset) != t.index_checksum)
    return fail_damaged(p, "its index has a wrong checksum");
  for (size_t i = 0; i < t.n_entries; i++) {
    if (entries[i].offset > t.index_offset || entries[i].n_bytes > t.index_offset - entries[i].offset ||
        memchr(entries[i].name, 0, sizeof entries[i].name) == NULL)
      return fail_damaged(p, "its index makes no sense");
    entries[i].file = file;
  }
  r->n += t.n_entries;
  return STATUS_OK;
}

/* part-<digits>.bin */
static bool is_part(const char *name) {
  if (strncmp(name, "part-", 5) != 0) return false;
  const size_t n_digits = strspn(name + 5, "0123456789");
  return n_digits > 0 && strcmp(name + 5 + n_digits, ".bin") == 0;
}

static enum status open_part(archive_reader *r, const char *name) {
  part *parts = (part *)realloc(r->parts, (r->n_parts + 1) * sizeof *parts);
  if (!parts) return FAIL(STATUS_NO_MEMORY, "cannot allocate a list of %zu files", r->n_parts + 1);
  r->parts = parts;
  part *p = &r->parts[r->n_parts++];
  p->file = NULL;
  if (asprintf(&p->path, "%s/%s", r->folder, name) < 0) {
    p->path = NULL;
    return FAIL(STATUS_NO_MEMORY, "cannot allocate a path in %s", r->folder);
  }
  p->file = fopen(p->path, "rb");
  if (!p->file) return FAIL(STATUS_BAD_DATA, "cannot read %s: %s", p->path, strerror(errno));
  return read_index(r, r->n_parts - 1);
}

static enum status open_parts(archive_reader *r) {
  enum status status = STATUS_OK;
  DIR *folder = opendir(r->folder);
  if (!folder) return FAIL(STATUS_BAD_DATA, "cannot open the archive %s: %s", r->folder, strerror(errno));
  const struct dirent *found = NULL;
  while ((found = readdir(folder)))
    if (is_part(found->d_name)) TRY(open_part(r, found->d_name));
  if (r->n_parts == 0) status = FAIL(STATUS_BAD_DATA, "%s holds no archive: there is no part-0.bin", r->folder);
exit:
  closedir(folder);
  return status;
}

enum status archive_reader_open(const char *folder, archive_reader **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  archive_reader *r = (archive_reader *)calloc(1, sizeof *r);
  if (!r) return FAIL(STATUS_NO_MEMORY, "cannot allocate an archive");
  r->folder = strdup(folder);
  if (!r->folder) TRY(FAIL(STATUS_NO_MEMORY, "cannot allocate a path"));
  TRY(open_parts(r));
  if (r->n > 0) qsort(r->entries, r->n, sizeof *r->entries, compare_entries);
  for (size_t i = 1; i < r->n; i++) {
    const entry *a = &r->entries[i - 1], *b = &r->entries[i];
    if (compare_entries(a, b) == 0)
      TRY(FAIL(STATUS_BAD_DATA, "%s is in %s and in %s: parts of two archives are mixed",
               describe(a->owner, a->name).text, r->parts[a->file].path, r->parts[b->file].path));
  }
  *out = r;
  return STATUS_OK;
exit:
  archive_reader_close(r);
  return status;
}

enum status archive_reader_find(archive_reader *r, int owner, const char *name, size_t n_bytes) {
  entry key = {.owner = owner};
  memcpy(key.name, name, strlen(name) + 1);
  r->current = r->n > 0 ? (const entry *)bsearch(&key, r->entries, r->n, sizeof key, compare_entries) : NULL;
  if (!r->current)
    return FAIL(STATUS_BAD_DATA, "%s is missing from the archive %s", describe(owner, name).text, r->folder);
  const part *p = &r->parts[r->current->file];
  if (r->current->n_bytes != n_bytes)
    return FAIL(STATUS_BAD_DATA, "%s in %s has %llu bytes where %zu belong: it is from another run",
                describe(owner, name).text, p->path, (unsigned long long)r->current->n_bytes, n_bytes);
  if (fseeko(p->file, (off_t)r->current->offset, SEEK_SET) != 0)
    return FAIL(STATUS_BAD_DATA, "cannot read %s: %s", p->path, strerror(errno));
  return STATUS_OK;
}

enum status archive_reader_read(archive_reader *r, void *data, size_t n_bytes) {
  const part *p = &r->parts[r->current->file];
  if (n_bytes == 0 || fread(data, 1, n_bytes, p->file) == n_bytes) return STATUS_OK;
  return FAIL(STATUS_BAD_DATA, "cannot read %s from %s: %s", describe(r->current->owner, r->current->name).text,
              p->path, ferror(p->file) ? strerror(errno) : "the file ends too early");
}

enum status archive_reader_check(archive_reader *r, uint64_t checksum) {
  if (checksum == r->current->checksum) return STATUS_OK;
  return FAIL(STATUS_BAD_DATA, "%s in %s has a wrong checksum: the file is damaged; start again without it",
              describe(r->current->owner, r->current->name).text, r->parts[r->current->file].path);
}
