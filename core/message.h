/* A message: what one worker encodes for others. Its wire image is a 16-byte head and a body, contiguous.
 *
 * The image lies in device memory; `head` is its copy in pinned host memory, valid once `ready` has happened (on the
 * CPU both are the same bytes). A message belongs to whoever acquired it until it is handed to an exchange, and to comm
 * until comm_release. Encoders neither allocate nor wait; a pool allocates only until it has seen every size. */
#ifndef TERSE_CORE_MESSAGE_H
#define TERSE_CORE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct message_head {
  uint16_t format;       /* which pipeline wrote it: the low 16 bits of a hash of its description */
  uint16_t padding_bits; /* unused bits in the body, all parts together */
  uint32_t n;            /* dense elements it stands for */
  uint32_t count;        /* entries carried; n for dense messages */
  uint32_t body_bytes;
} message_head;
STATIC_ASSERT(sizeof(message_head) == 16, "the head is 16 bytes on the wire");

typedef struct message {
  message_head *head;           /* pinned host memory; valid once `ready` has happened */
  unsigned char *wire;          /* device memory: head, then body */
  size_t capacity;              /* bytes of `wire` */
  event *ready;                 /* recorded by the encoder after its last call */
  uint32_t inner_bytes;         /* bytes of the body that frame its parts (scope layer and bucket) */
  double theory_bits;           /* the paper's own formula for this message: message_theory_bits */
  double theory_bits_per_entry; /* to be added for each entry, where only the device knows how many there are */
} message;

/* Device memory of the body. */
static inline unsigned char *message_body(const message *m) { return m->wire + sizeof(message_head); }

/* The three counts. wire_bytes: head and body. payload_bits: what the encoder needed: body without padding and framing.
 * Declared overhead: head, framing and padding; 8 wire_bytes == payload_bits + overhead_bits always. */
static inline uint64_t message_wire_bytes(const message *m) { return sizeof(message_head) + m->head->body_bytes; }
static inline uint64_t message_overhead_bits(const message *m) {
  return 8 * (sizeof(message_head) + (uint64_t)m->inner_bytes) + m->head->padding_bits;
}
static inline uint64_t message_payload_bits(const message *m) {
  return 8 * message_wire_bytes(m) - message_overhead_bits(m);
}
static inline double message_theory_bits(const message *m) {
  return m->theory_bits + m->theory_bits_per_entry * (double)m->head->count;
}

/* Ends an encoding whose sizes the host knows: writes the head to both places and records `ready` on the stream. (An
 * encoder that counts on the device writes the wire's head there, copies it to `head` and records `ready` itself.) */
void message_seal(message *m, stream *s, const message_head *head);

/* A pool of messages on one device. Buffers are reused: acquire allocates only where none free is large enough. */
typedef struct message_pool message_pool;
enum status message_pool_create(device *d, message_pool **out) WARN_UNUSED;
/* Releases every message, those in use too. NULL is ignored. */
void message_pool_destroy(message_pool *p);
/* A message with at least `capacity` bytes of wire image; head, inner_bytes and the theory's bits are zero. */
enum status message_acquire(message_pool *p, size_t capacity, message **out) WARN_UNUSED;
/* The message may be acquired anew: what was issued on it before runs, on the same stream, before the new owner's. */
void message_give_back(message_pool *p, message *m);
/* Messages the pool has made so far, free and in use. */
size_t message_pool_size(const message_pool *p);

/* Host memory for the whole wire image on its way over MPI: on the CPU the image itself; elsewhere pinned memory of
 * `capacity` bytes, made at the first call and kept with the message. The caller copies between it and `wire`. */
enum status message_host_image(message_pool *p, message *m, unsigned char **out) WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif
