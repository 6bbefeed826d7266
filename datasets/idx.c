#include "datasets/idx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

/* A header that declares more is not believed: it would be the first thing a damaged file makes us allocate. */
enum { IDX_TYPE_BYTE = 8, IDX_MAX_BYTES = 1 << 30 };

/* Reads exactly n bytes. */
static enum status read_bytes(gzFile file, const char *path, uint8_t *out, size_t n) {
  size_t done = 0;
  while (done < n) {
    const int got = gzread(file, out + done, (unsigned)(n - done));
    if (got < 0) {
      int code = Z_OK;
      const char *text = gzerror(file, &code);
      if (code == Z_ERRNO) return FAIL(STATUS_IO, "cannot read %s: %s", path, strerror(errno));
      return FAIL(STATUS_BAD_DATA, "%s is damaged (%s)", path, text);
    }
    if (got == 0) return FAIL(STATUS_BAD_DATA, "%s is truncated: it ends %zu bytes early", path, n - done);
    done += (size_t)got;
  }
  return STATUS_OK;
}

static enum status read_header(gzFile file, const char *path, size_t n_dims, uint8_t *header, idx_array *out) {
  TRY_RETURN(read_bytes(file, path, header, 4));
  if (header[0] != 0 || header[1] != 0 || header[2] != IDX_TYPE_BYTE || header[3] != n_dims)
    return FAIL(STATUS_BAD_DATA,
                "%s begins with %02x%02x%02x%02x, not with %08x as an IDX file of %zu-dimensional bytes", path,
                header[0], header[1], header[2], header[3], (unsigned)(IDX_TYPE_BYTE << 8 | n_dims), n_dims);
  TRY_RETURN(read_bytes(file, path, header + 4, 4 * n_dims));
  size_t n_elements = 1;
  for (size_t i = 0; i < n_dims; i++) {
    const uint8_t *b = header + 4 + 4 * i;
    out->shape[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    if (out->shape[i] == 0) return FAIL(STATUS_BAD_DATA, "%s declares an empty dimension", path);
    if (n_elements > IDX_MAX_BYTES / out->shape[i]) return FAIL(STATUS_BAD_DATA, "%s declares more than 1 GiB", path);
    n_elements *= out->shape[i];
  }
  out->n_dims = n_dims;
  out->n_elements = n_elements;
  return STATUS_OK;
}

/* After the elements the file has to end; asking for one byte more also makes zlib compare the gzip checksum. */
static enum status expect_end(gzFile file, const char *path) {
  uint8_t extra;
  const int got = gzread(file, &extra, 1);
  int code = Z_OK;
  const char *text = gzerror(file, &code);
  if (got > 0) return FAIL(STATUS_BAD_DATA, "%s has bytes after its last element", path);
  if (got < 0 || code == Z_BUF_ERROR) return FAIL(STATUS_BAD_DATA, "%s is damaged (%s)", path, text);
  return STATUS_OK;
}

enum status idx_read(const char *path, size_t n_dims, idx_array *out) {
  enum status status = STATUS_OK;
  uint8_t header[4 + 4 * IDX_MAX_DIMS];
  const size_t n_header = 4 + 4 * n_dims;
  *out = (idx_array){.n_dims = 0};
  errno = 0;
  gzFile file = gzopen(path, "rb");
  if (!file) return FAIL(STATUS_IO, "cannot open %s: %s", path, errno ? strerror(errno) : "out of memory");
  gzbuffer(file, 1 << 17);
  TRY(read_header(file, path, n_dims, header, out));
  out->content = (uint8_t *)malloc(n_header + out->n_elements);
  if (!out->content) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the %zu elements of %s", out->n_elements, path));
  memcpy(out->content, header, n_header);
  TRY(read_bytes(file, path, out->content + n_header, out->n_elements));
  TRY(expect_end(file, path));
  out->elements = out->content + n_header;
  out->checksum = XXH64(out->content, n_header + out->n_elements, 0);

exit:
  gzclose_r(file);
  if (status != STATUS_OK) idx_release(out);
  return status;
}

void idx_release(idx_array *a) {
  free(a->content);
  *a = (idx_array){.n_dims = 0};
}
