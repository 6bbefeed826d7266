/* Life cycle of comm, and which worker lives where. */
#include "core/comm.h"

#include <stdlib.h>
#include <string.h>

#include "core/comm_state.h"

enum status array_grow(void *array, size_t *capacity, size_t needed, size_t size) {
  if (needed <= *capacity) return STATUS_OK;
  size_t grown = *capacity ? 2 * *capacity : 16;
  if (grown < needed) grown = needed;
  void *memory = NULL; /* by memcpy: `array` points to a pointer of some type, which void ** may not alias */
  memcpy(&memory, array, sizeof memory);
  memory = realloc(memory, grown * size);
  if (!memory) return FAIL(STATUS_NO_MEMORY, "cannot allocate %zu elements of %zu bytes", grown, size);
  memcpy(array, &memory, sizeof memory);
  *capacity = grown;
  return STATUS_OK;
}

/* Blocks whose sizes differ by at most one; server s lives on rank s mod R. */
static enum status lay_out(comm *c) {
  c->rank_of = (int *)calloc((size_t)c->n_participants, sizeof *c->rank_of);
  c->first_worker = (int *)calloc((size_t)c->n_ranks + 1, sizeof *c->first_worker);
  if (!c->rank_of || !c->first_worker) return FAIL(STATUS_NO_MEMORY, "cannot allocate the placement of workers");
  for (int r = 0; r <= c->n_ranks; r++) c->first_worker[r] = (int)((int64_t)r * c->n_workers / c->n_ranks);
  for (int r = 0; r < c->n_ranks; r++)
    for (int w = c->first_worker[r]; w < c->first_worker[r + 1]; w++) c->rank_of[w] = r;
  for (int p = c->n_workers; p < c->n_participants; p++) c->rank_of[p] = (p - c->n_workers) % c->n_ranks;
  return STATUS_OK;
}

static enum status open_channel(MPI_Comm *out) {
  TRY_RETURN(mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, out), "duplicate MPI_COMM_WORLD"));
  return mpi_check(MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN), "set the error handler");
}

static enum status open_channels(comm *c) {
  int *tag_bound = NULL, found = 0;
  TRY_RETURN(open_channel(&c->data));
  TRY_RETURN(open_channel(&c->control));
  TRY_RETURN(open_channel(&c->signals));
  TRY_RETURN(mpi_check(MPI_Comm_get_attr(c->data, MPI_TAG_UB, &tag_bound, &found), "say how large a tag may be"));
  const int bound = found ? *tag_bound : 32767; /* the least the standard allows */
  c->n_sequences = (uint64_t)bound / N_CALL_KINDS;
  return profile_attach(c->data, &c->mpi_bytes);
}

/* Ranks that were started differently would exchange nonsense in perfect step. */
static enum status agree(comm *c) {
  const comm_options *o = &c->options;
  uint64_t mine[] = {(uint64_t)o->n_workers, (uint64_t)o->n_servers, (uint64_t)o->reduction};
  enum { N = sizeof mine / sizeof *mine };
  uint64_t least[N], most[N];
  memcpy(least, mine, sizeof mine);
  memcpy(most, mine, sizeof mine);
  TRY_RETURN(comm_control_u64(c, CONTROL_MIN, least, N));
  TRY_RETURN(comm_control_u64(c, CONTROL_MAX, most, N));
  if (memcmp(least, most, sizeof least) != 0)
    return FAIL(STATUS_PEER,
                "ranks were started with different numbers of workers or servers, or different reductions");
  return STATUS_OK;
}

enum status comm_rank_on_host(int *out) {
  MPI_Comm host;
  if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host) != MPI_SUCCESS)
    return FAIL(STATUS_LIBRARY, "MPI does not say which ranks share a host");
  MPI_Comm_rank(host, out);
  MPI_Comm_free(&host);
  return STATUS_OK;
}

enum status comm_create(const comm_options *options, comm **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  comm *c = (comm *)calloc(1, sizeof *c);
  if (!c) return FAIL(STATUS_NO_MEMORY, "cannot allocate the communicator");
  c->options = *options;
  c->device = options->device;
  c->stream = options->stream;
  c->is_host = options->device->kind == DEVICE_CPU;
  c->n_workers = options->n_workers;
  c->n_participants = options->n_workers + options->n_servers;
  c->data = c->control = c->signals = MPI_COMM_NULL;
  TRY(mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, &c->rank), "tell this process's rank"));
  TRY(mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &c->n_ranks), "count the ranks"));
  if (c->n_workers < 1 || options->n_servers < 0)
    TRY(FAIL(STATUS_BAD_INPUT, "%d workers and %d servers: there must be a worker", c->n_workers, options->n_servers));
  if (c->n_ranks > c->n_workers)
    TRY(FAIL(STATUS_BAD_INPUT, "%d ranks for %d workers: use at most as many ranks as workers (--ranks %d)", c->n_ranks,
             c->n_workers, c->n_workers));
  TRY(lay_out(c));
  TRY(traffic_create(c->n_participants, &c->traffic));
  TRY(message_pool_create(c->device, &c->pool));
  TRY(event_open(c->device, &c->staged));
  TRY(open_channels(c));
  TRY(agree(c));
  *out = c;
  c = NULL;
exit:
  comm_destroy(c);
  return status;
}

void comm_destroy(comm *c) {
  if (!c) return;
  flights_settle(c);
  if (c->staged) { /* messages may still be read by work that was issued */
    event_record(c->staged, c->stream);
    if (event_wait(c->staged) != STATUS_OK) c->failed = true;
  }
  if (c->signals != MPI_COMM_NULL) MPI_Comm_free(&c->signals);
  if (c->control != MPI_COMM_NULL) MPI_Comm_free(&c->control);
  if (c->data != MPI_COMM_NULL) MPI_Comm_free(&c->data);
  reduce_release(c);
  event_close(c->staged);
  message_pool_destroy(c->pool);
  traffic_destroy(c->traffic);
  free(c->flights);
  free(c->requests);
  free(c->statuses);
  free(c->completed);
  free(c->held);
  free(c->sends);
  free(c->receives);
  free(c->words);
  free(c->collected);
  free(c->first_worker);
  free(c->rank_of);
  free(c);
}

int comm_rank(const comm *c) { return c->rank; }

int comm_n_ranks(const comm *c) { return c->n_ranks; }

int comm_n_workers(const comm *c) { return c->n_workers; }
int comm_n_participants(const comm *c) { return c->n_participants; }

int comm_first_worker(const comm *c) { return c->first_worker[c->rank]; }

int comm_n_local(const comm *c) { return c->first_worker[c->rank + 1] - c->first_worker[c->rank]; }

int comm_rank_of(const comm *c, int participant) { return c->rank_of[participant]; }

bool is_local(const comm *c, int participant) { return c->rank_of[participant] == c->rank; }

traffic *comm_traffic(comm *c) { return c->traffic; }

message_pool *comm_pool(comm *c) { return c->pool; }

void comm_begin_round(comm *c, uint64_t round) { traffic_begin_round(c->traffic, round); }

uint64_t comm_mpi_bytes(const comm *c) { return c->mpi_bytes; }
