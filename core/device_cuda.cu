/* CUDA as a device, and the one symbol libterse_cuda.so exports. Compiled by nvcc; links the CUDA runtime only, never
 * the driver's library, so that the program starts on a machine without a driver.
 *
 * One GPU a process, device->index of the visible ones (CUDA_VISIBLE_DEVICES), for all its threads' life. */
#include <cuda_runtime.h>
#include <stdio.h>
#include <string.h>

#include "core/device.h"
#include "core/vec.h"

/* What the library's other files define. */
extern "C" const struct index_ops index_table;
extern "C" const struct modulo_ops modulo_table;
extern "C" const struct compressor *const compressor_registry[];
extern "C" const struct executor_ops cuda_executor_ops;
void cuda_describe_libraries(char *out, size_t n); /* models/cuda/libraries.cu: ", cuDNN 9.19.0, cuBLAS 13.1.0" */

static enum status check(cudaError_t code, const char *what) {
  if (code == cudaSuccess) return STATUS_OK;
  return FAIL(STATUS_DEVICE, "CUDA: %s: %s", what, cudaGetErrorString(code));
}

/* For calls that have no status: the stream's first error stays. */
static void check_stream(stream *s, cudaError_t code, const char *what) {
  stream_fail(s, check(code, what));
}

static int cuda_count(const char **reason) {
  int n = 0;
  const cudaError_t code = cudaGetDeviceCount(&n);
  if (code == cudaSuccess && n > 0) return n;
  *reason = code == cudaSuccess                   ? "the driver sees no GPU"
            : code == cudaErrorInsufficientDriver ? "there is no NVIDIA driver, or one too old for this CUDA"
                                                  : cudaGetErrorString(code);
  return 0;
}

static enum status cuda_open(device *d) {
  cudaDeviceProp properties;
  int runtime = 0, driver = 0;
  d->name = "cuda";
  TRY_RETURN(check(cudaSetDevice(d->index), "choosing a GPU"));
  TRY_RETURN(check(cudaGetDeviceProperties(&properties, d->index), "reading the GPU's properties"));
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaDriverGetVersion(&driver);
  const int n = snprintf(d->description, sizeof d->description, "%.60s, CUDA %d.%d, driver %d.%d", properties.name,
                         runtime / 1000, runtime % 100 / 10, driver / 1000, driver % 100 / 10);
  cuda_describe_libraries(d->description + n, sizeof d->description - (size_t)n);
  return STATUS_OK;
}

static void cuda_close(device *) {}

static enum status cuda_alloc(device *, size_t n_bytes, void **out) {
  void *memory = NULL;
  const cudaError_t code = cudaMalloc(&memory, n_bytes);
  if (code == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError(); /* the next launch is not to find it */
    return FAIL(STATUS_NO_MEMORY, "the GPU cannot allocate %zu bytes", n_bytes);
  }
  TRY_RETURN(check(code, "allocating device memory"));
  cudaError_t zeroed = cudaMemset(memory, 0, n_bytes);
  if (zeroed == cudaSuccess) zeroed = cudaDeviceSynchronize(); /* our streams do not wait for the default one */
  if (zeroed != cudaSuccess) {
    (void)cudaFree(memory);
    return check(zeroed, "zeroing device memory");
  }
  *out = memory;
  return STATUS_OK;
}

/* Failures of earlier work show here too; the stream they belong to reports them. */
static void cuda_release(device *, void *memory) {
  (void)cudaDeviceSynchronize();
  (void)cudaFree(memory);
}

static enum status cuda_alloc_host(device *, size_t n_bytes, void **out) {
  void *memory = NULL;
  const cudaError_t code = cudaMallocHost(&memory, n_bytes);
  if (code == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    return FAIL(STATUS_NO_MEMORY, "cannot allocate %zu bytes of pinned memory", n_bytes);
  }
  TRY_RETURN(check(code, "allocating pinned memory"));
  *out = memset(memory, 0, n_bytes);
  return STATUS_OK;
}

