/* What the files of comm share, and what stays out of comm.h: MPI.
 *
 * comm.c life cycle and topology; comm_wait.c transfers in flight, deadlines and diagnosis; comm_exchange.c all-gather,
 * gather and the steps all exchanges have in common; comm_broadcast.c, comm_transfer.c, comm_reduce.c the rest;
 * comm_control.c the control channel; comm_profile.c MPI's side of the count of bytes. */
#ifndef TERSE_CORE_COMM_STATE_H
#define TERSE_CORE_COMM_STATE_H

#include <mpi.h>

#include "core/comm.h"

/* What a rank can be in, as its tags say. The first N_OPERATIONS are the operations of traffic.h. */
enum call_kind { CALL_CONTROL = N_OPERATIONS, CALL_PROBE_SUM, CALL_COLLECT, CALL_NOTICE, N_CALL_KINDS = 16 };

/* One MPI transfer under way. */
typedef struct flight {
  MPI_Comm channel;
  int rank;        /* the other end; -1: all ranks together */
  int participant; /* whose message it is, for the words of an error */
  bool is_receive;
  size_t capacity;  /* bytes sent, or the most that may come */
  size_t *received; /* bytes that came; NULL: exactly `capacity` must come */
} flight;

/* One message on its way to or from another rank. */
typedef struct parcel {
  int rank;
  int from;   /* the sending participant */
  message *m; /* given by the sender; acquired for the receiver */
  size_t n_bytes;
} parcel;

/* Memory of the ordered all-reduce; grown, never shrunk. */
typedef struct reduce_memory {
  float *parts;       /* device: remote workers' chunks of this rank's region */
  float *host_send;   /* pinned, where device memory is not the host's: local contributions */
  float *host_parts;  /* pinned: parts as they arrive */
  float *host_result; /* pinned: the result on its way */
  size_t n_parts, n_host_send, n_host_parts, n_host_result;
} reduce_memory;

enum { NOTICE_BYTES = 512 };

/* What the relays of a tree have to know of a message and its wire image does not say. */
typedef struct relay_note {
  uint64_t inner_bytes;
  double theory_bits;
} relay_note;

struct comm {
  comm_options options;
  device *device;
  stream *stream;
  bool is_host; /* device memory is the host's */
  int rank, n_ranks, n_workers, n_participants;
  int *rank_of;      /* [participant] */
  int *first_worker; /* [rank], and n_workers at the end */
  MPI_Comm data, control, signals;
  uint64_t n_sequences; /* how many sequence numbers fit a tag */
  uint64_t mpi_bytes;   /* counted by comm_profile.c on `data` */
  traffic *traffic;
  message_pool *pool;
  event *staged; /* recorded after the last copy between device and pinned memory */

  /* The call under way. */
  enum call_kind call;
  uint64_t sequence; /* of calls since the start, the same on all ranks */
  int tag;
  uint64_t begun_ns;
  uint64_t suspected_ns; /* since when a later call's message has been there and nothing else has come; 0: it has not */
  uint64_t mpi_bytes_before, crossing_before;
  bool failed; /* for good: ranks are out of step */
  bool closed; /* and what was in flight has been given up */

  flight *flights;
  MPI_Request *requests;
  MPI_Status *statuses;
  int *completed;
  int n_flights, flight_capacity;

  message **held; /* handed over or received since the last release */
  size_t n_held, held_capacity;
  parcel *sends, *receives;
  size_t n_sends, n_receives, send_capacity, receive_capacity;
  uint32_t *words; /* scratch of comm_transfer */
  size_t n_words;
  reduce_memory reduce;
  exchange *collected; /* comm_collect_exchanges */
  size_t n_collected;
  relay_note relay;
  char notice[NOTICE_BYTES];
};

/* comm_wait.c */

/* A failure of the call under way, e.g. "allgather #5: …". */
#define CALL_FAIL(c, code, format, ...) \
  FAIL((code), "%s #%llu: " format, call_name((int)(c)->call), (unsigned long long)(c)->sequence, ##__VA_ARGS__)

/* "allgather", "control", …; for any number. */
const char *call_name(int kind);
/* "worker 3" or "server 0". */
typedef struct words {
  char text[64];
} words;
words describe_participant(const comm *c, int participant);

/* Begins a call: the next sequence number, its tag and deadline. STATUS_PEER where an earlier call has failed. */
enum status call_begin(comm *c, enum call_kind kind) WARN_UNUSED;
/* Ends it with its result, which it gives back. After a failure it gives up what is in flight and tells the other
 * ranks; from then on every call fails. */
enum status call_end(comm *c, enum status result) WARN_UNUSED;
/* Non-blocking transfers under the call's tag; buffers stay untouched until flights_wait has returned. */
enum status flight_send(comm *c, MPI_Comm channel, const void *data, size_t n_bytes, int rank,
                        int participant) WARN_UNUSED;
enum status flight_receive(comm *c, MPI_Comm channel, void *data, size_t capacity, int rank, int participant,
                           size_t *received) WARN_UNUSED;
/* Room for one more request, which the caller starts itself (an MPI collective): to be put into *request at once. */
enum status flight_collective(comm *c, MPI_Request **request) WARN_UNUSED;
/* Waits for all of them, at most until the call's deadline. */
enum status flights_wait(comm *c) WARN_UNUSED;
/* Where a notice of failure is still on its way, gives it a moment, then lets go of it. */
void flights_settle(comm *c);

/* comm_exchange.c */

bool is_local(const comm *c, int participant);
/* Begins an exchange: a call with an account. */
enum status exchange_begin(comm *c, enum operation o, const char *algorithm, int participants) WARN_UNUSED;
/* Ends it with its result, which it gives back: closes the account and, where asked for, holds it against MPI's counter
 * (`is_exact`: they must agree). A failure is passed to call_end. */
enum status exchange_end(comm *c, enum status result, bool is_exact) WARN_UNUSED;
/* Adds one message of a participant to the account. */
void account_message(comm *c, int participant, enum direction d, const message *m);
/* Takes a message over until comm_release (once, however often it is handed over). */
enum status message_hold(comm *c, message *m) WARN_UNUSED;
/* The same for what a local participant sends: waits until the host knows its size and holds it against the bound. */
enum status message_take(comm *c, int participant, message *m, size_t bound) WARN_UNUSED;
/* Notes a message that goes to another rank, or is to come from one, in the next parcels_move. */
enum status parcel_send(comm *c, int rank, int from, message *m) WARN_UNUSED;
enum status parcel_receive(comm *c, int rank, int from, size_t bound) WARN_UNUSED;
/* Moves all noted parcels, together with whatever else is in flight; checks the heads of what came and puts it on the
 * device. Between two ranks parcels arrive in the order in which they were noted. c->receives[i].m are the messages. */
enum status parcels_move(comm *c) WARN_UNUSED;

/* *array, of elements of `size` bytes, holds at least `needed` afterwards. */
enum status array_grow(void *array, size_t *capacity, size_t needed, size_t size) WARN_UNUSED;

/* comm_reduce.c */
void reduce_release(comm *c);

/* comm_profile.c */

/* From now on MPI counts the bytes sent on `channel` into *counter, which outlives the channel. */
enum status profile_attach(MPI_Comm channel, uint64_t *counter) WARN_UNUSED;
/* The same for what is read and written through a window. */
enum status profile_attach_window(MPI_Win window, uint64_t *counter) WARN_UNUSED;
/* STATUS_PEER naming what was tried and MPI's reason, unless `code` is MPI_SUCCESS. */
enum status mpi_check(int code, const char *what) WARN_UNUSED;

#endif
