/* What all devices have in common: opening by kind, streams with their fault word and sticky error, events. */
#include "core/device.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/device_internal.h"
#include "core/vec.h"

/* The library stays loaded for the life of the process: CUDA's own libraries do not survive being unloaded. */
static enum status load_cuda(const cuda_table **out, int *n_gpus) {
  static const char library_name[] = "libterse_cuda.so";
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof library_name);
  if (length < 0) return FAIL(STATUS_DEVICE, "cannot find the folder of the running program through /proc/self/exe");
  path[length] = 0;
  strcpy(strrchr(path, '/') + 1, library_name);
  if (access(path, R_OK) != 0)
    return FAIL(STATUS_DEVICE, "no CUDA device: there is no %s; build it on a machine with nvcc", path);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return FAIL(STATUS_DEVICE, "no CUDA device: %s", dlerror());
  const cuda_table *table = (const cuda_table *)dlsym(library, "terse_cuda_table");
  if (!table || table->abi != TERSE_CUDA_ABI)
    return FAIL(STATUS_DEVICE, "no CUDA device: %s belongs to another version of terse; rebuild it", path);
  const char *reason = "";
  *n_gpus = table->device_count(&reason);
  if (*n_gpus == 0) return FAIL(STATUS_DEVICE, "no CUDA device: %s", reason);
  *out = table;
  return STATUS_OK;
}

int device_cuda_count(const char **reason) {
  const cuda_table *table = NULL;
  int n = 0;
  if (load_cuda(&table, &n) == STATUS_OK) return n;
  *reason = status_detail();
  return 0;
}

enum status device_open(enum device_kind kind, device **out) { return device_open_for(kind, 0, out); }

enum status device_open_for(enum device_kind kind, int number, device **out) {
  *out = NULL;
  device *d = (device *)calloc(1, sizeof *d);
  if (!d) return FAIL(STATUS_NO_MEMORY, "cannot allocate a device");
  enum status status = STATUS_OK;
  d->kind = kind;
  d->vec = &vec_table;
  if (kind == DEVICE_CUDA) {
    const cuda_table *table = NULL;
    int n_gpus;
    TRY(load_cuda(&table, &n_gpus));
    d->index = number % n_gpus; /* one at least */
    d->ops = table->ops;
    d->vec = table->vec;
    d->indices = table->indices;
    d->modulo = table->modulo;
    d->compressors = table->compressors;
    d->executor = table->executor;
  } else {
    d->ops = kind == DEVICE_CPU ? &device_cpu_ops : &device_shadow_ops;
  }
  TRY(d->ops->open(d));
  *out = d;
  d = NULL;
exit:
  free(d);
  return status;
}

void device_close(device *d) {
  if (!d) return;
  d->ops->close(d);
  free(d);
}

enum status device_alloc(device *d, size_t n_bytes, void **out) {
  *out = NULL;
  return d->ops->alloc(d, n_bytes > 0 ? n_bytes : 1, out);
}

void device_release(device *d, void *memory) {
  if (memory) d->ops->release(d, memory);
}

enum status device_floats(device *d, size_t n, float **out) {
  *out = NULL;
  if (n > SIZE_MAX / sizeof **out) return FAIL(STATUS_NO_MEMORY, "cannot allocate %zu floats", n);
  void *memory = NULL;
  TRY_RETURN(device_alloc(d, n * sizeof **out, &memory));
  *out = (float *)memory;
  return STATUS_OK;
}

enum status device_alloc_host(device *d, size_t n_bytes, void **out) {
  *out = NULL;
  return d->ops->alloc_host(d, n_bytes > 0 ? n_bytes : 1, out);
}

void device_release_host(device *d, void *memory) {
  if (memory) d->ops->release_host(d, memory);
}

enum status stream_open(device *d, stream **out) {
  enum status status = STATUS_OK;
  void *fault = NULL;
  *out = NULL;
  stream *s = (stream *)calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "cannot allocate a stream");
  s->device = d;
  TRY(device_alloc(d, sizeof *s->fault, &fault));
  s->fault = (uint32_t *)fault;
  TRY(d->ops->stream_open(s));
  *out = s;
  return STATUS_OK;
exit:
  device_release(d, fault);
  free(s);
  return status;
}

void stream_close(stream *s) {
  if (!s) return;
  s->device->ops->stream_close(s);
  device_release(s->device, s->fault);
  free(s);
}

void stream_copy(stream *s, void *to, const void *from, size_t n_bytes) {
  if (n_bytes > 0) s->device->ops->copy(s, to, from, n_bytes);
}

enum status stream_synchronize(stream *s) {
  uint32_t fault = 0;
  stream_copy(s, &fault, s->fault, sizeof fault);
  const enum status status = s->device->ops->synchronize(s);
  if (s->error != STATUS_OK) return s->error;
  if (status != STATUS_OK) return s->error = status;
  if (fault == 0) return STATUS_OK;
  const uint32_t none = 0;
  stream_copy(s, s->fault, &none, sizeof none);
  TRY_RETURN(s->device->ops->synchronize(s));
  const char *what = fault & FAULT_INDEX_RANGE   ? "an index beyond the vector"
                     : fault & FAULT_INDEX_ORDER ? "indices out of order"
                                                 : "a value that no encoder writes";
  return FAIL(STATUS_BAD_MESSAGE, "a message holds %s: its sender is broken or its bytes changed on the way", what);
}

enum status stream_check(stream *s) { return stream_synchronize(s); }

enum status event_open(device *d, event **out) {
  *out = NULL;
  event *e = (event *)calloc(1, sizeof *e);
  if (!e) return FAIL(STATUS_NO_MEMORY, "cannot allocate an event");
  e->device = d;
  const enum status status = d->ops->event_open(d, e);
  if (status == STATUS_OK)
    *out = e;
  else
    free(e);
  return status;
}

void event_close(event *e) {
  if (!e) return;
  e->device->ops->event_close(e);
  free(e);
}

void event_record(event *e, stream *s) { e->device->ops->event_record(e, s); }

enum status event_wait(event *e) { return e->device->ops->event_wait(e); }

void stream_wait(stream *s, event *e) {
  if (s->error == STATUS_OK) s->device->ops->stream_wait(s, e);
}

enum status stream_record_begin(stream *s) {
  if (s->error != STATUS_OK) return s->error;
  return s->device->ops->record_begin(s);
}

enum status stream_record_end(stream *s, recording **out) {
  *out = NULL;
  const enum status status = s->device->ops->record_end(s, out);
  if (s->error == STATUS_OK) return status;
  recording_release(s->device, *out);
  *out = NULL;
  return s->error;
}

void stream_replay(stream *s, recording *r) {
  if (s->error == STATUS_OK) s->device->ops->replay(s, r);
}

void recording_release(device *d, recording *r) {
  if (r) d->ops->recording_release(r);
}
