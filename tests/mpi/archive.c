/* A run's state saved at one number of ranks and loaded at another: archive save|load FOLDER. */
#include <stdio.h>
#include <string.h>

#include "core/archive.h"
#include "core/rng.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/rig.h"

static float value_at(int worker, size_t i) { return rng_normal_at(rng_stream(1, RNG_TEST, worker, 0), i); }

/* The state of workers [first, first + n) and what they share. */
static int archive_sections(archive *a, const rig *g, int first, int n, float *device_data, uint32_t *host) {
  float values[1000];
  for (int w = first; w < first + n; w++) {
    const size_t n_floats = 200u * (unsigned)w + 3, n_words = (size_t)w;
    if (!archive_is_loading(a)) {
      for (size_t i = 0; i < n_floats; i++) values[i] = value_at(w, i);
      for (size_t i = 0; i < n_words; i++) host[i] = (uint32_t)(w * 100) + (uint32_t)i;
      stream_copy(g->stream, device_data, values, n_floats * sizeof *values);
      CASE_OK(stream_synchronize(g->stream));
    }
    CASE_OK(archive_floats(a, w, "residual", device_data, n_floats));
    CASE_OK(archive_bytes(a, w, "words", host, n_words * sizeof *host));
    stream_copy(g->stream, values, device_data, n_floats * sizeof *values);
    CASE_OK(stream_synchronize(g->stream));
    for (size_t i = 0; i < n_floats; i++) CASE_CHECK(values[i] == value_at(w, i));
    for (size_t i = 0; i < n_words; i++) CASE_CHECK(host[i] == (uint32_t)(w * 100) + (uint32_t)i);
  }
  uint64_t round = archive_is_loading(a) ? 0 : 77;
  CASE_OK(archive_bytes(a, ARCHIVE_SHARED, "round", &round, sizeof round));
  CASE_CHECK(round == 77);
  return 0;
}

static int archive_case(int argc, char **argv) {
  CASE_CHECK(argc == 2);
  rig g;
  archive *a = NULL;
  float *device_data = NULL;
  uint32_t host[8] = {0};
  CASE_OK(rig_open(&(rig_options){.kind = DEVICE_SHADOW, .m = 5}, &g));
  CASE_OK(device_floats(g.device, 1000, &device_data));
  const int first = comm_first_worker(g.comm), n_local = comm_n_local(g.comm), rank = comm_rank(g.comm);
  CASE_OK(archive_digest_begin(rank, g.stream, &a));
  if (archive_sections(a, &g, first, n_local, device_data, host)) return 1;
  uint64_t digest = archive_digest(a);
  CASE_OK(archive_end(a));
  CASE_OK(comm_control_u64(g.comm, CONTROL_SUM, &digest, 1));
  CASE_OK(archive_digest_begin(0, g.stream, &a)); /* as one rank alone would */
  if (archive_sections(a, &g, 0, 5, device_data, host)) return 1;
  CASE_CHECK(archive_digest(a) == digest);
  CASE_OK(archive_end(a));

  if (strcmp(argv[0], "save") == 0)
    CASE_OK(archive_save_begin(argv[1], rank, g.stream, &a));
  else
    CASE_OK(archive_load_begin(argv[1], g.stream, &a));
  if (archive_sections(a, &g, first, n_local, device_data, host)) return 1;
  CASE_OK(archive_end(a));
  CASE_OK(comm_control_u64(g.comm, CONTROL_MAX, NULL, 0));
  device_release(g.device, device_data);
  rig_close(&g);
  return 0;
}

const mpi_case archive_cases[] = {{"archive", archive_case}, {NULL, NULL}};
