#include "runner/bench_topk.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/rng.h"
#include "core/statistics.h"
#include "core/vec.h"
#include "runner/bench_serve.h"
#include "runner/clock.h"

typedef struct subject {
  device *device;
  stream *stream;
  size_t n, k;
  float *x;
  sparse selected;
  void *scratch;
} subject;

static enum status open_subject(size_t n, subject *s) {
  s->n = n;
  s->k = n / 100 > 1 ? n / 100 : 1;
  TRY_RETURN(device_open(DEVICE_CPU, &s->device));
  TRY_RETURN(stream_open(s->device, &s->stream));
  TRY_RETURN(device_floats(s->device, n, &s->x));
  TRY_RETURN(sparse_alloc(s->device, s->k, &s->selected));
  TRY_RETURN(device_alloc(s->device, vec_scratch_bytes(n), &s->scratch));
  const rng_key key = rng_stream(1, RNG_DATA, -1, 0);
  for (size_t i = 0; i < n; i++) s->x[i] = rng_normal_at(key, i); /* the CPU's device memory is the host's */
  return STATUS_OK;
}

static void close_subject(subject *s) {
  if (s->device) {
    device_release(s->device, s->x);
    sparse_release(s->device, &s->selected);
    device_release(s->device, s->scratch);
  }
  stream_close(s->stream);
  device_close(s->device);
}

static enum status take_sample(subject *s, double *ns) {
  const uint64_t begin = clock_cpu_ns();
  vec_select_k(s->stream, s->x, s->n, s->k, &s->selected, s->scratch);
  TRY_RETURN(stream_synchronize(s->stream));
  *ns = (double)(clock_cpu_ns() - begin);
  return STATUS_OK;
}

/* With a checksum of the indices, by which a peer sees that the selection is the right one. */
static enum status answer(void *context) {
  subject *s = (subject *)context;
  double ns;
  TRY_RETURN(take_sample(s, &ns));
  const uLong sum = crc32_z(0, (const Bytef *)s->selected.index, *s->selected.count * sizeof *s->selected.index);
  printf("{\"select_ns\":%.0f,\"count\":%u,\"indices_crc32\":%lu}\n", ns, *s->selected.count, sum);
  return STATUS_OK;
}

static enum status print_table(subject *s, int n_samples) {
  enum status status = STATUS_OK;
  double *ns = malloc((size_t)n_samples * sizeof *ns);
  if (!ns) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the benchmark"));
  for (int i = 0; i < n_samples; i++) TRY(take_sample(s, &ns[i]));
  printf("the %zu largest of %zu magnitudes: median of %d, CPU time: %.3f ms\n", s->k, s->n, n_samples,
         median(ns, (size_t)n_samples) / 1e6);
exit:
  free(ns);
  return status;
}

enum status bench_topk(const bench_topk_options *o) {
  enum status status = STATUS_OK;
  subject s = {.n = 0};
  double warm_up_ns;
  TRY(open_subject(o->n, &s));
  TRY(take_sample(&s, &warm_up_ns));
  if (o->serve)
    TRY(bench_serve(answer, &s));
  else
    TRY(print_table(&s, o->n_samples));
exit:
  close_subject(&s);
  return status;
}
