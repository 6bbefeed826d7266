/* A comm on a device, and messages whose every byte follows from (sender, salt): what the cases of comm stand on. */
#ifndef TERSE_TESTS_MPI_RIG_H
#define TERSE_TESTS_MPI_RIG_H

#include <stdbool.h>

#include "core/comm.h"

enum { RIG_MAX_PARTICIPANTS = 12, RIG_BOUND = 16 + 400, RIG_SLOTS = 128 };

typedef struct rig {
  device *device;
  stream *stream;
  comm *comm;
  int m, n_servers, n_ranks;
  unsigned char *images; /* pinned: RIG_SLOTS wire images on their way to the device */
  int n_images;
  traffic_count expected[RIG_MAX_PARTICIPANTS][N_DIRECTIONS]; /* what local participants should have sent */
  uint64_t expected_crossing;                                 /* by all ranks */
} rig;

typedef struct rig_options {
  enum device_kind kind;
  int m, n_servers;
  enum reduction_order reduction;
  double deadline_s; /* 0: 30 */
} rig_options;

enum status rig_open(const rig_options *o, rig *out) WARN_UNUSED;
void rig_close(rig *g);

/* Bytes of the body (0 for some), and one of its bytes. */
uint32_t rig_body_bytes(int from, uint32_t salt);
unsigned char rig_byte(int from, uint32_t salt, uint32_t i);
/* A message as `from` would send it, its work issued but not waited for. */
enum status rig_message(rig *g, int from, uint32_t salt, message **out) WARN_UNUSED;
/* Waits for the device; true where the message is, in every byte, that of (from, salt). */
bool rig_is_message(rig *g, const message *m, int from, uint32_t salt);

/* Notes what the account should have: `sender` sends the message of (from, salt) once. */
void rig_expect(rig *g, int sender, int from, uint32_t salt, enum direction d);
/* Whether account and MPI's counters, the latter summed over ranks, have exactly what was noted. Collective. */
bool rig_account_agrees(rig *g);

#endif
