/* Archives on disk: what goes in comes out, at another number of ranks too, and nothing damaged is ever loaded. */
#include "core/archive.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rng.h"

enum { WORKERS = 5, FLOATS = 1300000 }; /* more than one block */

static char *make_folder(void) {
  char *folder = strdup("/tmp/terse-archive-XXXXXX");
  cr_assert(folder && mkdtemp(folder));
  return folder;
}

static void remove_folder(char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  cr_assert_eq(system(command), 0);
  free(folder);
}

/* Small sections of workers [first, end) and a shared one: fills `out` on loading, else takes from it. */
typedef struct state {
  uint32_t words[WORKERS][4];
  double shared;
} state;
static enum status pass(archive *a, int first, int end, state *s) {
  for (int w = first; w < end; w++) {
    TRY_RETURN(archive_bytes(a, w, "words", s->words[w], sizeof s->words[w]));
    TRY_RETURN(archive_bytes(a, w, "none", NULL, 0));
  }
  return archive_bytes(a, ARCHIVE_SHARED, "shared", &s->shared, sizeof s->shared);
}

static state example(void) {
  state s = {.shared = 0.1};
  for (int w = 0; w < WORKERS; w++)
    for (int i = 0; i < 4; i++) s.words[w][i] = (uint32_t)(w * 10 + i);
  return s;
}

/* As R ranks would, one after another. */
static enum status save(const char *folder, int n_ranks, state *s, uint64_t *digest) {
  if (digest) *digest = 0;
  for (int r = 0; r < n_ranks; r++) {
    archive *a = NULL;
    TRY_RETURN(archive_save_begin(folder, r, NULL, &a));
    cr_assert_not(archive_is_loading(a));
    const enum status status = pass(a, r * WORKERS / n_ranks, (r + 1) * WORKERS / n_ranks, s);
    if (digest) *digest += archive_digest(a);
    if (status != STATUS_OK) {
      archive_abandon(a);
      return status;
    }
    TRY_RETURN(archive_end(a));
  }
  return STATUS_OK;
}

static enum status load(const char *folder, state *out) {
  archive *a = NULL;
  memset(out, 0, sizeof *out);
  TRY_RETURN(archive_load_begin(folder, NULL, &a));
  cr_assert(archive_is_loading(a));
  const enum status status = pass(a, 0, WORKERS, out);
  if (status != STATUS_OK) {
    archive_abandon(a);
    return status;
  }
  return archive_end(a);
}

static bool says(const char *words) { return strstr(status_detail(), words) != NULL; }

Test(archive, any_number_of_ranks) {
  uint64_t digests[WORKERS + 1] = {0};
  for (int n_ranks = 1; n_ranks <= WORKERS; n_ranks++) {
    char *folder = make_folder();
    state s = example(), back;
    cr_assert_eq(save(folder, n_ranks, &s, &digests[n_ranks]), STATUS_OK);
    cr_assert_eq(load(folder, &back), STATUS_OK, "%s", status_detail());
    cr_assert(memcmp(&s, &back, sizeof s) == 0);
    cr_assert_eq(digests[n_ranks], digests[1]);
    remove_folder(folder);
  }
  state s = example();
  archive *a = NULL;
  cr_assert_eq(archive_digest_begin(0, NULL, &a), STATUS_OK);
  cr_assert_eq(pass(a, 0, WORKERS, &s), STATUS_OK);
  cr_assert_eq(archive_digest(a), digests[1]);
  cr_assert_eq(archive_end(a), STATUS_OK);
}

/* Another byte, owner or name gives another digest; the order of sections does not. */
Test(archive, digest) {
  uint32_t x = 5, y = 6;
  const struct {
    int owners[2];
    const char *names[2];
    uint32_t *data[2];
  } variants[] = {{{1, 2}, {"a", "b"}, {&x, &y}}, {{2, 1}, {"b", "a"}, {&y, &x}}, {{1, 2}, {"a", "b"}, {&y, &x}},
                  {{1, 2}, {"b", "a"}, {&x, &y}}, {{2, 1}, {"a", "b"}, {&x, &y}}, {{1, 2}, {"a", "c"}, {&x, &y}}};
  enum { N = sizeof variants / sizeof *variants };
  uint64_t digests[N];
  for (size_t v = 0; v < N; v++) {
    archive *a = NULL;
    cr_assert_eq(archive_digest_begin(1, NULL, &a), STATUS_OK);
    for (int i = 0; i < 2; i++)
      cr_assert_eq(archive_bytes(a, variants[v].owners[i], variants[v].names[i], variants[v].data[i], 4), STATUS_OK);
    cr_assert_eq(archive_bytes(a, ARCHIVE_SHARED, "s", &x, 4), STATUS_OK); /* rank 0's to count */
    digests[v] = archive_digest(a);
    cr_assert_eq(archive_end(a), STATUS_OK);
    for (size_t u = 0; u < v; u++) cr_assert_eq(digests[u] == digests[v], u == 0 && v == 1);
  }
}