static void cuda_release_host(device *, void *memory) {
  (void)cudaDeviceSynchronize();
  (void)cudaFreeHost(memory);
}

static enum status cuda_stream_open(stream *s) {
  cudaStream_t native = NULL;
  TRY_RETURN(check(cudaStreamCreateWithFlags(&native, cudaStreamNonBlocking), "creating a stream"));
  s->native = native;
  return STATUS_OK;
}

static void cuda_stream_close(stream *s) {
  (void)cudaStreamSynchronize((cudaStream_t)s->native);
  (void)cudaStreamDestroy((cudaStream_t)s->native);
}

static void cuda_copy(stream *s, void *to, const void *from, size_t n_bytes) {
  if (s->error != STATUS_OK) return;
  check_stream(s, cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyDefault, (cudaStream_t)s->native), "copying");
}

static enum status cuda_synchronize(stream *s) {
  return check(cudaStreamSynchronize((cudaStream_t)s->native), "waiting for a stream");
}

static enum status cuda_event_open(device *, event *e) {
  cudaEvent_t native = NULL;
  TRY_RETURN(check(cudaEventCreateWithFlags(&native, cudaEventDisableTiming), "creating an event"));
  e->native = native;
  return STATUS_OK;
}

static void cuda_event_close(event *e) { (void)cudaEventDestroy((cudaEvent_t)e->native); }

static void cuda_event_record(event *e, stream *s) {
  check_stream(s, cudaEventRecord((cudaEvent_t)e->native, (cudaStream_t)s->native), "recording an event");
}

static enum status cuda_event_wait(event *e) {
  return check(cudaEventSynchronize((cudaEvent_t)e->native), "waiting for an event");
}

static void cuda_stream_wait(stream *s, event *e) {
  check_stream(s, cudaStreamWaitEvent((cudaStream_t)s->native, (cudaEvent_t)e->native, 0), "waiting for an event");
}

static enum status cuda_record_begin(stream *s) {
  return check(cudaStreamBeginCapture((cudaStream_t)s->native, cudaStreamCaptureModeThreadLocal), "recording a stream");
}

static enum status cuda_record_end(stream *s, recording **out) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t executable = NULL;
  TRY_RETURN(check(cudaStreamEndCapture((cudaStream_t)s->native, &graph), "recording a stream"));
  const cudaError_t code = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  TRY_RETURN(check(code, "making a graph of a recording"));
  *out = (recording *)executable;
  return STATUS_OK;
}

static void cuda_replay(stream *s, recording *r) {
  check_stream(s, cudaGraphLaunch((cudaGraphExec_t)r, (cudaStream_t)s->native), "launching a recording");
}

static void cuda_recording_release(recording *r) { (void)cudaGraphExecDestroy((cudaGraphExec_t)r); }

static const device_ops cuda_ops = {
    .open = cuda_open,
    .close = cuda_close,
    .alloc = cuda_alloc,
    .release = cuda_release,
    .alloc_host = cuda_alloc_host,
    .release_host = cuda_release_host,
    .stream_open = cuda_stream_open,
    .stream_close = cuda_stream_close,
    .copy = cuda_copy,
    .launch = NULL,
    .synchronize = cuda_synchronize,
    .event_open = cuda_event_open,
    .event_close = cuda_event_close,
    .event_record = cuda_event_record,
    .event_wait = cuda_event_wait,
    .stream_wait = cuda_stream_wait,
    .record_begin = cuda_record_begin,
    .record_end = cuda_record_end,
    .replay = cuda_replay,
    .recording_release = cuda_recording_release,
};

extern "C" __attribute__((visibility("default"))) const cuda_table terse_cuda_table;
const cuda_table terse_cuda_table = {
    .abi = TERSE_CUDA_ABI,
    .ops = &cuda_ops,
    .vec = &vec_table,
    .indices = &index_table,
    .modulo = &modulo_table,
    .compressors = compressor_registry,
    .executor = &cuda_executor_ops,
    .device_count = cuda_count,
};
