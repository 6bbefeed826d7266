/* Devices: where vectors live and element arithmetic runs. CPU, CUDA, and `shadow`, a test device whose memory cannot
 * be read outside device calls and which defers every call, so that code that is right on it is right on a GPU.
 *
 * Memory from device_alloc belongs to the device: the host reads and writes it only through stream_copy. Work is issued
 * to a stream and runs in the stream's order. Issuing never fails loudly: a failure sticks to the stream and comes out
 * of stream_check or stream_synchronize, which is why kernels and vec functions return nothing. */
#ifndef TERSE_CORE_DEVICE_H
#define TERSE_CORE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "core/module.h"
#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum device_kind { DEVICE_CPU, DEVICE_SHADOW, DEVICE_CUDA };

typedef struct device device;
typedef struct stream stream;
typedef struct event event;
typedef struct recording recording;
struct vec_ops;
struct index_ops;
struct modulo_ops;
struct compressor;
struct executor_ops;

/* A loop over the elements [0, n) with its arguments in `a`; made by KERNEL (core/kernel.h). */
typedef void (*kernel_loop)(const void *a, size_t n);

/* What a device must be able to do. Functions that create return a status; the rest make the stream's error sticky. */
typedef struct device_ops {
  enum status (*open)(device *d);
  void (*close)(device *d);
  enum status (*alloc)(device *d, size_t n_bytes, void **out);      /* zeroed, 64-byte aligned */
  void (*release)(device *d, void *memory);                         /* NULL is ignored */
  enum status (*alloc_host)(device *d, size_t n_bytes, void **out); /* zeroed; pinned where that exists */
  void (*release_host)(device *d, void *memory);
  enum status (*stream_open)(stream *s);
  void (*stream_close)(stream *s);
  void (*copy)(stream *s, void *to, const void *from, size_t n_bytes); /* any direction; asynchronous */
  void (*launch)(stream *s, kernel_loop loop, const void *a, size_t a_bytes,
                 size_t n); /* CPU and shadow; NULL on CUDA */
  enum status (*synchronize)(stream *s);
  enum status (*event_open)(device *d, event *e);
  void (*event_close)(event *e);
  void (*event_record)(event *e, stream *s);
  enum status (*event_wait)(event *e); /* the host waits; an event never recorded has happened */
  void (*stream_wait)(stream *s, event *e);
  /* Recording: NULL where there is none (CPU). */
  enum status (*record_begin)(stream *s);
  enum status (*record_end)(stream *s, recording **out);
  void (*replay)(stream *s, recording *r);
  void (*recording_release)(recording *r);
} device_ops;

struct device {
  enum device_kind kind;
  int index;             /* CUDA: which of the visible GPUs */
  const char *name;      /* "cpu", "shadow", "cuda" */
  char description[128]; /* e.g. "AMD EPYC, avx2" or "NVIDIA H200" */
  const device_ops *ops;
  const struct vec_ops *vec;                   /* core/vec.h */
  const struct index_ops *indices;             /* algorithms/index_coding.h; NULL: the host's */
  const struct modulo_ops *modulo;             /* algorithms/modulo.h; NULL: the host's */
  const struct compressor *const *compressors; /* built for this device, NULL-terminated; NULL: the host's */
  const struct executor_ops *executor;         /* models/executor.h; NULL: the CPU's */
  void *native;                                /* the device's own state */
};

struct stream {
  device *device;
  uint32_t *fault;   /* one word of device memory; decoders set it (non-zero) on hostile bytes. Read by stream_check */
  enum status error; /* sticky: the first failure of an issued call; from then on nothing more is issued */
  void *native;
};

struct event {
  device *device;
  void *native;
};

/* Bits a decoder may set in *stream->fault. */
enum device_fault { FAULT_INDEX_RANGE = 1, FAULT_INDEX_ORDER = 2, FAULT_VALUE = 4 };

/* Opens a device by kind. DEVICE_CUDA loads libterse_cuda.so from the folder of the program; where the library, the
 * driver or the GPU is missing: STATUS_DEVICE with the reason. On failure *out is NULL. Close with device_close. */
enum status device_open(enum device_kind kind, device **out) WARN_UNUSED;
/* The same, for process number `number` of its host: processes take the visible GPUs in turn. */
enum status device_open_for(enum device_kind kind, int number, device **out) WARN_UNUSED;
void device_close(device *d); /* NULL is ignored; all its streams and memory must be gone */

/* n_bytes of zeroed device memory (at least 1 byte is allocated). Releasing waits for all work issued to the device, as
 * cudaFree does; NULL is ignored. */
enum status device_alloc(device *d, size_t n_bytes, void **out) WARN_UNUSED;
void device_release(device *d, void *memory);
/* Zeroed floats; a shorthand for device_alloc. */
enum status device_floats(device *d, size_t n, float **out) WARN_UNUSED;
/* Zeroed host memory that copies may use asynchronously. Releasing waits like device_release. */
enum status device_alloc_host(device *d, size_t n_bytes, void **out) WARN_UNUSED;
void device_release_host(device *d, void *memory);

/* Makes a failure the stream's, unless an earlier one is; STATUS_OK is ignored. */
static inline void stream_fail(stream *s, enum status status) {
  if (s->error == STATUS_OK) s->error = status;
}

enum status stream_open(device *d, stream **out) WARN_UNUSED;
void stream_close(stream *s); /* NULL is ignored; waits for its work first */
/* Asynchronous copy between any two of host and device memory; ranges do not overlap. Host memory must stay valid and
 * unread until the stream has got there. */
void stream_copy(stream *s, void *to, const void *from, size_t n_bytes);
/* Waits for all issued work. Gives the sticky error, and STATUS_BAD_MESSAGE where a decoder set *fault (then cleared).
 */
enum status stream_synchronize(stream *s) WARN_UNUSED;
/* The same as stream_synchronize: the once-a-round check for faults. */
enum status stream_check(stream *s) WARN_UNUSED;

enum status event_open(device *d, event **out) WARN_UNUSED;
void event_close(event *e); /* NULL is ignored */
void event_record(event *e, stream *s);
enum status event_wait(event *e) WARN_UNUSED;
/* What is issued to s from now on waits, on the device, for the event as last recorded; the host does not. */
void stream_wait(stream *s, event *e);

/* A recording is a row of copies and launches that can be issued again as one call (a CUDA graph). What is issued to s
 * between begin and end is recorded and not run; pointers and arguments are those of the recording. In between nothing
 * is allocated, waited for or issued to another stream. Only where device->ops->record_begin is. */
enum status stream_record_begin(stream *s) WARN_UNUSED;
/* Ends it in any case; on failure *out is NULL. Release with recording_release once the stream has done with it. */
enum status stream_record_end(stream *s, recording **out) WARN_UNUSED;
void stream_replay(stream *s, recording *r);
void recording_release(device *d, recording *r); /* NULL is ignored */

/* Number of CUDA devices terse can use; where there is none 0, with the reason, valid until this thread's next failure.
 */
int device_cuda_count(const char **reason);

/* What libterse_cuda.so exports, as its only symbol `terse_cuda_table`. What its compressors call of core (status,
 * args, device) it takes from the program, which is linked with -rdynamic: a failure is recorded in one place. */
#define TERSE_CUDA_ABI 3
typedef struct cuda_table {
  uint32_t abi;
  const device_ops *ops;
  const struct vec_ops *vec;
  const struct index_ops *indices;
  const struct modulo_ops *modulo;
  const struct compressor *const *compressors;
  const struct executor_ops *executor;
  int (*device_count)(const char **reason);
} cuda_table;

#ifdef __cplusplus
}
#endif
#endif
