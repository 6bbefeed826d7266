#include "datasets/libsvm_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MAX_NUMBER_BYTES = 64 };

/* Samples in compressed rows: sample i has the entries first[i] to first[i + 1] - 1. */
typedef struct rows {
  size_t n_rows;
  size_t *first; /* n_rows + 1 */
  uint32_t *features;
  float *values;
  uint8_t *labels;
} rows;

typedef struct loaded {
  data base; /* base.state points back */
  rows train, test;
  const rows *tested; /* &test, or &train where there is no test file */
} loaded;

/* A place in a file's text. */
typedef struct cursor {
  const char *path, *at, *end;
  size_t line; /* from 1 */
} cursor;

#define FAIL_LINE(c, format, ...) FAIL(STATUS_BAD_DATA, "%s:%zu: " format, (c)->path, (c)->line, __VA_ARGS__)

static bool ends_word(const cursor *c) { return c->at == c->end || *c->at == ' ' || *c->at == '\n'; }

static enum status read_label(cursor *c, uint8_t *out) {
  const char *begin = c->at;
  const bool negative = c->at < c->end && *c->at == '-';
  if (c->at < c->end && (*c->at == '-' || *c->at == '+')) c->at++;
  const bool one = c->at < c->end && *c->at == '1';
  if (one) c->at++;
  *out = !negative;
  if (one && ends_word(c)) return STATUS_OK;
  while (!ends_word(c)) c->at++;
  return FAIL_LINE(c, "the label is +1 or -1, not '%.*s'", (int)(c->at - begin > 20 ? 20 : c->at - begin), begin);
}

static enum status read_index(cursor *c, size_t n_features, uint32_t *out) {
  size_t index = 0;
  const char *begin = c->at;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && index <= n_features; c->at++)
    index = 10 * index + (size_t)(*c->at - '0');
  if (c->at == begin || c->at == c->end || (*c->at != ':' && index <= n_features))
    return FAIL_LINE(c, "an entry is INDEX:VALUE, with a whole number from 1 to %zu before the colon", n_features);
  if (index < 1 || index > n_features) return FAIL_LINE(c, "an index lies outside 1 to %zu", n_features);
  c->at++;
  *out = (uint32_t)(index - 1);
  return STATUS_OK;
}

static enum status read_value(cursor *c, float *out) {
  char text[MAX_NUMBER_BYTES];
  const char *begin = c->at;
  while (!ends_word(c)) c->at++;
  const size_t n = (size_t)(c->at - begin);
  if (n > 0 && n < sizeof text) {
    char *end = text;
    memcpy(text, begin, n);
    text[n] = '\0';
    if (strspn(text, "0123456789+-.eE") == n) *out = strtof(text, &end); /* no hexadecimal, no infinity */
    if (*end == '\0' && isfinite(*out)) return STATUS_OK;
  }
  return FAIL_LINE(c, "'%.*s' is not a finite number", (int)(n > 20 ? 20 : n), begin);
}

/* The entries up to and with the line's end. */
static enum status read_entries(cursor *c, size_t n_features, rows *out, size_t *n_entries) {
  int64_t previous = -1;
  for (;;) {
    while (c->at < c->end && *c->at == ' ') c->at++;
    if (c->at == c->end) return FAIL_LINE(c, "the last line does not end (is %s truncated?)", c->path);
    if (*c->at == '\n') break;
    uint32_t feature = 0;
    TRY_RETURN(read_index(c, n_features, &feature));
    if (feature <= previous)
      return FAIL_LINE(c, "index %u does not come after %lld: indices ascend", feature + 1, (long long)previous + 1);
    out->features[*n_entries] = feature;
    TRY_RETURN(read_value(c, &out->values[*n_entries]));
    previous = feature;
    ++*n_entries;
  }
  c->at++;
  c->line++;
  return STATUS_OK;
}

static void release_rows(rows *r) {
  free(r->first);
  free(r->features);
  free(r->values);
  free(r->labels);
}

