/* A subject: a pipeline over a hand-made layer table on one device, with a message and a result that lie between
 * guards. */
#ifndef TERSE_TESTS_COMPRESSOR_SUBJECT_H
#define TERSE_TESTS_COMPRESSOR_SUBJECT_H

#include <stdbool.h>

#include "algorithms/pipeline.h"
#include "core/args.h"

enum { SUBJECT_GUARD_FLOATS = 16 };

typedef struct subject_options {
  enum device_kind device;
  const compressor *const *registry; /* NULL: the registered compressors */
  const char *name;                  /* the first stage */
  const char *key, *value;           /* one parameter of it that is not its default, or NULL */
  const char *second;                /* a stage behind it, or NULL */
  const char *second_key, *second_value;
  enum scope scope;
  size_t bucket; /* elements, in scope bucket */
  enum index_coding indices;
  size_t n; /* scope layer cuts it into three layers: n/3 elements, none, the rest */
} subject_options;

typedef struct subject {
  device *device;
  stream *stream;
  pipeline *pipeline;
  const compressor *first;
  layer_slice slices[3];
  layer_table layers;
  args args[2];
  size_t n, bound;
  unsigned char *memory; /* device: guard, wire image, guard */
  message message;
  float *x, *e;          /* device, n */
  float *y;              /* device: guard, n, guard */
  bool draws_by_default; /* no parameter was changed, so RANDOMIZED must show */
  char reason[320];      /* after a check failed: why */
} subject;

/* On failure the subject is in a state for subject_close. */
enum status subject_open(const subject_options *options, subject *s) WARN_UNUSED;
void subject_close(subject *s);

/* Default parameters of a module; one that has no default gets the middle of its range or its first choice. Where key
 * is given, that parameter has that value instead. */
enum status default_args(const param *table, const char *key, const char *value, args *out) WARN_UNUSED;

enum vector_kind { VECTOR_NORMAL, VECTOR_SPIKE, VECTOR_EQUAL, VECTOR_HEAVY, VECTOR_INTEGERS, VECTOR_ZEROS, N_VECTORS };
void vector_fill(enum vector_kind kind, uint64_t seed, float *x, size_t n);

rng_key subject_key(uint64_t seed);

/* The functions below that return bool write why into s->reason where they fail. */
#define REJECT(...)                                     \
  do {                                                  \
    snprintf(s->reason, sizeof s->reason, __VA_ARGS__); \
    return false;                                       \
  } while (0)
#define REQUIRE(expression)                                                        \
  do {                                                                             \
    if ((expression) != STATUS_OK) REJECT("%s: %s", #expression, status_detail()); \
  } while (0)
#define HOLDS(check)            \
  do {                          \
    if (!(check)) return false; \
  } while (0)

/* Host memory to device memory and back, waiting. */
void upload(subject *s, void *device_memory, const void *host, size_t n_bytes);
void download(subject *s, void *host, const void *device_memory, size_t n_bytes);

/* Fills the message's buffer with `filling`, and the guards around it; whether the guards still hold. */
void subject_prepare(subject *s, unsigned char filling);
bool subject_guards_hold(subject *s);
/* Encodes x for (round, worker) into the subject's message; the second form over a buffer filled with `filling`. */
bool subject_encode(subject *s, uint64_t round, int worker, const float *x);
bool subject_encode_over(subject *s, uint64_t round, int worker, const float *x, unsigned char filling);

/* s->y between guards = y, and back. */
void subject_put_y(subject *s, const float *y);
bool subject_get_y(subject *s, float *y);
/* c = C(x) of the subject's message; y += a C(x). */
bool subject_decode(subject *s, uint64_t round, int worker, float *c);
bool subject_decode_onto(subject *s, uint64_t round, int worker, float a, float *y);

#endif
