/* The CUDA side: that the library is whole wherever it was built, and, where there is a GPU, that it gives the CPU's bits. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/compressor_checks.h"
#include "tests/device_lab.h"

TestSuite(cuda, .timeout = 300);

enum { N = 100003 };

#define SKIP_WITHOUT_GPU()                                       \
  do {                                                           \
    const char *reason = "";                                     \
    if (device_cuda_count(&reason) == 0) cr_skip_test("%s", reason); \
  } while (0)

/* Undefined symbols or another layout of the table would show here, with no GPU at all. */
Test(cuda, the_library_is_whole) {
  char path[4096] = "";
  cr_assert_gt(readlink("/proc/self/exe", path, sizeof path - sizeof "/libterse_cuda.so"), 0);
  strcat(dirname(path), "/libterse_cuda.so");
  if (access(path, R_OK) != 0) cr_skip_test("built without nvcc: there is no libterse_cuda.so");
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  cr_assert(library, "%s", dlerror());
  const cuda_table *table = dlsym(library, "terse_cuda_table");
  cr_assert(table, "it exports no terse_cuda_table");
  cr_assert_eq(table->abi, TERSE_CUDA_ABI);
  cr_assert(table->ops && table->vec && table->indices && table->modulo && table->compressors && table->device_count);
  size_t n_host = 0, n_cuda = 0;
  while (compressor_registry[n_host]) n_host++;
  while (table->compressors[n_cuda]) n_cuda++;
  cr_assert_eq(n_cuda, n_host, "%zu compressors in the library, %zu in the program", n_cuda, n_host);
  cr_assert_neq(table->compressors[0], compressor_registry[0], "the library resolves to the program's own compressors");
}

/* The reductions, the selection and an update on one device; the results' bytes go to `out`. */
typedef struct results {
  double sums[REDUCE_NONFINITE + 1];
  float y[N];
  uint32_t index[N / 100];
  float value[N / 100];
} results;

static void compute(enum device_kind kind, const float *x, results *out) {
  device_lab lab = lab_open(kind);
  float *dx = lab_floats(&lab, x, N), *dy = lab_floats(&lab, x, N), *m = lab_zeroed(&lab, N * sizeof *m);
  double *sum = lab_zeroed(&lab, sizeof *sum);
  void *scratch = lab_scratch(&lab, N);
  sparse s;
  cr_assert_eq(sparse_alloc(lab.device, N / 100, &s), STATUS_OK);
  for (int what = 0; what <= REDUCE_NONFINITE; what++) {
    vec_reduce(lab.stream, what, dx, dy, N, sum, scratch);
    lab_read(&lab, &out->sums[what], sum, sizeof *sum);
  }
  vec_axpy(lab.stream, 0.3f, dx, dy, N);
  vec_momentum_step(lab.stream, dy, dx, m, N, 0.1f, 0.9f, 1e-4f);
  vec_select_k(lab.stream, dy, N, N / 100, &s, scratch);
  vec_scatter_add(lab.stream, 0.7f, &s, dy, N);
  lab_read(&lab, out->y, dy, sizeof out->y);
  lab_read_sparse(&lab, &s, out->index, out->value);
  sparse_release(lab.device, &s);
  device_release(lab.device, scratch);
  device_release(lab.device, sum);
  device_release(lab.device, m);
  device_release(lab.device, dy);
  device_release(lab.device, dx);
  lab_close(&lab);
}

Test(cuda, vectors_have_the_bits_of_the_cpu) {
  SKIP_WITHOUT_GPU();
  float *x = malloc(N * sizeof *x);
  results *cpu = calloc(1, sizeof *cpu), *cuda = calloc(1, sizeof *cuda);
  cr_assert(x && cpu && cuda);
  for (int kind = 0; kind < LAB_MIXED; kind++) { /* NaN payloads are no contract */
    lab_fill(kind, 7, x, N);
    compute(DEVICE_CPU, x, cpu);
    compute(DEVICE_CUDA, x, cuda);
    cr_expect_arr_eq(cpu->sums, cuda->sums, sizeof cpu->sums, "sums of vector %d", kind);
    cr_expect_arr_eq(cpu->y, cuda->y, sizeof cpu->y, "updates of vector %d", kind);
    cr_expect_arr_eq(cpu->index, cuda->index, sizeof cpu->index, "selection of vector %d", kind);
    cr_expect_arr_eq(cpu->value, cuda->value, sizeof cpu->value, "selected values of vector %d", kind);
  }
  free(cuda);
  free(cpu);
  free(x);
}

static size_t wire_image(const subject_options *o, const float *x, unsigned char **out) {
  subject s;
  cr_assert_eq(subject_open(o, &s), STATUS_OK, "%s: %s", o->name, status_detail());
  cr_assert(subject_encode(&s, 3, 1, x), "%s: %s", o->name, s.reason);
  cr_assert_eq(stream_synchronize(s.stream), STATUS_OK);
  const size_t n = message_wire_bytes(&s.message);
  *out = malloc(n);
  cr_assert(*out);
  download(&s, *out, s.message.wire, n);
  subject_close(&s);
  return n;
}

Test(cuda, compressors_write_the_bytes_of_the_cpu) {
  SKIP_WITHOUT_GPU();
  float *x = malloc(N * sizeof *x);
  cr_assert(x);
  for (int c = 0; compressor_registry[c]; c++)
    for (int kind = 0; kind < N_VECTORS; kind++) {
      subject_options o = {.device = DEVICE_CPU, .name = compressor_registry[c]->name, .indices = INDEX_PACKED, .n = N};
      unsigned char *cpu = NULL, *cuda = NULL;
      vector_fill(kind, 5, x, N);
      const size_t n_cpu = wire_image(&o, x, &cpu);
      o.device = DEVICE_CUDA;
      const size_t n_cuda = wire_image(&o, x, &cuda);
      cr_expect(n_cpu == n_cuda && memcmp(cpu, cuda, n_cpu) == 0, "%s, vector %d", o.name, kind);
      free(cuda);
      free(cpu);
    }
  free(x);
}

Test(cuda, compressors_conform) {
  SKIP_WITHOUT_GPU();
  for (int c = 0; compressor_registry[c]; c++)
    for (int layered = 0; layered < 2; layered++) {
      const subject_options o = {.device = DEVICE_CUDA, .name = compressor_registry[c]->name,
                                 .scope = layered ? SCOPE_LAYER : SCOPE_GLOBAL, .n = 4097};
      subject s;
      cr_assert_eq(subject_open(&o, &s), STATUS_OK, "%s: %s", o.name, status_detail());
      cr_expect(check_round_trip(&s) && check_account(&s) && check_feedback(&s) && check_draws(&s) &&
                    check_special_values(&s) && check_hostile_bytes(&s, 50),
                "%s: %s", o.name, s.reason);
      subject_close(&s);
    }
}
