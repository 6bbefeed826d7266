#include "tests/compressor_subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD_BYTES = 64 };
static const unsigned char guard_byte = 0xa5;

static const char *value_for(const param *p, char *text, size_t n_text) {
  if (p->fallback) return p->fallback;
  if (p->type == PARAM_CHOICE) {
    snprintf(text, n_text, "%.*s", (int)strcspn(p->choices, "|"), p->choices);
  } else if (p->type == PARAM_INT) {
    snprintf(text, n_text, "%.0f", floor(p->min / 2 + p->max / 2));
  } else {
    snprintf(text, n_text, "%.17g", p->min / 2 + p->max / 2);
  }
  return p->type == PARAM_BOOL ? "true" : text;
}

enum status default_args(const param *table, const char *key, const char *value, args *out) {
  enum { MOST = 16, LENGTH = 64 };
  const char *keys[MOST], *values[MOST];
  char texts[MOST][LENGTH];
  size_t n = 0;
  for (; table && table[n].name && n < MOST; n++) {
    keys[n] = table[n].name;
    values[n] = key && strcmp(key, keys[n]) == 0 ? value : value_for(&table[n], texts[n], LENGTH);
  }
  return args_from_text(table, keys, values, n, out);
}

static void cut_layers(subject *s) {
  const size_t sizes[] = {s->n / 3, 0, s->n - s->n / 3};
  size_t offset = 0;
  for (size_t i = 0; i < 3; i++) {
    s->slices[i] = (layer_slice){.offset = offset, .n = sizes[i], .shape = {sizes[i]}, .n_dims = 1};
    snprintf(s->slices[i].name, sizeof s->slices[i].name, "layer%zu", i);
    offset += sizes[i];
  }
  s->layers = (layer_table){.slices = s->slices, .n_slices = 3, .n_params = s->n};
}

static enum status open_memory(subject *s) {
  void *memory, *head;
  s->bound = pipeline_wire_bound(s->pipeline);
  TRY_RETURN(device_alloc(s->device, s->bound + 2 * GUARD_BYTES, &memory));
  s->memory = memory;
  s->message.wire = s->memory + GUARD_BYTES;
  s->message.capacity = s->bound;
  s->message.head = (message_head *)(void *)s->message.wire;
  if (s->device->kind != DEVICE_CPU) {
    TRY_RETURN(device_alloc_host(s->device, sizeof *s->message.head, &head));
    s->message.head = head;
  }
  TRY_RETURN(event_open(s->device, &s->message.ready));
  TRY_RETURN(device_floats(s->device, s->n, &s->x));
  TRY_RETURN(device_floats(s->device, s->n, &s->e));
  return device_floats(s->device, s->n + 2 * SUBJECT_GUARD_FLOATS, &s->y);
}

enum status subject_open(const subject_options *o, subject *s) {
  const char *names[] = {o->name, o->second};
  module_spec stages[2];
  memset(s, 0, sizeof *s);
  s->n = o->n;
  s->draws_by_default = o->key == NULL;
  cut_layers(s);
  TRY_RETURN(device_open(o->device, &s->device));
  if (o->registry) s->device->compressors = o->registry;
  TRY_RETURN(stream_open(s->device, &s->stream));
  for (size_t i = 0; i < 2 && names[i]; i++) {
    const compressor *c = compressor_find(s->device, names[i]);
    if (!c) return FAIL(STATUS_BAD_INPUT, "no compressor %s", names[i]);
    TRY_RETURN(
        default_args(c->params, i == 0 ? o->key : o->second_key, i == 0 ? o->value : o->second_value, &s->args[i]));
    stages[i] = (module_spec){.name = names[i], .args = s->args[i]};
    if (i == 0) s->first = c;
  }
  const pipeline_spec spec = {
      .stages = stages, .n_stages = o->second ? 2 : 1, .scope = o->scope, .bucket = o->bucket, .indices = o->indices};
  TRY_RETURN(pipeline_create(&spec, s->device, s->stream, &s->layers, 7, &s->pipeline));
  return open_memory(s);
}

void subject_close(subject *s) {
  if (!s->device) return;
  pipeline_destroy(s->pipeline);
  if (s->stream) stream_close(s->stream);
  if (s->message.ready) event_close(s->message.ready);
  if (s->device->kind != DEVICE_CPU) device_release_host(s->device, s->message.head);
  device_release(s->device, s->memory);
  device_release(s->device, s->x);
  device_release(s->device, s->e);
  device_release(s->device, s->y);
  device_close(s->device);
  args_free(&s->args[0]);
  args_free(&s->args[1]);
}

rng_key subject_key(uint64_t seed) { return rng_stream(seed, RNG_TEST, -1, 0); }

