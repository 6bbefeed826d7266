/* A test device that is as unforgiving as a GPU, and needs none.
 *
 * Device memory is unreadable (PROT_NONE) except while queued work runs, so host code that touches it crashes. Copies
 * and launches are queued, arguments copied, and run only when the host waits (synchronize, event_wait) or where CUDA
 * would wait too (releasing memory, closing a stream); a host buffer is read when its copy runs, so one that was
 * changed or freed too early shows. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/device_internal.h"

/* Device memory, one mapping an allocation. */
typedef struct block {
  struct block *next;
  void *memory;
  size_t n_bytes;
} block;

/* What an event waits for: the first `issued` commands of a queue. Id 0: never recorded. */
typedef struct moment {
  uint64_t queue_id, issued;
} moment;

/* A launch, a copy (loop NULL), or a wait for another queue's moment (both NULL). */
typedef struct command {
  struct command *next;
  kernel_loop loop;
  void *to;
  const void *from;
  moment moment;
  size_t n; /* bytes of a copy, elements of a launch */
  size_t n_arguments;
  _Alignas(max_align_t) unsigned char arguments[];
} command;

typedef struct queue {
  struct queue *next;
  command *first, **last;
  uint64_t id, issued, done; /* commands */
  recording *recording;      /* takes what is issued; NULL: it is to run */
} queue;

struct recording {
  command *first, **last;
};

typedef struct shadow {
  block *blocks;
  queue *queues;
  uint64_t last_id;
} shadow;

static enum status protect_blocks(const shadow *d, int protection) {
  for (const block *b = d->blocks; b; b = b->next)
    if (mprotect(b->memory, b->n_bytes, protection) != 0)
      return FAIL(STATUS_DEVICE, "shadow device: mprotect of %zu bytes failed", b->n_bytes);
  return STATUS_OK;
}

static queue *queue_of(const shadow *d, uint64_t id) {
  queue *q = d->queues;
  while (q && q->id != id) q = q->next;
  return q;
}

/* Runs a queue up to its command number `until`, and others as far as it waits for them. */
static void run_commands(const shadow *d, queue *q, uint64_t until) {
  while (q->done < until) {
    command *c = q->first;
    if (c->loop)
      c->loop(c->arguments, c->n);
    else if (c->to)
      memcpy(c->to, c->from, c->n);
    queue *other = c->loop || c->to ? NULL : queue_of(d, c->moment.queue_id); /* a closed one has been waited for */
    if (other) run_commands(d, other, c->moment.issued);
    q->first = c->next;
    if (!q->first) q->last = &q->first;
    q->done++;
    free(c);
  }
}

static enum status run_queue(const shadow *d, queue *q, uint64_t until) {
  if (q->done >= until) return STATUS_OK;
  TRY_RETURN(protect_blocks(d, PROT_READ | PROT_WRITE));
  run_commands(d, q, until);
  return protect_blocks(d, PROT_NONE);
}

static void run_all(const shadow *d) {
  for (queue *q = d->queues; q; q = q->next)
    if (run_queue(d, q, q->issued) != STATUS_OK) return; /* recorded; the streams' owners meet it when they wait */
}

static enum status shadow_open(device *d) {
  char cpu[64];
  d->name = "shadow";
  device_describe_cpu(cpu, sizeof cpu);
  snprintf(d->description, sizeof d->description, "shadow of %s", cpu);
  d->native = calloc(1, sizeof(shadow));
  return d->native ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "cannot allocate a shadow device");
}

static void shadow_close(device *d) { free(d->native); }

static enum status shadow_alloc(device *d, size_t n_bytes, void **out) {
  shadow *native = (shadow *)d->native;
  block *b = (block *)malloc(sizeof *b);
  void *memory = b ? mmap(NULL, n_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
  if (memory == MAP_FAILED) {
    free(b);
    return FAIL(STATUS_NO_MEMORY, "cannot allocate %zu bytes", n_bytes);
  }
  *b = (block){.next = native->blocks, .memory = memory, .n_bytes = n_bytes};
  native->blocks = b;
  *out = memory;
  return STATUS_OK;
}

static void shadow_release(device *d, void *memory) {
  shadow *native = (shadow *)d->native;
  run_all(native);
  block **link = &native->blocks;
  while (*link && (*link)->memory != memory) link = &(*link)->next;
  block *b = *link;
  if (!b) return; /* not this device's: left mapped, as cudaFree leaves it */
  *link = b->next;
  munmap(b->memory, b->n_bytes);
  free(b);
}

static enum status shadow_alloc_host(device *d, size_t n_bytes, void **out) {
  (void)d;
  *out = device_zeroed(n_bytes);
  return *out ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "cannot allocate %zu bytes", n_bytes);
}

