/* What comm does when a peer fails: always an end with STATUS_PEER and names, soon, and never a hang. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/rig.h"

/* One call of each kind. */
enum call { ALLGATHER, ALLREDUCE, GATHER, BROADCAST_FIRST, BROADCAST_LAST, TRANSFER, CONTROL, PROBE_SUM, N_CALLS };
static const char *const call_words[N_CALLS] = {"allgather", "allreduce", "gather",  "broadcast",
                                                "broadcast", "transfer",  "control", "probe sum"};

static enum status make(rig *g, enum call call) {
  const int m = g->m, first = comm_first_worker(g->comm), n_local = comm_n_local(g->comm);
  message *local[RIG_MAX_PARTICIPANTS];
  const message *inbox[RIG_MAX_PARTICIPANTS], *out = NULL;
  float values[RIG_MAX_PARTICIPANTS][64] = {{0}}, result[64];
  const float *contribution[RIG_MAX_PARTICIPANTS];
  transfer list[RIG_MAX_PARTICIPANTS] = {{0}};
  uint64_t word = 1;
  for (int i = 0; i < n_local; i++) {
    contribution[i] = values[i];
    TRY_RETURN(rig_message(g, first + i, 5, &local[i]));
  }
  for (int w = 0; w < m; w++) {
    const bool is_local = w >= first && w < first + n_local;
    list[w] = (transfer){.from = w, .to = (w + 1) % m, .out = is_local ? local[w - first] : NULL};
  }
  switch (call) {
    case ALLGATHER:
      return comm_allgather(g->comm, local, RIG_BOUND, inbox);
    case ALLREDUCE:
      return comm_allreduce(g->comm, contribution, 64, result);
    case GATHER:
      return comm_gather(g->comm, 0, local, RIG_BOUND, inbox);
    case BROADCAST_FIRST:
      return comm_broadcast(g->comm, 0, BROADCAST_BINOMIAL, local[0], RIG_BOUND, &out);
    case BROADCAST_LAST:
      return comm_broadcast(g->comm, m - 1, BROADCAST_STAR, local[n_local - 1], RIG_BOUND, &out);
    case TRANSFER:
      return comm_transfer(g->comm, list, (size_t)m, RIG_BOUND);
    case CONTROL:
      return comm_control_u64(g->comm, CONTROL_MAX, &word, 1);
    default:
      return comm_probe_sum(g->comm, contribution, 64, result);
  }
}

/* mismatch: the last rank makes another call than the others. All end with STATUS_PEER, naming both calls, long before
 * the deadline; whatever comes after fails at once. Who had only to send, or got all it waited for, finds out at one of
 * its next calls. A third of the pairs at each R: R = 2, 3 and 4 make all. */
static int mismatch(int argc, char **argv) {
  (void)argc, (void)argv;
  int n_ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  for (enum call mine = 0; mine < N_CALLS; mine++)
    for (enum call other = 0; other < N_CALLS; other++) {
      rig g;
      if (strcmp(call_words[mine], call_words[other]) == 0 || (int)(mine + other) % 3 != n_ranks % 3) continue;
      CASE_OK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = 5}, &g));
      CASE_OK(make(&g, ALLGATHER));
      comm_release(g.comm);
      const bool is_odd = comm_rank(g.comm) == g.n_ranks - 1;
      const uint64_t begun_ns = case_now_ns();
      enum status status = make(&g, is_odd ? other : mine);
      for (int i = 0; i < 3 && status == STATUS_OK; i++) status = make(&g, ALLGATHER);
      const char *detail = status_detail();
      const bool names_both = strstr(detail, call_words[mine]) && strstr(detail, call_words[other]);
      const bool is_named = names_both || strstr(detail, "allgather #5") || strstr(detail, "allgather #6");
      if (status != STATUS_PEER || !is_named || case_now_ns() - begun_ns > 5000000000u)
        fprintf(stderr, "%s against %s: %s\n", call_words[mine], call_words[other], detail);
      CASE_CHECK(status == STATUS_PEER && is_named && strstr(detail, "do not match"));
      CASE_CHECK(case_now_ns() - begun_ns < 5000000000u);
      CASE_CHECK(make(&g, CONTROL) == STATUS_PEER && case_now_ns() - begun_ns < 5000000000u);
      MPI_Barrier(MPI_COMM_WORLD);
      rig_close(&g);
    }
  return 0;
}

