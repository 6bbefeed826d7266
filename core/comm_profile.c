/* What MPI itself says was sent: wrappers of MPI's profiling interface (MPI 3.1, chapter 14) around the calls that comm
 * makes on its data channel. The count hangs on the communicator as an attribute, so that sends of other libraries, and
 * of comm's control channel, are left alone. It shares no code with the account of traffic, which it checks. */
#include "core/comm_state.h"

/* MPI's key of the attribute. Like MPI itself it belongs to the process and lasts until MPI_Finalize: a key freed
 * earlier could not be looked up by a communicator that still carries it. */
static int counter_key = MPI_KEYVAL_INVALID;

enum status profile_attach(MPI_Comm channel, uint64_t *counter) {
  if (counter_key == MPI_KEYVAL_INVALID)
    TRY_RETURN(mpi_check(PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &counter_key, NULL),
                         "create the key of the byte counter"));
  return mpi_check(PMPI_Comm_set_attr(channel, counter_key, counter), "attach the byte counter");
}

static int window_key = MPI_KEYVAL_INVALID; /* the same of windows */

enum status profile_attach_window(MPI_Win window, uint64_t *counter) {
  if (window_key == MPI_KEYVAL_INVALID)
    TRY_RETURN(mpi_check(PMPI_Win_create_keyval(MPI_WIN_NULL_COPY_FN, MPI_WIN_NULL_DELETE_FN, &window_key, NULL),
                         "create the key of the byte counter"));
  return mpi_check(PMPI_Win_set_attr(window, window_key, counter), "attach the byte counter");
}

static void count_window(MPI_Win window, int n, MPI_Datatype type) {
  if (window_key == MPI_KEYVAL_INVALID) return;
  uint64_t *counter = NULL;
  int found = 0, size = 0;
  if (PMPI_Win_get_attr(window, window_key, &counter, &found) != MPI_SUCCESS || !found) return;
  if (PMPI_Type_size(type, &size) == MPI_SUCCESS) *counter += (uint64_t)n * (uint64_t)size;
}

int MPI_Get(void *to, int n, MPI_Datatype type, int rank, MPI_Aint at, int n_there, MPI_Datatype type_there,
            MPI_Win window) {
  count_window(window, n, type);
  return PMPI_Get(to, n, type, rank, at, n_there, type_there, window);
}

int MPI_Put(const void *from, int n, MPI_Datatype type, int rank, MPI_Aint at, int n_there, MPI_Datatype type_there,
            MPI_Win window) {
  count_window(window, n, type);
  return PMPI_Put(from, n, type, rank, at, n_there, type_there, window);
}

static void count(MPI_Comm channel, int n, MPI_Datatype type) {
  if (counter_key == MPI_KEYVAL_INVALID) return;
  uint64_t *counter = NULL;
  int found = 0, size = 0;
  if (PMPI_Comm_get_attr(channel, counter_key, &counter, &found) != MPI_SUCCESS || !found) return;
  if (PMPI_Type_size(type, &size) == MPI_SUCCESS) *counter += (uint64_t)n * (uint64_t)size;
}

int MPI_Isend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm channel, MPI_Request *request) {
  count(channel, n, type);
  return PMPI_Isend(data, n, type, to, tag, channel, request);
}

/* What a rank contributes; how often its algorithm sends it on is MPI's own and not seen here. */
int MPI_Iallreduce(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm channel,
                   MPI_Request *request) {
  count(channel, n, type);
  return PMPI_Iallreduce(from, to, n, type, op, channel, request);
}

enum status mpi_check(int code, const char *what) {
  if (code == MPI_SUCCESS) return STATUS_OK;
  char words[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, words, &length);
  return FAIL(STATUS_PEER, "MPI could not %s: %s", what, words);
}
