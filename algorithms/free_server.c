#include "algorithms/free_server.h"

#include <stdlib.h>
#include <string.h>

/* The memory: how many bytes the queue holds, the model, the queue. */
typedef struct queue_head {
  uint64_t n_bytes;
} queue_head;

/* Before every message in the queue. */
typedef struct entry_head {
  uint64_t round, payload_bits;
  uint32_t from, n_bytes;
} entry_head;

static size_t model_bytes(const free_server *f) { return f->env->n_params * sizeof(float); }
static size_t queue_offset(const free_server *f) { return sizeof(queue_head) + model_bytes(f); }
static int server_of(const free_server *f) { return f->env->n_workers; }
static int home(const free_server *f) { return comm_rank_of(f->env->comm, server_of(f)); }
static bool is_home(const free_server *f) { return home(f) == comm_rank(f->env->comm); }

static enum status wait_for_all(const free_server *f) {
  uint64_t nothing = 0;
  return comm_control_u64(f->env->comm, CONTROL_MAX, &nothing, 1);
}

/* Under the lock: the model becomes x (device), and the queue empty. */
static enum status write_model(free_server *f, const float *x) {
  const method_env *env = f->env;
  const queue_head head = {0};
  memcpy(f->image, &head, sizeof head);
  stream_copy(env->stream, f->image + sizeof head, x, model_bytes(f));
  TRY_RETURN(stream_synchronize(env->stream));
  return comm_window_put(f->window, home(f), 0, queue_offset(f), f->image);
}

/* Sets the model, as one that has nothing to do with the run's messages does. */
static enum status set_model(free_server *f, const float *x) {
  if (is_home(f)) {
    TRY_RETURN(comm_window_lock(f->window, home(f)));
    TRY_RETURN(write_model(f, x));
    TRY_RETURN(comm_window_unlock(f->window, home(f)));
  }
  return wait_for_all(f);
}

enum status free_server_create(const method_env *env, bool is_free, pipeline *up, free_server *out) {
  *out = (free_server){.env = env, .up = up};
  if (!is_free) return STATUS_OK;
  out->capacity = 2 * (size_t)env->n_workers * (sizeof(entry_head) + pipeline_wire_bound(up));
  const size_t n_bytes = queue_offset(out) + out->capacity;
  TRY_RETURN(comm_window_create(env->comm, is_home(out) ? n_bytes : 0, &out->window));
  out->image = malloc(n_bytes);
  if (!out->image) return FAIL(STATUS_NO_MEMORY, "no memory for a copy of the server's %zu bytes", n_bytes);
  TRY_RETURN(device_floats(env->device, env->n_params, &out->sum));
  return set_model(out, env->initial);
}

void free_server_destroy(free_server *f) {
  if (!f->env) return;
  comm_window_destroy(f->window);
  device_release(f->env->device, f->sum);
  free(f->image);
}

/* Under the lock: copies the model and the queue into the image. What crossed is the server's message down, whose
 * payload is the model and what the queued messages needed. */
static enum status read_memory(free_server *f, queue_head *head) {
  TRY_RETURN(comm_window_get(f->window, home(f), 0, sizeof *head, head));
  if (head->n_bytes > f->capacity)
    return FAIL(STATUS_BAD_MESSAGE, "the server's queue is said to hold %llu bytes of %zu",
                (unsigned long long)head->n_bytes, f->capacity);
  return comm_window_get(f->window, home(f), sizeof *head, model_bytes(f) + head->n_bytes, f->image + sizeof *head);
}

/* sum += a message that lies in the image at `at`, which moves on to the next one. */
static enum status take_entry(free_server *f, size_t *at, size_t end, uint64_t *payload_bits) {
  const method_env *env = f->env;
  entry_head head;
  if (end - *at < sizeof head) return FAIL(STATUS_BAD_MESSAGE, "the server's queue ends within a message's head");
  memcpy(&head, f->image + *at, sizeof head);
  *at += sizeof head;
  if (head.n_bytes < sizeof(message_head) || head.n_bytes > end - *at || head.n_bytes > pipeline_wire_bound(f->up) ||
      head.from >= (uint32_t)env->n_workers)
    return FAIL(STATUS_BAD_MESSAGE, "the server's queue holds a message of %u bytes from worker %u", head.n_bytes,
                head.from);
  message *m = NULL;
  TRY_RETURN(message_acquire(comm_pool(env->comm), pipeline_wire_bound(f->up), &m));
  memcpy(m->wire, f->image + *at, head.n_bytes); /* on the host's devices, the only ones with windows, head included */
  const enum status status = pipeline_decode_add(f->up, head.round, (int)head.from, m, 1.0f, f->sum);
  message_give_back(comm_pool(env->comm), m);
  *at += head.n_bytes;
  *payload_bits += head.payload_bits;
  return status;
}

