#include "models/cuda/lane.h"

#include <stdlib.h>
#include <string.h>

#include "core/vec.h"

/* ---- opening */

static size_t packet_bytes(const lane *l) { return sizeof(control) + l->batch * sizeof(uint32_t); }

static size_t samples_bytes(const lane *l) {
  return l->batch * (l->n_inputs * sizeof(float) + l->n_labels * sizeof(int32_t));
}

static enum status compile(lane *l, const graph *g, bool is_half) {
  enum status status = STATUS_OK;
  compiler *c = (compiler *)calloc(1, sizeof *c);
  if (!c) return FAIL(STATUS_NO_MEMORY, "no memory to compile a model");
  c->graph = g;
  c->program = &l->program;
  c->ops = l->libraries;
  c->library = l->library;
  c->batch = l->batch;
  c->is_half = is_half;
  TRY(gpu_program_begin(&l->program, l->device, 16 * g->n_layers + 16));
  TRY(compile_graph(c));
  TRY(gpu_program_plan(&l->program, l->stream));
  l->outcome = c->outcome;
  l->n_state = c->n_state;
exit:
  free(c->copied);
  free(c);
  return status;
}

static enum status open_slots(lane *l) {
  void *memory = NULL;
  for (int i = 0; i < LANE_SLOTS; i++) {
    TRY_RETURN(device_alloc_host(l->device, packet_bytes(l), &memory));
    l->slots[i].control = (control *)memory;
    TRY_RETURN(event_open(l->device, &l->slots[i].read));
  }
  TRY_RETURN(device_alloc(l->device, packet_bytes(l), &memory));
  l->control = (control *)memory;
  return STATUS_OK;
}

enum status lane_open(lane *l, device *d, stream *s, const graph *g, size_t batch,
                      const net_options *options, const library_ops *libraries) {
  void *memory = NULL;
  memset(l, 0, sizeof *l);
  l->device = d;
  l->stream = s;
  l->libraries = libraries;
  l->batch = batch;
  l->n_inputs = graph_count(g->input);
  l->n_labels = g->layers[g->n_layers - 1].steps;
  if (!s) {
    TRY_RETURN(stream_open(d, &l->stream));
    l->owns_stream = true;
  }
  TRY_RETURN(event_open(d, &l->done));
  TRY_RETURN(open_slots(l));
  TRY_RETURN(device_alloc(d, sizeof *l->squares, &memory));
  l->squares = (double *)memory;
  TRY_RETURN(device_alloc(d, vec_scratch_bytes(g->n_params), &l->scratch));
  TRY_RETURN(libraries->open(l->stream, options, &l->library));
  return compile(l, g, options->math == MATH_BF16);
}

void lane_close(lane *l) {
  if (!l->device) return;
  if (l->stream) { /* its failure is for whoever uses the stream to find */
    const enum status waited = stream_synchronize(l->stream);
    (void)waited;
  }
  for (int i = 0; i < l->n_recordings; i++) recording_release(l->device, l->recordings[i].recording);
  gpu_program_end(&l->program);
  if (l->libraries) l->libraries->close(l->library);
  for (int i = 0; i < LANE_SLOTS; i++) {
    device_release_host(l->device, l->slots[i].control);
    device_release_host(l->device, l->slots[i].samples);
    event_close(l->slots[i].read);
  }
  device_release(l->device, l->control);
  device_release(l->device, l->samples);
  device_release(l->device, l->squares);
  device_release(l->device, l->scratch);
  event_close(l->done);
  if (l->owns_stream) stream_close(l->stream);
  memset(l, 0, sizeof *l);
}

/* ---- batches */

static void describe(lane *l, const batch_request *request, const resident_set *set, control *c) {
  const resident *r = set->of;
  const bool is_test = request->split == SPLIT_TEST;
  const resident_split *split = is_test ? &r->test : &r->train;
  memcpy(c + 1, request->ids, request->n * sizeof *request->ids);
  c->ids = (const uint32_t *)(l->control + 1);
  c->bytes = is_test ? set->test : set->train;
  c->values = set->values;
  c->first = split->first;
  c->stride = split->stride;
  c->first_label = split->first_label;
  c->stride_label = split->stride_label;
  c->is_text = r->is_text;
  c->padding = batch_trains(request) ? (int32_t)r->padding : 0;
  c->view_key = request->key;
}

static enum status fetch(lane *l, const data *d, const batch_request *request, slot *s) {
  void *memory = NULL;
  if (!s->samples) {
    TRY_RETURN(device_alloc_host(l->device, samples_bytes(l), &memory));
    s->samples = (float *)memory;
  }
  if (!l->samples) {
    TRY_RETURN(device_alloc(l->device, samples_bytes(l), &memory));
    l->samples = (float *)memory;
  }
  s->control->samples = l->samples;
  s->control->labels = (const int32_t *)(l->samples + l->batch * l->n_inputs);
  return d->fetch(d, request, s->samples, (int32_t *)(s->samples + l->batch * l->n_inputs));
}

enum status lane_load(lane *l, const data *d, const batch_request *request, const resident_set *set) {
  l->slot = (l->slot + 1) % LANE_SLOTS;
  slot *s = &l->slots[l->slot];
  TRY_RETURN(event_wait(s->read));
  memset(s->control, 0, sizeof *s->control);
  l->is_staged = !set;
  if (!set) return fetch(l, d, request, s);
  TRY_RETURN(data_check_ids(d, request));
  describe(l, request, set, s->control);
  return STATUS_OK;
}

void lane_send(lane *l, const pass *p) {
  slot *s = &l->slots[l->slot];
  control *c = s->control;
  c->drop_key = p->key;
  c->drops = p->drops;
  c->fresh = p->fresh;
  c->count = p->count;
  c->total = p->total;
  c->collected = p->collected;
  stream_copy(l->stream, l->control, c, packet_bytes(l));
  if (l->is_staged) stream_copy(l->stream, l->samples, s->samples, samples_bytes(l));
  event_record(s->read, l->stream);
}

/* ---- recordings */

static recording *find_recording(const lane *l, const pass_key *key) {
  for (int i = 0; i < l->n_recordings; i++)
    if (memcmp(&l->recordings[i].key, key, sizeof *key) == 0) return l->recordings[i].recording;
  return NULL;
}

/* The oldest one makes room; the device may still run it. */
static enum status keep_recording(lane *l, const pass_key *key, recording *r) {
  int at = l->n_recordings;
  if (at < LANE_RECORDINGS) {
    l->n_recordings++;
  } else {
    at = l->oldest;
    l->oldest = (l->oldest + 1) % LANE_RECORDINGS;
    TRY_RETURN(stream_synchronize(l->stream));
    recording_release(l->device, l->recordings[at].recording);
  }
  l->recordings[at].key = *key;
  l->recordings[at].recording = r;
  return STATUS_OK;
}

static enum status record(lane *l, const pass_key *key, void (*work)(void *, lane *), void *context,
                          recording **out) {
  TRY_RETURN(stream_record_begin(l->stream));
  work(context, l);
  TRY_RETURN(stream_record_end(l->stream, out));
  return keep_recording(l, key, *out);
}

void lane_run(lane *l, const pass_key *key, void (*work)(void *, lane *), void *context) {
  const uint64_t kind = (uint64_t)1 << (8 * key->kind + key->mode);
  recording *r = find_recording(l, key);
  if (!r && (!(l->warm & kind) || !l->device->ops->record_begin)) {
    l->warm |= kind;
    work(context, l);
    return;
  }
  if (!r) stream_fail(l->stream, record(l, key, work, context, &r));
  if (r) stream_replay(l->stream, r);
}