static void shadow_release_host(device *d, void *memory) {
  run_all((const shadow *)d->native);
  free(memory);
}

static enum status shadow_stream_open(stream *s) {
  shadow *native = (shadow *)s->device->native;
  queue *q = (queue *)calloc(1, sizeof *q);
  if (!q) return FAIL(STATUS_NO_MEMORY, "cannot allocate a stream");
  q->id = ++native->last_id;
  q->last = &q->first;
  q->next = native->queues;
  native->queues = q;
  s->native = q;
  return STATUS_OK;
}

static void shadow_stream_close(stream *s) {
  shadow *native = (shadow *)s->device->native;
  queue *q = (queue *)s->native;
  run_all(native);
  queue **link = &native->queues;
  while (*link != q) link = &(*link)->next;
  *link = q->next;
  while (q->first) { /* only where memory could not be opened */
    command *c = q->first;
    q->first = c->next;
    free(c);
  }
  free(q);
}

static void issue(stream *s, const command *what, const void *a, size_t a_bytes) {
  queue *q = (queue *)s->native;
  if (s->error != STATUS_OK) return;
  command *c = (command *)malloc(sizeof *c + a_bytes);
  if (!c) {
    s->error = FAIL(STATUS_NO_MEMORY, "cannot allocate a command");
    return;
  }
  *c = *what;
  c->next = NULL;
  c->n_arguments = a_bytes;
  if (a_bytes > 0) memcpy(c->arguments, a, a_bytes);
  command ***last = q->recording ? &q->recording->last : &q->last;
  **last = c;
  *last = &c->next;
  q->issued += !q->recording;
}

static void shadow_copy(stream *s, void *to, const void *from, size_t n_bytes) {
  const command c = {.to = to, .from = from, .n = n_bytes};
  issue(s, &c, NULL, 0);
}

static void shadow_launch(stream *s, kernel_loop loop, const void *a, size_t a_bytes, size_t n) {
  const command c = {.loop = loop, .n = n};
  issue(s, &c, a, a_bytes);
}

static enum status shadow_synchronize(stream *s) {
  queue *q = (queue *)s->native;
  return run_queue((const shadow *)s->device->native, q, q->issued);
}

static enum status shadow_event_open(device *d, event *e) {
  (void)d;
  e->native = calloc(1, sizeof(moment));
  return e->native ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "cannot allocate an event");
}

static void shadow_event_close(event *e) { free(e->native); }

static void shadow_event_record(event *e, stream *s) {
  const queue *q = (const queue *)s->native;
  *(moment *)e->native = (moment){.queue_id = q->id, .issued = q->issued};
}

static enum status shadow_event_wait(event *e) {
  const shadow *d = (const shadow *)e->device->native;
  const moment *m = (const moment *)e->native;
  queue *q = queue_of(d, m->queue_id);
  return q ? run_queue(d, q, m->issued) : STATUS_OK; /* never recorded, or its stream is closed, and that waited */
}

static void shadow_stream_wait(stream *s, event *e) {
  const command c = {.moment = *(const moment *)e->native};
  issue(s, &c, NULL, 0);
}

static enum status shadow_record_begin(stream *s) {
  queue *q = (queue *)s->native;
  recording *r = (recording *)calloc(1, sizeof *r);
  if (!r) return FAIL(STATUS_NO_MEMORY, "cannot allocate a recording");
  r->last = &r->first;
  q->recording = r;
  return STATUS_OK;
}

static enum status shadow_record_end(stream *s, recording **out) {
  queue *q = (queue *)s->native;
  *out = q->recording;
  q->recording = NULL;
  return STATUS_OK;
}

static void shadow_replay(stream *s, recording *r) {
  for (const command *c = r->first; c; c = c->next) issue(s, c, c->arguments, c->n_arguments);
}

static void shadow_recording_release(recording *r) {
  for (command *c = r->first, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(r);
}

const device_ops device_shadow_ops = {
    .open = shadow_open,
    .close = shadow_close,
    .alloc = shadow_alloc,
    .release = shadow_release,
    .alloc_host = shadow_alloc_host,
    .release_host = shadow_release_host,
    .stream_open = shadow_stream_open,
    .stream_close = shadow_stream_close,
    .copy = shadow_copy,
    .launch = shadow_launch,
    .synchronize = shadow_synchronize,
    .event_open = shadow_event_open,
    .event_close = shadow_event_close,
    .event_record = shadow_event_record,
    .event_wait = shadow_event_wait,
    .stream_wait = shadow_stream_wait,
    .record_begin = shadow_record_begin,
    .record_end = shadow_record_end,
    .replay = shadow_replay,
    .recording_release = shadow_recording_release,
};