/* late: the last rank does not come. The others give up at the deadline and name one of its workers. */
static int late(int argc, char **argv) {
  (void)argc, (void)argv;
  const enum call calls[] = {ALLGATHER, ALLREDUCE, BROADCAST_LAST, CONTROL};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    rig g;
    CASE_OK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = 5, .deadline_s = 1}, &g));
    MPI_Barrier(MPI_COMM_WORLD); /* who else comes late is late by less than the deadline */
    const int last = g.n_ranks - 1;
    if (comm_rank(g.comm) == last) {
      nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    } else {
      const uint64_t begun_ns = case_now_ns();
      const enum status status = make(&g, calls[i]);
      const uint64_t took_ns = case_now_ns() - begun_ns;
      char who[64];
      snprintf(who, sizeof who, "(rank %d) within 1 s", last);
      if (!strstr(status_detail(), who)) fprintf(stderr, "late in %s: %s\n", call_words[calls[i]], status_detail());
      /* In control calls all wait for rank 0, and only that one for the last: it tells the others. */
      CASE_CHECK(status == STATUS_PEER && took_ns > 600000000u && took_ns < 4000000000u);
      CASE_CHECK(strstr(status_detail(), "no message from worker"));
      CASE_CHECK(strstr(status_detail(), who));
    }
    MPI_Barrier(MPI_COMM_WORLD);
    rig_close(&g);
  }
  return 0;
}

/* gone: the last rank ends its work and finalizes while the others exchange. */
static int gone(int argc, char **argv) {
  (void)argc, (void)argv;
  rig g;
  CASE_OK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = 5, .deadline_s = 0.5}, &g));
  if (comm_rank(g.comm) != g.n_ranks - 1) CASE_CHECK(make(&g, ALLGATHER) == STATUS_PEER);
  rig_close(&g);
  return 0;
}

/* A bad message ends the exchange with STATUS_BAD_MESSAGE where it is seen (where two see it, the second may hear of it
 * from the first before), and with STATUS_PEER elsewhere. */
static int finish_bad(rig *g, enum status status, bool sees_it, uint64_t begun_ns) {
  CASE_CHECK(status == STATUS_PEER || (sees_it && status == STATUS_BAD_MESSAGE));
  CASE_CHECK(strstr(status_detail(), "worker 0") && case_now_ns() - begun_ns < 5000000000u);
  int n = status == STATUS_BAD_MESSAGE;
  MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  CASE_CHECK(n >= 1);
  rig_close(g);
  return 0;
}

static int oversize(int argc, char **argv) {
  (void)argc, (void)argv;
  rig g;
  message *local[RIG_MAX_PARTICIPANTS];
  const message *inbox[RIG_MAX_PARTICIPANTS];
  CASE_OK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = 5}, &g));
  const int first = comm_first_worker(g.comm), n_local = comm_n_local(g.comm);
  for (int i = 0; i < n_local; i++) {
    const message_head head = {.body_bytes = first + i == 0 ? 40 : 8};
    CASE_OK(message_acquire(comm_pool(g.comm), RIG_BOUND, &local[i]));
    message_seal(local[i], g.stream, &head);
  }
  const uint64_t begun_ns = case_now_ns();
  return finish_bad(&g, comm_allgather(g.comm, local, 40, inbox), comm_rank(g.comm) == 0, begun_ns);
}

/* hostile: worker 0's head says another size on the wire than its message has. The receivers notice. */
static int hostile(int argc, char **argv) {
  (void)argc, (void)argv;
  rig g;
  message *m = NULL;
  const message *out = NULL;
  const message_head truth = {.body_bytes = 8}, lie = {.body_bytes = 0xffffffff};
  CASE_OK(rig_open(&(rig_options){.kind = DEVICE_SHADOW, .m = 5}, &g));
  const bool is_root = comm_rank(g.comm) == 0;
  if (is_root) {
    CASE_OK(message_acquire(comm_pool(g.comm), RIG_BOUND, &m));
    message_seal(m, g.stream, &truth);
    stream_copy(g.stream, m->wire, &lie, sizeof lie);
    event_record(m->ready, g.stream);
    CASE_OK(comm_broadcast(g.comm, 0, BROADCAST_STAR, m, RIG_BOUND, &out));
  }
  const uint64_t begun_ns = case_now_ns();
  const enum status status =
      is_root ? make(&g, ALLGATHER) : comm_broadcast(g.comm, 0, BROADCAST_STAR, NULL, RIG_BOUND, &out);
  return finish_bad(&g, status, !is_root, begun_ns);
}

/* crowded: more ranks than workers is the user's mistake. */
static int crowded(int argc, char **argv) {
  (void)argc, (void)argv;
  int n = 0;
  rig g;
  MPI_Comm_size(MPI_COMM_WORLD, &n);
  CASE_CHECK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = n - 1}, &g) == STATUS_BAD_INPUT);
  return 0;
}

const mpi_case failure_cases[] = {{"mismatch", mismatch}, {"late", late},       {"gone", gone}, {"oversize", oversize},
                                  {"hostile", hostile},   {"crowded", crowded}, {NULL, NULL}};