/* Room for as many rows as there are lines and as many entries as there are colons. */
static enum status take_rows(const mapped_file *m, const char *path, rows *out) {
  size_t n_lines = 1, n_colons = 1;
  for (size_t i = 0; i < m->n; i++) n_lines += m->bytes[i] == '\n', n_colons += m->bytes[i] == ':';
  out->first = (size_t *)malloc((n_lines + 1) * sizeof *out->first);
  out->labels = (uint8_t *)malloc(n_lines);
  out->features = (uint32_t *)malloc(n_colons * sizeof *out->features);
  out->values = (float *)malloc(n_colons * sizeof *out->values);
  if (out->first && out->labels && out->features && out->values) return STATUS_OK;
  return FAIL(STATUS_NO_MEMORY, "no memory for the %zu samples of %s", n_lines, path);
}

static enum status parse(const mapped_file *m, const char *path, size_t n_features, rows *out) {
  cursor c = {.path = path, .at = (const char *)m->bytes, .end = (const char *)m->bytes + m->n, .line = 1};
  size_t n_entries = 0;
  TRY_RETURN(take_rows(m, path, out));
  while (c.at < c.end) {
    out->first[out->n_rows] = n_entries;
    TRY_RETURN(read_label(&c, &out->labels[out->n_rows]));
    TRY_RETURN(read_entries(&c, n_features, out, &n_entries));
    out->n_rows++;
  }
  out->first[out->n_rows] = n_entries;
  return STATUS_OK;
}

static enum status load(const libsvm_set *set, const char *folder, const published_file *file, rows *out) {
  char path[DATA_PATH_BYTES + 64];
  mapped_file m;
  enum status status = STATUS_OK;
  snprintf(path, sizeof path, "%s/%s", folder, file->name);
  TRY_RETURN(file_map(folder, file->name, set->remedy, &m));
  TRY(parse(&m, path, set->n_features, out));
  TRY(file_check(&m, folder, file, set->remedy));
exit:
  file_unmap(&m);
  return status;
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const loaded *l = (const loaded *)d->state;
  const rows *r = request->split == SPLIT_TEST ? l->tested : &l->train;
  TRY_RETURN(data_check_ids(d, request));
  memset(x, 0, request->n * d->width * sizeof *x);
  for (size_t j = 0; j < request->n; j++) {
    const size_t id = request->ids[j];
    for (size_t i = r->first[id]; i < r->first[id + 1]; i++) x[j * d->width + r->features[i]] = r->values[i];
    labels[j] = r->labels[id];
  }
  return STATUS_OK;
}

static void close_rows(data *d) {
  loaded *l = (loaded *)d->state;
  release_rows(&l->train);
  release_rows(&l->test);
  free(l);
}

enum status libsvm_text_open(const libsvm_set *set, const dataset_env *env, data **out) {
  char folder[DATA_PATH_BYTES];
  enum status status = STATUS_OK;
  *out = NULL;
  TRY_RETURN(data_folder_find(env, set->folder, NULL, set->remedy, folder));
  loaded *l = (loaded *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory to load %s", folder);
  l->base.state = l;
  l->tested = set->test.name ? &l->test : &l->train;
  TRY(load(set, folder, &set->train, &l->train));
  if (set->test.name) TRY(load(set, folder, &set->test, &l->test));
  const uint64_t checksums[] = {set->train.checksum, set->test.checksum};
  l->base = (data){.n_train = l->train.n_rows,
                   .n_test = l->tested->n_rows,
                   .n_probe = l->train.n_rows < DATA_PROBE_SAMPLES ? l->train.n_rows : DATA_PROBE_SAMPLES,
                   .channels = 1,
                   .height = 1,
                   .width = set->n_features,
                   .n_classes = 2,
                   .labels_per_sample = 1,
                   .checksum = XXH64(checksums, sizeof checksums, 0),
                   .standing = "published",
                   .fetch = fetch,
                   .close = close_rows,
                   .state = l};
  *out = &l->base;
  return STATUS_OK;
exit:
  close_rows(&l->base);
  return status;
}
