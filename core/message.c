/* Messages and their pool. On the CPU head, wire image and host image are one buffer; on any other device the image
 * lies in device memory and head and host image are pinned. */
#include "core/message.h"

#include <stdlib.h>
#include <string.h>

/* A message as its pool knows it; `m` comes first, so that a message's address is its entry's. */
typedef struct entry {
  message m;
  unsigned char *image; /* message_host_image; NULL until asked for */
  bool in_use;
} entry;

struct message_pool {
  device *device;
  entry **entries;
  size_t n, capacity;
};

/* Only the CPU's device memory is the host's. */
static bool is_host(const message_pool *p) { return p->device->kind == DEVICE_CPU; }

void message_seal(message *m, stream *s, const message_head *head) {
  *m->head = *head;
  if ((void *)m->head != (void *)m->wire) stream_copy(s, m->wire, m->head, sizeof *head);
  event_record(m->ready, s);
}

enum status message_pool_create(device *d, message_pool **out) {
  *out = (message_pool *)calloc(1, sizeof **out);
  if (!*out) return FAIL(STATUS_NO_MEMORY, "cannot allocate a pool of messages");
  (*out)->device = d;
  return STATUS_OK;
}

static void entry_destroy(message_pool *p, entry *e) {
  if (!e) return;
  event_close(e->m.ready);
  if (!is_host(p)) {
    device_release_host(p->device, e->image);
    device_release_host(p->device, e->m.head);
  }
  device_release(p->device, e->m.wire);
  free(e);
}

void message_pool_destroy(message_pool *p) {
  if (!p) return;
  for (size_t i = 0; i < p->n; i++) entry_destroy(p, p->entries[i]);
  free(p->entries);
  free(p);
}

static enum status entry_create(message_pool *p, size_t capacity, entry **out) {
  enum status status = STATUS_OK;
  void *memory = NULL;
  entry *e = (entry *)calloc(1, sizeof *e);
  if (!e) return FAIL(STATUS_NO_MEMORY, "cannot allocate a message");
  TRY(device_alloc(p->device, capacity, &memory));
  e->m.wire = (unsigned char *)memory;
  e->m.capacity = capacity;
  if (is_host(p)) {
    e->m.head = (message_head *)memory;
    e->image = e->m.wire;
  } else {
    TRY(device_alloc_host(p->device, sizeof *e->m.head, &memory));
    e->m.head = (message_head *)memory;
  }
  TRY(event_open(p->device, &e->m.ready));
  *out = e;
  return STATUS_OK;
exit:
  entry_destroy(p, e);
  return status;
}

/* The smallest free message that is large enough, or NULL. */
static entry *find_free(const message_pool *p, size_t capacity) {
  entry *best = NULL;
  for (size_t i = 0; i < p->n; i++) {
    entry *e = p->entries[i];
    if (!e->in_use && e->m.capacity >= capacity && (!best || e->m.capacity < best->m.capacity)) best = e;
  }
  return best;
}

enum status message_acquire(message_pool *p, size_t capacity, message **out) {
  *out = NULL;
  if (capacity < sizeof(message_head)) capacity = sizeof(message_head);
  entry *e = find_free(p, capacity);
  if (!e) {
    if (p->n == p->capacity) {
      const size_t grown = p->capacity ? 2 * p->capacity : 16;
      entry **entries = (entry **)realloc(p->entries, grown * sizeof *entries);
      if (!entries) return FAIL(STATUS_NO_MEMORY, "cannot allocate a pool of %zu messages", grown);
      p->entries = entries;
      p->capacity = grown;
    }
    TRY_RETURN(entry_create(p, capacity, &e));
    p->entries[p->n++] = e;
  }
  /* Copies from the last use's host memory may still be under way; they came before `ready`. */
  TRY_RETURN(event_wait(e->m.ready));
  memset(e->m.head, 0, sizeof *e->m.head);
  e->m.inner_bytes = 0;
  e->m.theory_bits = e->m.theory_bits_per_entry = 0;
  e->in_use = true;
  *out = &e->m;
  return STATUS_OK;
}

void message_give_back(message_pool *p, message *m) {
  (void)p;
  if (m) ((entry *)m)->in_use = false;
}

size_t message_pool_size(const message_pool *p) { return p->n; }

enum status message_host_image(message_pool *p, message *m, unsigned char **out) {
  entry *e = (entry *)m;
  *out = NULL;
  if (!e->image) {
    void *memory = NULL;
    TRY_RETURN(device_alloc_host(p->device, m->capacity, &memory));
    e->image = (unsigned char *)memory;
  }
  *out = e->image;
  return STATUS_OK;
}