Test(archive, device_vectors) {
  const enum device_kind kinds[] = {DEVICE_CPU, DEVICE_SHADOW};
  float *right = malloc(FLOATS * sizeof *right), *back = malloc(FLOATS * sizeof *back);
  for (size_t i = 0; i < FLOATS; i++) right[i] = rng_normal_at(rng_stream(1, RNG_TEST, 0, 0), i);
  uint64_t digests[2] = {0};
  for (size_t k = 0; k < 2; k++) {
    char *folder = make_folder();
    device *d = NULL;
    stream *s = NULL;
    float *x = NULL;
    archive *a = NULL;
    cr_assert_eq(device_open(kinds[k], &d), STATUS_OK);
    cr_assert_eq(stream_open(d, &s), STATUS_OK);
    cr_assert_eq(device_floats(d, FLOATS, &x), STATUS_OK);
    stream_copy(s, x, right, FLOATS * sizeof *x);
    cr_assert_eq(archive_save_begin(folder, 0, s, &a), STATUS_OK);
    cr_assert_eq(archive_floats(a, ARCHIVE_SHARED, "x", x, FLOATS), STATUS_OK);
    digests[k] = archive_digest(a);
    cr_assert_eq(archive_end(a), STATUS_OK);
    stream_copy(s, x, back, FLOATS * sizeof *x);
    cr_assert_eq(archive_load_begin(folder, s, &a), STATUS_OK);
    cr_assert_eq(archive_floats(a, ARCHIVE_SHARED, "x", x, FLOATS), STATUS_OK);
    cr_assert_eq(archive_end(a), STATUS_OK);
    stream_copy(s, back, x, FLOATS * sizeof *x);
    cr_assert_eq(stream_synchronize(s), STATUS_OK);
    cr_assert(memcmp(back, right, FLOATS * sizeof *x) == 0);
    cr_assert_eq(archive_load_begin(folder, NULL, &a), STATUS_OK);
    cr_assert_eq(archive_floats(a, ARCHIVE_SHARED, "x", x, FLOATS), STATUS_BAD_INPUT, "no stream");
    archive_abandon(a);
    device_release(d, x);
    stream_close(s);
    device_close(d);
    remove_folder(folder);
  }
  cr_assert_eq(digests[0], digests[1]);
  free(right);
  free(back);
}

/* Every single byte changed, and every shorter length, is noticed: at opening or at the section it hits. */
Test(archive, damage) {
  char *folder = make_folder(), path[128];
  state s = example(), back;
  cr_assert_eq(save(folder, 2, &s, NULL), STATUS_OK);
  snprintf(path, sizeof path, "%s/part-1.bin", folder);
  FILE *file = fopen(path, "rb");
  static char whole[4096];
  const size_t n = fread(whole, 1, sizeof whole, file);
  fclose(file);
  cr_assert(n > 100 && n < sizeof whole);
  for (size_t i = 0; i < 2 * n; i++) {
    file = fopen(path, "wb");
    const bool is_cut = i >= n;
    if (!is_cut) whole[i] ^= 0x10;
    cr_assert_eq(fwrite(whole, 1, is_cut ? i - n : n, file), is_cut ? i - n : n);
    if (!is_cut) whole[i] ^= 0x10;
    fclose(file);
    cr_assert_eq(load(folder, &back), STATUS_BAD_DATA, "byte %zu of %zu", i, n);
    cr_assert(says("part-1.bin"), "%s", status_detail());
  }
  unlink(path);
  cr_assert_eq(load(folder, &back), STATUS_BAD_DATA);
  cr_assert(says("worker 2's section 'words' is missing") && says(folder), "%s", status_detail());
  remove_folder(folder);
}