void vector_fill(enum vector_kind kind, uint64_t seed, float *x, size_t n) {
  const rng_key key = subject_key(seed);
  for (size_t i = 0; i < n; i++) {
    const float z = rng_normal_at(key, i);
    switch (kind) {
      case VECTOR_NORMAL:
        x[i] = z;
        break;
      case VECTOR_SPIKE:
        x[i] = i == n / 2 ? 1000.0f : 0.001f * z;
        break;
      case VECTOR_EQUAL:
        x[i] = -0.75f;
        break;
      case VECTOR_HEAVY:
        x[i] = z * z * z / (0.05f + rng_uniform_at(key, n + i));
        break;
      case VECTOR_INTEGERS:
        x[i] = floorf(3 * z);
        break;
      default:
        x[i] = 0;
    }
  }
}

/* ---------------------------------------------------------------- moving vectors, under guard */

void upload(subject *s, void *device_memory, const void *host, size_t n_bytes) {
  stream_copy(s->stream, device_memory, host, n_bytes);
  if (stream_synchronize(s->stream) != STATUS_OK) abort();
}

void download(subject *s, void *host, const void *device_memory, size_t n_bytes) {
  stream_copy(s->stream, host, device_memory, n_bytes);
  if (stream_synchronize(s->stream) != STATUS_OK) abort();
}

static bool all_bytes(const unsigned char *bytes, size_t n, unsigned char value) {
  for (size_t i = 0; i < n; i++)
    if (bytes[i] != value) return false;
  return true;
}

/* Fills the buffer with `filling` between guards. */
void subject_prepare(subject *s, unsigned char filling) {
  const size_t n_bytes = s->bound + 2 * GUARD_BYTES;
  unsigned char *bytes = malloc(n_bytes);
  memset(bytes, guard_byte, n_bytes);
  memset(bytes + GUARD_BYTES, filling, s->bound);
  upload(s, s->memory, bytes, n_bytes);
  free(bytes);
}

bool subject_guards_hold(subject *s) {
  unsigned char before[GUARD_BYTES], after[GUARD_BYTES];
  download(s, before, s->memory, GUARD_BYTES);
  download(s, after, s->memory + GUARD_BYTES + s->bound, GUARD_BYTES);
  if (!all_bytes(before, GUARD_BYTES, guard_byte)) REJECT("encode wrote in front of the message");
  if (!all_bytes(after, GUARD_BYTES, guard_byte)) REJECT("encode wrote beyond wire_bound = %zu bytes", s->bound);
  return true;
}

bool subject_encode_over(subject *s, uint64_t round, int worker, const float *x, unsigned char filling) {
  subject_prepare(s, filling);
  upload(s, s->x, x, s->n * sizeof *x);
  REQUIRE(pipeline_encode(s->pipeline, round, worker, s->x, &s->message));
  REQUIRE(stream_synchronize(s->stream));
  return subject_guards_hold(s);
}

bool subject_encode(subject *s, uint64_t round, int worker, const float *x) {
  return subject_encode_over(s, round, worker, x, 0xff);
}

/* y between guards, in device memory. */
void subject_put_y(subject *s, const float *y) {
  const size_t n_bytes = (s->n + 2 * SUBJECT_GUARD_FLOATS) * sizeof *y;
  unsigned char *bytes = malloc(n_bytes);
  memset(bytes, guard_byte, n_bytes);
  memcpy(bytes + SUBJECT_GUARD_FLOATS * sizeof *y, y, s->n * sizeof *y);
  upload(s, s->y, bytes, n_bytes);
  free(bytes);
}

bool subject_get_y(subject *s, float *y) {
  unsigned char before[SUBJECT_GUARD_FLOATS * sizeof *y], after[SUBJECT_GUARD_FLOATS * sizeof *y];
  download(s, before, s->y, sizeof before);
  download(s, after, s->y + SUBJECT_GUARD_FLOATS + s->n, sizeof after);
  download(s, y, s->y + SUBJECT_GUARD_FLOATS, s->n * sizeof *y);
  if (!all_bytes(before, sizeof before, guard_byte) || !all_bytes(after, sizeof after, guard_byte))
    REJECT("decode wrote outside y");
  return true;
}

bool subject_decode_onto(subject *s, uint64_t round, int worker, float a, float *y) {
  subject_put_y(s, y);
  REQUIRE(pipeline_decode_add(s->pipeline, round, worker, &s->message, a, s->y + SUBJECT_GUARD_FLOATS));
  REQUIRE(stream_synchronize(s->stream));
  return subject_get_y(s, y);
}

bool subject_decode(subject *s, uint64_t round, int worker, float *c) {
  memset(c, 0, s->n * sizeof *c);
  return subject_decode_onto(s, round, worker, 1, c);
}
