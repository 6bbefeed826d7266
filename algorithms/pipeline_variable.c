/* Messages whose sizes the device decides: the selector's count varies, or indices are coded as gaps.
 *
 * Parts are written to a stage one after the other and moved behind each other, to places that only the device knows;
 * it also fills the heads. The head goes to the host by a copy on the stream, so that encoding waits for nothing.
 * Decoding finds the parts from their heads on the device; a message without part_heads is one part, whose head is the
 * end of its message_head. */
#include <string.h>

#include "algorithms/pipeline_internal.h"

STATIC_ASSERT(offsetof(message_head, body_bytes) == offsetof(message_head, count) + 4,
              "a message_head ends in what a part_head is");

static unsigned char *parts_of(const pipeline *p, const message *m) {
  return message_body(m) + pipeline_framing_bytes(p);
}

static part_layout layout_of(const pipeline *p, size_t i, const message *m) {
  const part *t = &p->parts[i];
  const extent e = pipeline_extent(p, t->n, t->count);
  part_layout out = {.place = p->place,
                     .count = p->counts + i,
                     .most = (uint32_t)t->count,
                     .is_fixed = !p->is_counting && !(pipeline_is_sparse(p) && p->scope == SCOPE_GLOBAL),
                     .is_coded = p->coder != NULL,
                     .coded_words = (uint32_t)(e.value_bytes / 4),
                     .most_index_words = (uint32_t)(e.index_bytes / 4)};
  const size_t at = p->is_framed ? sizeof(message_head) + i * sizeof(part_head) : offsetof(message_head, count);
  out.head = (uint32_t *)(void *)(m->wire + at);
  if (p->coder)
    out.coded_padding = (uint32_t)(8 * (e.value_bytes - p->coder->body_bytes(p->coder_state, t->count))) +
                        p->coder->padding_bits(p->coder_state, t->count);
  return out;
}

/* place->end is all that is taken over from part to part, and from nothing to the first. */
static void begin_parts(pipeline *p) {
  const uint32_t zero = 0;
  indices_of(p->device)->put(p->stream, &p->place->end, &zero, 1);
}

/* ---------------------------------------------------------------- encoding */

static enum status begin_message(pipeline *p, message *out) {
  const message_head head = {
      .format = p->format, .n = (uint32_t)p->n, .body_bytes = (uint32_t)pipeline_framing_bytes(p)};
  uint32_t words[sizeof head / 4];
  if (out->capacity < pipeline_wire_bound(p))
    return FAIL(STATUS_BAD_INPUT, "a message of up to %zu bytes does not fit a buffer of %zu", pipeline_wire_bound(p),
                out->capacity);
  memcpy(words, &head, sizeof head);
  indices_of(p->device)->put(p->stream, (uint32_t *)(void *)out->wire, words, sizeof head / 4);
  begin_parts(p);
  out->inner_bytes = (uint32_t)pipeline_framing_bytes(p);
  out->theory_bits = p->theory_bits;
  out->theory_bits_per_entry = p->theory_bits_per_entry;
  return STATUS_OK;
}

static enum status end_message(pipeline *p, message *out) {
  if ((void *)out->head != (void *)out->wire) stream_copy(p->stream, out->head, out->wire, sizeof *out->head);
  event_record(out->ready, p->stream);
  return p->stream->error;
}

/* Writes part i behind those before it. */
static void put_part(pipeline *p, size_t i, const call *c, const sparse *entries, message *out) {
  const index_ops *ops = indices_of(p->device);
  const part *t = &p->parts[i];
  uint32_t *to = (uint32_t *)(void *)parts_of(p, out);
  part_layout layout = layout_of(p, i, out);
  if (!p->is_framed) layout.head = NULL; /* the message's own head says it */
  if (p->coder)
    pipeline_put_values(p, c, entries->value, t->count, (size_t)layout.coded_words * 4,
                        (unsigned char *)p->value_stage);
  ops->encode_counted(p->stream, p->indices, t->n, entries, p->index_stage, p->place);
  ops->lay(p->stream, &layout, (uint32_t *)(void *)out->wire);
  const uint32_t *values = p->coder ? p->value_stage : (const uint32_t *)(const void *)entries->value;
  ops->move(p->stream, values, NULL, to, &p->place->values_at, &p->place->value_words, layout.coded_words);
  ops->move(p->stream, p->index_stage, NULL, to, &p->place->indices_at, &p->place->index_words,
            layout.most_index_words);
}

enum status variable_encode(pipeline *p, uint64_t round, int worker, const float *x, float *e, message *out) {
  TRY_RETURN(begin_message(p, out));
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const call c = pipeline_call(p, round, worker, i);
    sparse picked = pipeline_view(p, i, &p->entries);
    p->selector->select(p->selector_state, &c, x + t->offset, t->n, &picked);
    put_part(p, i, &c, &picked, out);
    if (!e) continue;
    /* The receiver's values, from the stage: where they lie in the message the host does not know. */
    if (p->coder) pipeline_get_values(p, &c, (const unsigned char *)p->value_stage, picked.value, t->count);
    vec_scatter_add(p->stream, -1, &picked, e + t->offset, t->n);
  }
  return end_message(p, out);
}

