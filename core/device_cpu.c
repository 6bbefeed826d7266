/* The CPU as a device: memory is the host's, and every call runs before it returns. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/device_internal.h"

void *device_zeroed(size_t n_bytes) {
  void *memory = NULL;
  if (n_bytes > SIZE_MAX / 2 || posix_memalign(&memory, 64, n_bytes) != 0) return NULL;
  return memset(memory, 0, n_bytes);
}

void device_describe_cpu(char *out, size_t n) {
#if defined(__x86_64__)
  char brand[49] = "";
  unsigned words[12], highest = __get_cpuid_max(0x80000000u, NULL);
  if (highest >= 0x80000004u) {
    for (unsigned i = 0; i < 3; i++)
      __get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
    memcpy(brand, words, 48);
  }
  const char *name = brand + strspn(brand, " ");
  const char *isa = __builtin_cpu_supports("avx512f") ? "avx512" : __builtin_cpu_supports("avx2") ? "avx2" : "sse2";
  snprintf(out, n, "%s, %s", *name ? name : "x86-64", isa);
#elif defined(__aarch64__)
  snprintf(out, n, "aarch64");
#else
  snprintf(out, n, "host processor");
#endif
}

static enum status cpu_open(device *d) {
  d->name = "cpu";
  device_describe_cpu(d->description, sizeof d->description);
  return STATUS_OK;
}

static void cpu_close(device *d) { (void)d; }

static enum status cpu_alloc(device *d, size_t n_bytes, void **out) {
  (void)d;
  *out = device_zeroed(n_bytes);
  return *out ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "cannot allocate %zu bytes", n_bytes);
}

static void cpu_release(device *d, void *memory) {
  (void)d;
  free(memory);
}

static enum status cpu_stream_open(stream *s) {
  s->native = NULL;
  return STATUS_OK;
}

static void cpu_stream_close(stream *s) { (void)s; }

static void cpu_copy(stream *s, void *to, const void *from, size_t n_bytes) {
  if (s->error == STATUS_OK && n_bytes > 0) memcpy(to, from, n_bytes);
}

static void cpu_launch(stream *s, kernel_loop loop, const void *a, size_t a_bytes, size_t n) {
  (void)a_bytes;
  if (s->error == STATUS_OK) loop(a, n);
}

static enum status cpu_synchronize(stream *s) {
  (void)s;
  return STATUS_OK;
}

static enum status cpu_event_open(device *d, event *e) {
  (void)d;
  e->native = NULL;
  return STATUS_OK;
}

static void cpu_event_close(event *e) { (void)e; }

static void cpu_event_record(event *e, stream *s) {
  (void)e;
  (void)s;
}

static enum status cpu_event_wait(event *e) {
  (void)e;
  return STATUS_OK;
}

/* What was issued before has happened. */
static void cpu_stream_wait(stream *s, event *e) {
  (void)s;
  (void)e;
}

const device_ops device_cpu_ops = {
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .alloc_host = cpu_alloc,
    .release_host = cpu_release,
    .stream_open = cpu_stream_open,
    .stream_close = cpu_stream_close,
    .copy = cpu_copy,
    .launch = cpu_launch,
    .synchronize = cpu_synchronize,
    .event_open = cpu_event_open,
    .event_close = cpu_event_close,
    .event_record = cpu_event_record,
    .event_wait = cpu_event_wait,
    .stream_wait = cpu_stream_wait,
};
