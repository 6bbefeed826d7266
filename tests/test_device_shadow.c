#include <criterion/criterion.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "tests/device_lab.h"

static sigjmp_buf after_fault;

static void on_fault(int signal_number) {
  (void)signal_number;
  siglongjmp(after_fault, 1);
}

/* Whether the host crashes when it reads (or writes) the byte. */
static bool touching_crashes(volatile unsigned char *byte, bool write) {
  struct sigaction action = {.sa_handler = on_fault}, before;
  sigaction(SIGSEGV, &action, &before);
  volatile bool crashed = true;
  if (sigsetjmp(after_fault, 1) == 0) {
    if (write)
      *byte = 1;
    else
      (void)*byte;
    crashed = false;
  }
  sigaction(SIGSEGV, &before, NULL);
  return crashed;
}

Test(device_shadow, host_cannot_touch_device_memory) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  const float host[3] = {1, 2, 3};
  float *x = lab_floats(&lab, host, 3);
  cr_assert(touching_crashes((unsigned char *)x, false));
  cr_assert(touching_crashes((unsigned char *)x, true));
  vec_scale(lab.stream, x, 2.0f, 3);
  cr_assert(touching_crashes((unsigned char *)x, false));
  cr_assert_eq(stream_synchronize(lab.stream), STATUS_OK);
  cr_assert(touching_crashes((unsigned char *)x + 8, false), "still closed after work ran");
  cr_assert(touching_crashes((unsigned char *)lab.stream->fault, false));
  void *pinned = NULL;
  cr_assert_eq(device_alloc_host(lab.device, 8, &pinned), STATUS_OK);
  cr_assert(!touching_crashes(pinned, true), "host memory is the host's");
  device_release_host(lab.device, pinned);
  device_release(lab.device, x);
  lab_close(&lab);
}

Test(device_shadow, work_is_deferred) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  float source = 1.0f, seen = -1.0f, *x = lab_zeroed(&lab, sizeof *x);
  stream_copy(lab.stream, x, &source, sizeof source);
  vec_scale(lab.stream, x, 10.0f, 1);
  stream_copy(lab.stream, &seen, x, sizeof seen);
  cr_assert_eq(seen, -1.0f, "nothing has run yet");
  source = 7.0f; /* too early: the copy has not read it */
  cr_assert_eq(stream_synchronize(lab.stream), STATUS_OK);
  cr_assert_eq(seen, 70.0f, "a host buffer changed too early shows");
  device_release(lab.device, x);
  lab_close(&lab);
}

Test(device_shadow, an_event_waits_for_what_came_before_it) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  event *e = NULL, *never = NULL;
  cr_assert_eq(event_open(lab.device, &e), STATUS_OK);
  cr_assert_eq(event_open(lab.device, &never), STATUS_OK);
  stream *other = NULL;
  cr_assert_eq(stream_open(lab.device, &other), STATUS_OK);
  float *x = lab_zeroed(&lab, sizeof *x), first = -1.0f, second = -1.0f, elsewhere = -1.0f;
  vec_fill(lab.stream, x, 3.0f, 1);
  stream_copy(lab.stream, &first, x, sizeof first);
  event_record(e, lab.stream);
  stream_copy(lab.stream, &second, x, sizeof second);
  stream_copy(other, &elsewhere, x, sizeof elsewhere);
  cr_assert_eq(event_wait(never), STATUS_OK);
  cr_assert_eq(first, -1.0f);
  cr_assert_eq(event_wait(e), STATUS_OK);
  cr_assert(first == 3.0f && second == -1.0f && elsewhere == -1.0f);
  cr_assert_eq(event_wait(e), STATUS_OK, "an event stays happened");
  cr_assert_eq(second, -1.0f);
  event_record(e, other);
  cr_assert_eq(event_wait(e), STATUS_OK);
  cr_assert(elsewhere == 3.0f && second == -1.0f);
  event_record(e, lab.stream);
  stream_close(lab.stream);
  cr_assert_eq(second, 3.0f, "closing a stream waits");
  cr_assert_eq(event_wait(e), STATUS_OK, "its stream is gone, and that waited");
  stream_close(other);
  event_close(e);
  event_close(never);
  device_release(lab.device, x);
  device_close(lab.device);
}

/* Arguments are copied when a call is issued; memory released too early is released late. */
Test(device_shadow, releasing_waits) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  float *x = lab_zeroed(&lab, 4 * sizeof *x), seen[4] = {0}, scale = 2.0f;
  vec_fill(lab.stream, x, scale, 4);
  scale = 9.0f;
  stream_copy(lab.stream, seen, x, sizeof seen);
  device_release(lab.device, x);
  for (int i = 0; i < 4; i++) cr_assert_eq(seen[i], 2.0f);
  cr_assert(touching_crashes((unsigned char *)x, false), "released memory is gone");
  cr_assert_eq(stream_synchronize(lab.stream), STATUS_OK);
  lab_close(&lab);
}

/* What another stream does before an event happens before what comes after the wait, and the host waits for neither. */
Test(device_shadow, streams_wait_for_each_other) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  event *e = NULL;
  stream *other = NULL;
  cr_assert_eq(event_open(lab.device, &e), STATUS_OK);
  cr_assert_eq(stream_open(lab.device, &other), STATUS_OK);
  float *x = lab_zeroed(&lab, sizeof *x), seen = -1.0f;
  stream_wait(other, e); /* never recorded: it has happened */
  vec_fill(lab.stream, x, 3.0f, 1);
  event_record(e, lab.stream);
  vec_fill(lab.stream, x, 4.0f, 1);
  stream_wait(other, e);
  stream_copy(other, &seen, x, sizeof seen);
  cr_assert_eq(seen, -1.0f);
  cr_assert_eq(stream_synchronize(other), STATUS_OK);
  cr_assert_eq(seen, 3.0f);
  lab_read(&lab, &seen, x, sizeof seen);
  cr_assert_eq(seen, 4.0f);
  stream_close(other);
  event_close(e);
  device_release(lab.device, x);
  lab_close(&lab);
}

/* A recording runs nothing when it is made, and each replay reads memory as it then is. */
Test(device_shadow, recordings_are_issued_again) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  recording *r = NULL;
  float *x = lab_zeroed(&lab, sizeof *x), from = 1.0f, seen = -1.0f;
  cr_assert_eq(stream_record_begin(lab.stream), STATUS_OK);
  stream_copy(lab.stream, x, &from, sizeof from);
  vec_scale(lab.stream, x, 2.0f, 1);
  cr_assert_eq(stream_record_end(lab.stream, &r), STATUS_OK);
  lab_read(&lab, &seen, x, sizeof seen);
  cr_assert_eq(seen, 0.0f);
  for (from = 1.0f; from < 4.0f; from++) {
    stream_replay(lab.stream, r);
    vec_scale(lab.stream, x, 10.0f, 1);
    lab_read(&lab, &seen, x, sizeof seen);
    cr_assert_eq(seen, 20.0f * from);
  }
  recording_release(lab.device, r);
  recording_release(lab.device, NULL);
  device_release(lab.device, x);
  lab_close(&lab);
}