enum status variable_encode_sparse(pipeline *p, const sparse *entries, size_t count, message *out) {
  const uint32_t word = (uint32_t)count;
  const sparse given = {.index = entries->index, .value = entries->value, .count = p->counts, .capacity = count};
  const call unused = pipeline_call(p, 0, 0, 0);
  TRY_RETURN(begin_message(p, out));
  if (!p->is_counting) out->theory_bits = p->count > 0 ? p->theory_bits * (double)count / (double)p->count : 0;
  indices_of(p->device)->put(p->stream, p->counts, &word, 1);
  put_part(p, 0, &unused, &given, out);
  return end_message(p, out);
}

/* The parts' entries go into `out` one behind the other; its count is where the next ones go. */
static void begin_entries(pipeline *p, sparse *out) {
  const uint32_t zero = 0;
  indices_of(p->device)->put(p->stream, out->count, &zero, 1);
}

static void append_entries(pipeline *p, size_t i, const sparse *entries, sparse *out) {
  const index_ops *ops = indices_of(p->device);
  const size_t most = p->parts[i].count;
  ops->shift(p->stream, entries->index, most, (uint32_t)p->parts[i].offset);
  ops->move(p->stream, entries->index, NULL, out->index, out->count, entries->count, most);
  ops->move(p->stream, (const uint32_t *)(const void *)entries->value, NULL, (uint32_t *)(void *)out->value, out->count,
            entries->count, most);
  ops->add_count(p->stream, entries->count, out->count);
}

enum status variable_select(pipeline *p, uint64_t round, int worker, const float *x, sparse *out) {
  begin_entries(p, out);
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const call c = pipeline_call(p, round, worker, i);
    sparse picked = pipeline_view(p, i, &p->entries);
    p->selector->select(p->selector_state, &c, x + t->offset, t->n, &picked);
    append_entries(p, i, &picked, out);
  }
  return p->stream->error;
}

/* ---------------------------------------------------------------- decoding */

static enum status check_head(const pipeline *p, int worker, const message *in) {
  const message_head h = *in->head;
  TRY_RETURN(pipeline_check_kind(p, worker, &h));
  if (h.count > p->count)
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: count is %u, at most %zu are possible", worker, h.count,
                p->count);
  if (h.body_bytes % 4 != 0 || h.body_bytes < pipeline_framing_bytes(p) || h.body_bytes > p->body_bytes ||
      in->capacity < sizeof h + h.body_bytes)
    return FAIL(STATUS_BAD_MESSAGE,
                "worker %d's message: body_bytes is %u in %zu bytes, expected words and at most %zu", worker,
                h.body_bytes, in->capacity, p->body_bytes);
  if (h.padding_bits > p->padding_bits)
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: padding_bits is %u, at most %llu are possible", worker,
                h.padding_bits, (unsigned long long)p->padding_bits);
  return STATUS_OK;
}

/* Reads part i, which begins where the one before it ended. */
static void get_part(pipeline *p, size_t i, const call *c, const message *in, sparse *out) {
  const index_ops *ops = indices_of(p->device);
  const part *t = &p->parts[i];
  const part_layout layout = layout_of(p, i, in);
  const uint32_t *from = (const uint32_t *)(const void *)parts_of(p, in);
  uint32_t *values = p->coder ? p->value_stage : (uint32_t *)(void *)out->value;
  ops->find(p->stream, &layout, (uint32_t)((in->head->body_bytes - pipeline_framing_bytes(p)) / 4));
  ops->move(p->stream, from, &p->place->values_at, values, NULL, &p->place->value_words, layout.coded_words);
  ops->move(p->stream, from, &p->place->indices_at, p->index_stage, NULL, &p->place->index_words,
            layout.most_index_words);
  if (p->coder) pipeline_get_values(p, c, (const unsigned char *)p->value_stage, out->value, t->count);
  ops->decode_counted(p->stream, p->indices, t->n, p->index_stage, p->place, out);
}

/* Nothing may be left behind the last part. */
static void end_parts(pipeline *p, const message *in) {
  const uint32_t end = (uint32_t)((in->head->body_bytes - pipeline_framing_bytes(p)) / 4);
  indices_of(p->device)->expect(p->stream, &p->place->end, &end, 1);
}

enum status variable_decode_add(pipeline *p, uint64_t round, int worker, const message *in, float a, float *y) {
  TRY_RETURN(check_head(p, worker, in));
  begin_parts(p);
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const call c = pipeline_call(p, round, worker, i);
    sparse entries = pipeline_view(p, i, &p->entries);
    get_part(p, i, &c, in, &entries);
    vec_scatter_add(p->stream, a, &entries, y + t->offset, t->n);
  }
  end_parts(p, in);
  return p->stream->error;
}

enum status variable_decode_sparse(pipeline *p, uint64_t round, int worker, const message *in, sparse *out) {
  TRY_RETURN(check_head(p, worker, in));
  begin_parts(p);
  begin_entries(p, out);
  for (size_t i = 0; i < p->n_parts; i++) {
    const call c = pipeline_call(p, round, worker, i);
    sparse entries = pipeline_view(p, i, &p->entries);
    get_part(p, i, &c, in, &entries);
    append_entries(p, i, &entries, out);
  }
  end_parts(p, in);
  return p->stream->error;
}
