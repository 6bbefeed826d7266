#include "tests/mpi/rig.h"

#include <stdio.h>
#include <string.h>

#include "tests/mpi/cases.h"

enum status rig_open(const rig_options *o, rig *out) {
  enum status status = STATUS_OK;
  void *images = NULL;
  *out = (rig){.m = o->m, .n_servers = o->n_servers};
  TRY(device_open(o->kind, &out->device));
  TRY(stream_open(out->device, &out->stream));
  TRY(device_alloc_host(out->device, (size_t)RIG_SLOTS * RIG_BOUND, &images));
  out->images = (unsigned char *)images;
  const comm_options options = {.n_workers = o->m,
                                .n_servers = o->n_servers,
                                .device = out->device,
                                .stream = out->stream,
                                .reduction = o->reduction,
                                .now_ns = case_now_ns,
                                .deadline_s = o->deadline_s > 0 ? o->deadline_s : 30,
                                .check_traffic = true};
  TRY(comm_create(&options, &out->comm));
  out->n_ranks = comm_n_ranks(out->comm);
exit:
  if (status != STATUS_OK) rig_close(out);
  return status;
}

void rig_close(rig *g) {
  comm_destroy(g->comm);
  if (g->device) device_release_host(g->device, g->images);
  stream_close(g->stream);
  device_close(g->device);
  *g = (rig){0};
}

uint32_t rig_body_bytes(int from, uint32_t salt) { return (uint32_t)(from * 52 + (int)salt * 28) % 101 * 4; }

unsigned char rig_byte(int from, uint32_t salt, uint32_t i) {
  uint32_t x = (uint32_t)from * 2654435761u ^ (salt + 1) * 2246822519u ^ (i + 1) * 3266489917u;
  x ^= x >> 15;
  return (unsigned char)(x * 668265263u >> 24);
}

static message_head head_of(int from, uint32_t salt) {
  return (message_head){.format = (uint16_t)salt,
                        .padding_bits = rig_body_bytes(from, salt) > 0 ? (uint16_t)(from % 8) : 0,
                        .n = 1000,
                        .count = (uint32_t)from,
                        .body_bytes = rig_body_bytes(from, salt)};
}

static uint32_t inner_bytes(int from, uint32_t salt) {
  return rig_body_bytes(from, salt) > 0 ? (uint32_t)(from % 3) : 0;
}

enum status rig_message(rig *g, int from, uint32_t salt, message **out) {
  const message_head head = head_of(from, salt);
  if (g->n_images == RIG_SLOTS) { /* once the bytes of all slots have gone, begin anew */
    TRY_RETURN(stream_synchronize(g->stream));
    g->n_images = 0;
  }
  TRY_RETURN(message_acquire(comm_pool(g->comm), RIG_BOUND, out));
  unsigned char *image = g->images + (size_t)g->n_images++ * RIG_BOUND;
  for (uint32_t i = 0; i < head.body_bytes; i++) image[i] = rig_byte(from, salt, i);
  stream_copy(g->stream, message_body(*out), image, head.body_bytes);
  (*out)->inner_bytes = inner_bytes(from, salt);
  (*out)->theory_bits = from + 0.5;
  if (g->device->kind == DEVICE_CPU || salt % 2 == 0) {
    message_seal(*out, g->stream, &head);
  } else { /* as an encoder that counts on the device: the host's head comes with the event */
    memcpy(image + rig_body_bytes(from, salt), &head, sizeof head);
    stream_copy(g->stream, (*out)->wire, image + rig_body_bytes(from, salt), sizeof head);
    stream_copy(g->stream, (*out)->head, (*out)->wire, sizeof head);
    event_record((*out)->ready, g->stream);
  }
  return STATUS_OK;
}

bool rig_is_message(rig *g, const message *m, int from, uint32_t salt) {
  unsigned char image[RIG_BOUND], right[RIG_BOUND];
  const message_head head = head_of(from, salt);
  const size_t n_bytes = sizeof head + head.body_bytes;
  if (!m) return false;
  memcpy(right, &head, sizeof head);
  for (uint32_t i = 0; i < head.body_bytes; i++) right[sizeof head + i] = rig_byte(from, salt, i);
  stream_copy(g->stream, image, m->wire, n_bytes);
  return stream_synchronize(g->stream) == STATUS_OK && memcmp(image, right, n_bytes) == 0 &&
         event_wait(m->ready) == STATUS_OK && memcmp(m->head, &head, sizeof head) == 0;
}

void rig_expect(rig *g, int sender, int from, uint32_t salt, enum direction d) {
  if (comm_rank_of(g->comm, sender) != comm_rank(g->comm)) return;
  const message_head head = head_of(from, salt);
  traffic_count *count = &g->expected[sender][d];
  count->messages++;
  count->wire_bytes += 16 + head.body_bytes;
  count->payload_bits += 8 * (uint64_t)(head.body_bytes - inner_bytes(from, salt)) - head.padding_bits;
  count->theory_bits += from + 0.5;
}

bool rig_account_agrees(rig *g) {
  uint64_t bytes[2] = {comm_mpi_bytes(g->comm), traffic_crossing_bytes(comm_traffic(g->comm))};
  bool agrees = comm_control_u64(g->comm, CONTROL_SUM, bytes, 2) == STATUS_OK && bytes[0] == g->expected_crossing &&
                bytes[1] == g->expected_crossing;
  for (int p = 0; p < g->m + g->n_servers; p++) {
    const traffic_count *count = traffic_of(comm_traffic(g->comm), p);
    for (int d = 0; d < N_DIRECTIONS; d++) {
      const traffic_count *right = &g->expected[p][d];
      agrees = agrees && count[d].messages == right->messages && count[d].wire_bytes == right->wire_bytes &&
               count[d].payload_bits == right->payload_bits && count[d].theory_bits == right->theory_bits;
    }
  }
  return agrees;
}
