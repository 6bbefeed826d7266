/* Sections in and out of an archive; core/archive_file.c knows the files. */
#include "core/archive.h"

#include <stdlib.h>
#include <string.h>

#include "core/archive_file.h"

/* Device memory passes through pinned blocks of this size. */
enum { BLOCK_BYTES = 1 << 22 };

struct archive {
  enum { SAVING, LOADING, DIGESTING } mode;
  int rank;
  stream *stream;
  XXH64_state_t *hash; /* of the section under way */
  uint64_t digest;
  archive_writer *writer;
  archive_reader *reader;
  void *block; /* pinned; NULL until a device vector needs it */
};

static enum status create(int mode, int rank, stream *s, archive **out) {
  archive *a = (archive *)calloc(1, sizeof *a);
  XXH64_state_t *hash = XXH64_createState();
  if (!a || !hash) {
    free(a);
    XXH64_freeState(hash);
    return FAIL(STATUS_NO_MEMORY, "cannot allocate an archive");
  }
  a->mode = mode;
  a->rank = rank;
  a->stream = s;
  a->hash = hash;
  *out = a;
  return STATUS_OK;
}

enum status archive_save_begin(const char *folder, int rank, stream *s, archive **out) {
  archive *a = NULL;
  *out = NULL;
  TRY_RETURN(create(SAVING, rank, s, &a));
  const enum status status = archive_writer_open(folder, rank, &a->writer);
  if (status == STATUS_OK)
    *out = a;
  else
    archive_abandon(a);
  return status;
}

enum status archive_load_begin(const char *folder, stream *s, archive **out) {
  archive *a = NULL;
  *out = NULL;
  TRY_RETURN(create(LOADING, 0, s, &a));
  const enum status status = archive_reader_open(folder, &a->reader);
  if (status == STATUS_OK)
    *out = a;
  else
    archive_abandon(a);
  return status;
}

enum status archive_digest_begin(int rank, stream *s, archive **out) {
  *out = NULL;
  return create(DIGESTING, rank, s, out);
}

bool archive_is_loading(const archive *a) { return a->mode == LOADING; }

uint64_t archive_digest(const archive *a) { return a->digest; }

enum status archive_end(archive *a) {
  enum status status = STATUS_OK;
  if (a->mode == SAVING) status = archive_writer_finish(a->writer);
  archive_abandon(a);
  return status;
}

void archive_abandon(archive *a) {
  if (!a) return;
  archive_writer_close(a->writer);
  archive_reader_close(a->reader);
  if (a->stream) device_release_host(a->stream->device, a->block);
  XXH64_freeState(a->hash);
  free(a);
}

/* A part of the section in host memory. */
static enum status pass_host(archive *a, void *data, size_t n_bytes) {
  if (a->mode == LOADING) TRY_RETURN(archive_reader_read(a->reader, data, n_bytes));
  XXH64_update(a->hash, data, n_bytes);
  if (a->mode == SAVING) TRY_RETURN(archive_writer_write(a->writer, data, n_bytes));
  return STATUS_OK;
}

static enum status pass_device(archive *a, float *device_data, size_t n_bytes) {
  const device *d = a->stream->device;
  TRY_RETURN(stream_synchronize(a->stream));
  if (d->kind == DEVICE_CPU) return pass_host(a, device_data, n_bytes);
  if (!a->block) TRY_RETURN(device_alloc_host(a->stream->device, BLOCK_BYTES, &a->block));
  for (size_t done = 0; done < n_bytes;) {
    const size_t n = n_bytes - done < BLOCK_BYTES ? n_bytes - done : BLOCK_BYTES;
    unsigned char *place = (unsigned char *)device_data + done;
    if (a->mode != LOADING) {
      stream_copy(a->stream, a->block, place, n);
      TRY_RETURN(stream_synchronize(a->stream));
    }
    TRY_RETURN(pass_host(a, a->block, n));
    if (a->mode == LOADING) {
      stream_copy(a->stream, place, a->block, n);
      TRY_RETURN(stream_synchronize(a->stream));
    }
    done += n;
  }
  return STATUS_OK;
}

/* One of `host` and `device_data` is given. */
static enum status section(archive *a, int owner, const char *name, void *host, float *device_data, size_t n_bytes) {
  if (strlen(name) >= ARCHIVE_NAME_BYTES)
    return FAIL(STATUS_BAD_INPUT, "section name '%s' is longer than %d bytes", name, ARCHIVE_NAME_BYTES - 1);
  if (a->mode != LOADING && owner == ARCHIVE_SHARED && a->rank != 0) return STATUS_OK;
  const int32_t owner_bytes = owner;
  XXH64_reset(a->hash, 0);
  XXH64_update(a->hash, &owner_bytes, sizeof owner_bytes);
  XXH64_update(a->hash, name, strlen(name) + 1);
  if (a->mode == LOADING) TRY_RETURN(archive_reader_find(a->reader, owner, name, n_bytes));
  TRY_RETURN(device_data ? pass_device(a, device_data, n_bytes) : pass_host(a, host, n_bytes));
  const uint64_t checksum = XXH64_digest(a->hash);
  if (a->mode == LOADING) return archive_reader_check(a->reader, checksum);
  a->digest += checksum;
  return a->mode == SAVING ? archive_writer_enter(a->writer, owner, name, n_bytes, checksum) : STATUS_OK;
}

enum status archive_bytes(archive *a, int owner, const char *name, void *data, size_t n_bytes) {
  return section(a, owner, name, data, NULL, n_bytes);
}

enum status archive_floats(archive *a, int owner, const char *name, float *device_data, size_t n) {
  if (!a->stream) return FAIL(STATUS_BAD_INPUT, "section '%s' is device memory: the archive needs a stream", name);
  return section(a, owner, name, NULL, device_data, n * sizeof *device_data);
}
