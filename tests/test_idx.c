#include "datasets/idx.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "tests/data_files.h"

static const size_t shape[3] = {7, 5, 4};
enum { HEADER = 16, ELEMENTS = 140 };

static uint8_t bytes[4096];

/* Writes the file, plain or compressed, and expects STATUS_BAD_DATA whose detail names it and says `what`. */
static void expect_bad(const char *folder, size_t n, bool gzip, size_t n_dims, const char *what) {
  idx_array a;
  const char *path = path_in(folder, "bad");
  write_file(path, bytes, n, gzip);
  cr_assert_eq(idx_read(path, n_dims, &a), STATUS_BAD_DATA, "%s: %s", what, status_detail());
  cr_assert(strstr(status_detail(), path) && strstr(status_detail(), what), "'%s' does not say '%s'", status_detail(),
            what);
  cr_assert_null(a.content);
}

Test(idx, reads_plain_and_compressed) {
  char folder[64];
  make_folder(folder);
  const size_t n = make_idx(bytes, 3, shape, 251);
  cr_assert_eq(n, HEADER + ELEMENTS);
  for (int gzip = 0; gzip < 2; gzip++) {
    idx_array a;
    write_file(path_in(folder, "file"), bytes, n, gzip);
    cr_assert_eq(idx_read(path_in(folder, "file"), 3, &a), STATUS_OK, "%s", status_detail());
    cr_assert_eq(a.n_dims, 3);
    cr_assert_eq(a.n_elements, ELEMENTS);
    for (int i = 0; i < 3; i++) cr_assert_eq(a.shape[i], shape[i]);
    cr_assert_eq(memcmp(a.elements, bytes + HEADER, ELEMENTS), 0);
    cr_assert_eq(a.checksum, XXH64(bytes, n, 0));
    idx_release(&a);
    cr_assert_null(a.content);
    idx_release(&a);
  }
  remove_folder(folder);
}

Test(idx, refuses_what_is_not_one) {
  char folder[64];
  make_folder(folder);
  const size_t n = make_idx(bytes, 3, shape, 251);
  for (int gzip = 0; gzip < 2; gzip++) {
    for (size_t short_n = 0; short_n < n; short_n += short_n < HEADER ? 1 : 31)
      expect_bad(folder, short_n, gzip, 3, "truncated");
    expect_bad(folder, n - 1, gzip, 3, "truncated");
    bytes[n] = 0;
    expect_bad(folder, n + 1, gzip, 3, "after its last element");
    expect_bad(folder, n, gzip, 1, "begins with 00000803");
    for (int i = 0; i < 4; i++) {
      bytes[i] ^= 0x40;
      expect_bad(folder, n, gzip, 3, "begins with");
      bytes[i] ^= 0x40;
    }
    bytes[4] = 0xff; /* the first dimension: 4 billion */
    expect_bad(folder, n, gzip, 3, "more than 1 GiB");
    bytes[4] = 0;
    bytes[11] = 0; /* the second dimension */
    expect_bad(folder, n, gzip, 3, "empty dimension");
    bytes[11] = 5;
  }
  remove_folder(folder);
}

/* A compressed file with one byte changed in its trailer (checksum, then length), or cut short. */
Test(idx, refuses_damaged_compression) {
  char folder[64];
  uint8_t compressed[4096];
  idx_array a;
  make_folder(folder);
  const char *path = path_in(folder, "file");
  write_file(path, bytes, make_idx(bytes, 3, shape, 251), true);
  FILE *file = fopen(path, "rb");
  const size_t n = fread(compressed, 1, sizeof compressed, file);
  fclose(file);
  for (size_t i = 1; i <= 8; i++) {
    compressed[n - i] ^= 1;
    write_file(path, compressed, n, false);
    cr_assert_eq(idx_read(path, 3, &a), STATUS_BAD_DATA, "trailer byte %zu", i);
    cr_assert(strstr(status_detail(), path) && strstr(status_detail(), "damaged"), "%s", status_detail());
    compressed[n - i] ^= 1;
    write_file(path, compressed, n - i, false);
    cr_assert_eq(idx_read(path, 3, &a), STATUS_BAD_DATA, "trailer cut by %zu", i);
  }
  size_t n_refused = 0;
  for (size_t i = 10; i < n - 8; i++) { /* one bit between header and trailer: refused, or padding that means nothing */
    compressed[i] ^= 4;
    write_file(path, compressed, n, false);
    const enum status status = idx_read(path, 3, &a);
    cr_assert(status == STATUS_BAD_DATA || a.checksum == XXH64(bytes, HEADER + ELEMENTS, 0), "byte %zu", i);
    n_refused += status != STATUS_OK;
    idx_release(&a);
    compressed[i] ^= 4;
  }
  cr_assert_geq(n_refused, n - 8 - 10 - 1);
  remove_folder(folder);
}

Test(idx, says_why_a_file_cannot_be_read) {
  char folder[64];
  idx_array a;
  make_folder(folder);
  cr_assert_eq(idx_read(path_in(folder, "absent"), 3, &a), STATUS_IO);
  cr_assert(strstr(status_detail(), "absent: No such file"), "%s", status_detail());
  cr_assert_eq(idx_read(folder, 3, &a), STATUS_IO);
  cr_assert(strstr(status_detail(), "directory"), "%s", status_detail());
  remove_folder(folder);
}