/* x = the model in the image less the mean of what is queued and of `own`. */
static enum status bring_up_to_date(free_server *f, const queue_head *head, uint64_t round, const message *own,
                                    float *x, uint64_t *payload_bits) {
  const method_env *env = f->env;
  *payload_bits = 8 * model_bytes(f);
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, f->sum, 0.0f, env->n_params);
  for (size_t at = queue_offset(f), end = at + head->n_bytes; at < end;)
    TRY_RETURN(take_entry(f, &at, end, payload_bits));
  if (own) TRY_RETURN(pipeline_decode_add(f->up, round, env->workers[0].id, own, 1.0f, f->sum));
  stream_copy(env->stream, x, f->image + sizeof *head, model_bytes(f));
  vec_axpy(env->stream, -1.0f / (float)env->n_workers, f->sum, x, env->n_params);
  return stream_synchronize(env->stream);
}

/* Under the lock: own at the queue's end. */
static enum status append(free_server *f, queue_head head, uint64_t round, const message *own) {
  const entry_head entry = {.round = round,
                            .payload_bits = message_payload_bits(own),
                            .from = (uint32_t)f->env->workers[0].id,
                            .n_bytes = (uint32_t)message_wire_bytes(own)};
  const size_t n_bytes = sizeof entry + entry.n_bytes;
  memcpy(f->image, &entry, sizeof entry);
  memcpy(f->image + sizeof entry, own->wire, entry.n_bytes);
  TRY_RETURN(comm_window_put(f->window, home(f), queue_offset(f) + head.n_bytes, n_bytes, f->image));
  head.n_bytes += n_bytes;
  return comm_window_put(f->window, home(f), 0, sizeof head, &head);
}

/* What goes up: the message, or, by a worker apart from the memory that finds no room, the model in its place. */
static enum status send_up(free_server *f, const queue_head *head, uint64_t round, const message *own, const float *x) {
  const size_t needed = sizeof(entry_head) + message_wire_bytes(own);
  const bool has_room = head->n_bytes + needed <= f->capacity, goes_dense = !has_room && !is_home(f);
  const uint64_t payload_bits = goes_dense ? 8 * model_bytes(f) : message_payload_bits(own);
  TRY_RETURN(comm_window_count(f->window, f->env->workers[0].id, DIRECTION_UP, payload_bits,
                               sizeof *head + (goes_dense ? model_bytes(f) : needed), message_theory_bits(own)));
  f->env->enter(f->env->clock, PHASE_EXCHANGE);
  return has_room && !is_home(f) ? append(f, *head, round, own) : write_model(f, x);
}

static enum status sync_locked(free_server *f, uint64_t round, const message *own, float *x) {
  queue_head head;
  uint64_t payload_bits;
  TRY_RETURN(read_memory(f, &head));
  TRY_RETURN(bring_up_to_date(f, &head, round, own, x, &payload_bits));
  TRY_RETURN(comm_window_count(f->window, server_of(f), DIRECTION_DOWN, payload_bits, queue_offset(f) + head.n_bytes,
                               8.0 * (double)model_bytes(f)));
  return send_up(f, &head, round, own, x);
}

enum status free_server_sync(free_server *f, uint64_t round, message *own, float *x) {
  const method_env *env = f->env;
  enum status status = STATUS_OK;
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY(stream_synchronize(env->stream));
  TRY(comm_window_lock(f->window, home(f)));
  TRY(sync_locked(f, round, own, x));
  TRY(comm_window_unlock(f->window, home(f)));
exit:
  message_give_back(comm_pool(env->comm), own);
  return status;
}

enum status free_server_account(free_server *f) { return comm_window_account(f->window); }

/* At the server's rank: x = its model, up to date. */
static enum status read_model(free_server *f, float *x) {
  queue_head head;
  uint64_t payload_bits;
  TRY_RETURN(comm_window_lock(f->window, home(f)));
  TRY_RETURN(read_memory(f, &head));
  TRY_RETURN(bring_up_to_date(f, &head, 0, NULL, x, &payload_bits));
  return comm_window_unlock(f->window, home(f));
}

enum status free_server_archive(free_server *f, archive *a, float *x) {
  if (!archive_is_loading(a)) {
    TRY_RETURN(wait_for_all(f));
    if (x) TRY_RETURN(read_model(f, x));
  }
  if (x) TRY_RETURN(archive_floats(a, ARCHIVE_SHARED, "x", x, f->env->n_params));
  return archive_is_loading(a) ? set_model(f, x) : STATUS_OK;
}