Test(archive, wrong_use) {
  char *folder = make_folder(), path[128];
  state s = example(), back;
  archive *a = NULL;
  uint32_t word = 1;
  cr_assert_eq(load(folder, &back), STATUS_BAD_DATA);
  cr_assert(says("holds no archive"));
  cr_assert_eq(archive_load_begin("/nowhere/at/all", NULL, &a), STATUS_BAD_DATA);
  cr_assert(says("/nowhere/at/all"));
  cr_assert_eq(archive_save_begin("/nowhere/at/all", 0, NULL, &a), STATUS_IO);
  cr_assert(says("/nowhere/at/all"));

  cr_assert_eq(archive_save_begin(folder, 0, NULL, &a), STATUS_OK);
  cr_assert_eq(archive_bytes(a, 3, "a name that is much, much, much longer than a name may be", &word, 4),
               STATUS_BAD_INPUT);
  cr_assert_eq(archive_bytes(a, 3, "twice", &word, 4), STATUS_OK);
  cr_assert_eq(archive_bytes(a, 2, "twice", &word, 4), STATUS_OK);
  cr_assert_eq(archive_bytes(a, 3, "twice", &word, 4), STATUS_OK);
  cr_assert_eq(archive_end(a), STATUS_BAD_INPUT);
  cr_assert(says("worker 3's section 'twice'"));
  cr_assert_eq(rmdir(folder), 0, "a save that failed leaves nothing behind");

  /* The folder is made; an abandoned save leaves nothing in it; a second save does not overwrite the first. */
  cr_assert_eq(archive_save_begin(folder, 1, NULL, &a), STATUS_OK);
  cr_assert_eq(archive_bytes(a, 3, "x", &word, 4), STATUS_OK);
  archive_abandon(a);
  cr_assert_eq(rmdir(folder), 0);
  cr_assert_eq(save(folder, 3, &s, NULL), STATUS_OK);
  cr_assert_eq(save(folder, 1, &s, NULL), STATUS_IO);
  cr_assert(says("part-0.bin is there already"));

  /* A part of an older save at another R. */
  snprintf(path, sizeof path, "%s/part-0.bin", folder);
  cr_assert_eq(unlink(path), 0);
  cr_assert_eq(save(folder, 1, &s, NULL), STATUS_OK);
  cr_assert_eq(load(folder, &back), STATUS_BAD_DATA);
  cr_assert(says("two archives are mixed"), "%s", status_detail());
  remove_folder(folder);
  archive_abandon(NULL);
}

Test(archive, other_run) {
  char *folder = make_folder();
  state s = example();
  archive *a = NULL;
  double d = 0;
  cr_assert_eq(save(folder, 2, &s, NULL), STATUS_OK);
  cr_assert_eq(archive_load_begin(folder, NULL, &a), STATUS_OK);
  cr_assert_eq(archive_bytes(a, 1, "words", &d, sizeof d), STATUS_BAD_DATA);
  cr_assert(says("worker 1's section 'words'") && says("part-0.bin") && says("16 bytes where 8"), "%s",
            status_detail());
  cr_assert_eq(archive_bytes(a, ARCHIVE_SHARED, "gone", &d, sizeof d), STATUS_BAD_DATA);
  cr_assert(says("the shared section 'gone' is missing"));
  cr_assert_eq(archive_bytes(a, ARCHIVE_SHARED, "shared", &d, sizeof d), STATUS_OK); /* still usable */
  cr_assert_eq(d, 0.1);
  cr_assert_eq(archive_end(a), STATUS_OK);
  remove_folder(folder);
}

/* /dev/full takes nothing: every write to it fails as on a full disk. */
Test(archive, full_disk) {
  char *folder = make_folder(), path[128];
  static char large[100000];
  for (int is_large = 0; is_large < 2; is_large++) {
    archive *a = NULL;
    snprintf(path, sizeof path, "%s/part-0.bin.tmp", folder);
    cr_assert_eq(symlink("/dev/full", path), 0);
    cr_assert_eq(archive_save_begin(folder, 0, NULL, &a), STATUS_OK);
    enum status status = archive_bytes(a, 0, "x", large, is_large ? sizeof large : 8);
    if (status == STATUS_OK)
      status = archive_end(a);
    else
      archive_abandon(a);
    cr_assert_eq(status, STATUS_IO);
    cr_assert(says(path) && says("No space left"), "%s", status_detail());
    cr_assert_neq(access(path, F_OK), 0);
  }
  remove_folder(folder);
}
