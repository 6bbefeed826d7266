#include "core/device.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/kernel.h"
#include "tests/device_lab.h"

Test(device, memory_is_zeroed_and_aligned) {
  static unsigned char seen[100003];
  const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100003};
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      void *memory = NULL, *host = NULL;
      cr_assert_eq(device_alloc(lab.device, sizes[i], &memory), STATUS_OK);
      cr_assert_eq(device_alloc_host(lab.device, sizes[i], &host), STATUS_OK);
      cr_assert_eq((uintptr_t)memory % 64, 0);
      memset(seen, 1, sizes[i]);
      lab_read(&lab, seen, memory, sizes[i]);
      for (size_t j = 0; j < sizes[i]; j++) cr_assert(seen[j] == 0 && ((unsigned char *)host)[j] == 0);
      device_release(lab.device, memory);
      device_release_host(lab.device, host);
    }
    device_release(lab.device, NULL);
    device_release_host(lab.device, NULL);
    lab_close(&lab);
  }
  device_close(NULL);
  stream_close(NULL);
  event_close(NULL);
}

Test(device, too_much_memory_is_an_error) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    void *memory = &lab;
    float *x = (float *)&lab;
    cr_assert_eq(device_alloc(lab.device, SIZE_MAX, &memory), STATUS_NO_MEMORY);
    cr_assert_null(memory);
    cr_assert_eq(device_floats(lab.device, SIZE_MAX / 2, &x), STATUS_NO_MEMORY);
    cr_assert_null(x);
    cr_assert_eq(device_alloc_host(lab.device, SIZE_MAX - 5, &memory), STATUS_NO_MEMORY);
    cr_assert_null(memory);
    lab_close(&lab);
  }
}

typedef struct fault_args {
  uint32_t *fault;
  uint32_t bits;
} fault_args;
HD static inline void fault_one(const fault_args *p, size_t i) {
  (void)i;
  kernel_fault(p->fault, p->bits);
}
KERNEL(fault_all, fault_args, fault_one)

Test(device, faults_are_reported_once) {
  const struct {
    uint32_t bits;
    const char *words;
  } faults[] = {{FAULT_INDEX_RANGE, "beyond"}, {FAULT_INDEX_ORDER, "order"}, {FAULT_VALUE, "value"}};
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (size_t i = 0; i < 3; i++) {
      const fault_args given = {lab.stream->fault, faults[i].bits};
      cr_assert_eq(stream_check(lab.stream), STATUS_OK);
      fault_all(lab.stream, 3, given);
      cr_assert_eq(stream_check(lab.stream), STATUS_BAD_MESSAGE);
      cr_assert(strstr(status_detail(), faults[i].words), "%s", status_detail());
      cr_assert_eq(stream_synchronize(lab.stream), STATUS_OK);
    }
    lab_close(&lab);
  }
}

/* After a failure nothing more is issued, and every wait gives it. */
Test(device, errors_stick) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    const float one = 1.0f;
    float *x = lab_floats(&lab, &one, 1), seen = 0.0f;
    vec_scale(lab.stream, x, 3.0f, 1);
    lab.stream->error = STATUS_PEER;
    vec_scale(lab.stream, x, 5.0f, 1);
    stream_copy(lab.stream, x, &seen, sizeof seen);
    cr_assert_eq(stream_synchronize(lab.stream), STATUS_PEER);
    cr_assert_eq(stream_check(lab.stream), STATUS_PEER);
    stream *other = NULL;
    cr_assert_eq(stream_open(lab.device, &other), STATUS_OK);
    stream_copy(other, &seen, x, sizeof seen);
    cr_assert_eq(stream_synchronize(other), STATUS_OK);
    cr_assert_eq(seen, 3.0f);
    stream_close(other);
    device_release(lab.device, x);
    lab_close(&lab);
  }
}

Test(device, description_names_the_processor) {
  device_lab cpu = lab_open(DEVICE_CPU), shadow = lab_open(DEVICE_SHADOW);
  cr_assert_str_eq(cpu.device->name, "cpu");
  cr_assert_str_eq(shadow.device->name, "shadow");
  cr_assert(strlen(cpu.device->description) > 3);
  cr_assert(strstr(shadow.device->description, "shadow of "));
  cr_assert(!cpu.device->indices && !cpu.device->compressors, "the host's are used");
  lab_close(&shadow);
  lab_close(&cpu);
}

/* Without a GPU the reason is told; with one the device opens. */
Test(device, cuda_opens_or_says_why_not) {
  const char *reason = "";
  const int n = device_cuda_count(&reason);
  device *d = (device *)&reason;
  if (n == 0) {
    cr_assert_eq(strncmp(reason, "no CUDA device: ", 16), 0, "%s", reason);
    cr_assert_eq(device_open(DEVICE_CUDA, &d), STATUS_DEVICE);
    cr_assert_null(d);
  } else {
    cr_assert_eq(device_open(DEVICE_CUDA, &d), STATUS_OK, "%s", status_detail());
    cr_assert_eq(d->kind, DEVICE_CUDA);
    device_close(d);
  }
}
