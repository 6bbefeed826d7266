/* Messages of a pipeline: writing, reading, and the residual between the two. Where sizes vary: pipeline_variable.c. */
#include <string.h>

#include "algorithms/pipeline_internal.h"

/* ---------------------------------------------------------------- encoding */

void pipeline_put_values(pipeline *p, const call *c, const float *value, size_t count, size_t value_bytes,
                         unsigned char *body) {
  if (!p->coder) {
    stream_copy(p->stream, body, value, value_bytes);
  } else if (value_bytes > 0) {
    /* The last word first, so that what the coder leaves of it is zero. */
    const uint32_t zero = 0;
    const call own = pipeline_coder_call(p, c);
    indices_of(p->device)->put(p->stream, (uint32_t *)(void *)(body + value_bytes - 4), &zero, 1);
    p->coder->encode(p->coder_state, &own, value, count, body);
  }
}

/* Writes the body of entries of a part of n elements. */
static void put_entries(pipeline *p, const call *c, size_t n, const sparse *entries, size_t count,
                        unsigned char *body) {
  const size_t value_bytes = pipeline_extent(p, n, count).value_bytes;
  pipeline_put_values(p, c, entries->value, count, value_bytes, body);
  indices_of(p->device)->encode(p->stream, p->indices, n, entries->index, count,
                                (uint32_t *)(void *)(body + value_bytes));
}

/* Fills both copies of the head. The device's is written from the call's arguments and not from `out->head`, which the
 * host may rewrite for the next message before the stream gets there. */
static enum status put_head(pipeline *p, size_t count, size_t body_bytes, uint64_t padding_bits, message *out) {
  const message_head head = {.format = p->format,
                             .padding_bits = (uint16_t)padding_bits,
                             .n = (uint32_t)p->n,
                             .count = (uint32_t)count,
                             .body_bytes = (uint32_t)body_bytes};
  uint32_t words[sizeof head / 4];
  if (out->capacity < sizeof head + body_bytes)
    return FAIL(STATUS_BAD_INPUT, "a message of %zu bytes does not fit a buffer of %zu", sizeof head + body_bytes,
                out->capacity);
  memcpy(words, &head, sizeof head);
  *out->head = head;
  indices_of(p->device)->put(p->stream, (uint32_t *)(void *)out->wire, words, sizeof head / 4);
  out->inner_bytes = (uint32_t)pipeline_framing_bytes(p);
  return STATUS_OK;
}

enum status pipeline_encode(pipeline *p, uint64_t round, int worker, const float *x, message *out) {
  if (p->is_variable) return variable_encode(p, round, worker, x, NULL, out);
  TRY_RETURN(put_head(p, p->count, p->body_bytes, p->padding_bits, out));
  out->theory_bits = p->theory_bits;
  unsigned char *body = message_body(out) + pipeline_framing_bytes(p);
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const extent e = pipeline_extent(p, t->n, t->count);
    const call c = pipeline_call(p, round, worker, i);
    if (p->is_framed) {
      const uint32_t head[] = {(uint32_t)t->count, (uint32_t)(e.value_bytes + e.index_bytes)};
      unsigned char *at = message_body(out) + i * sizeof(part_head);
      indices_of(p->device)->put(p->stream, (uint32_t *)(void *)at, head, 2);
    }
    if (p->selector) {
      sparse picked = pipeline_view(p, i, &p->entries);
      p->selector->select(p->selector_state, &c, x + t->offset, t->n, &picked);
      put_entries(p, &c, t->n, &picked, t->count, body);
    } else {
      pipeline_put_values(p, &c, x + t->offset, t->n, e.value_bytes, body);
    }
    body += e.value_bytes + e.index_bytes;
  }
  event_record(out->ready, p->stream);
  return p->stream->error;
}

enum status pipeline_encode_sparse(pipeline *p, const sparse *entries, size_t count, message *out) {
  if (!pipeline_is_sparse(p) || p->scope != SCOPE_GLOBAL || count > p->count)
    return FAIL(STATUS_BAD_INPUT, "given entries need a selector alone, scope global and room for %zu entries", count);
  if (p->is_variable) return variable_encode_sparse(p, entries, count, out);
  const extent e = pipeline_extent(p, p->n, count);
  const call unused = pipeline_call(p, 0, 0, 0);
  TRY_RETURN(put_head(p, count, e.value_bytes + e.index_bytes, e.padding_bits, out));
  out->theory_bits = p->count > 0 ? p->theory_bits * (double)count / (double)p->count : 0;
  put_entries(p, &unused, p->n, entries, count, message_body(out));
  event_record(out->ready, p->stream);
  return p->stream->error;
}

enum status pipeline_select(pipeline *p, uint64_t round, int worker, const float *x, sparse *out) {
  if (!p->selector || out->capacity < p->count)
    return FAIL(STATUS_BAD_INPUT, "selecting needs a selector and room for %zu entries", p->count);
  if (p->is_counting) return variable_select(p, round, worker, x, out);
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const call c = pipeline_call(p, round, worker, i);
    sparse picked = pipeline_view(p, i, out);
    p->selector->select(p->selector_state, &c, x + t->offset, t->n, &picked);
    indices_of(p->device)->shift(p->stream, picked.index, t->count, (uint32_t)t->offset);
  }
  const uint32_t count = (uint32_t)p->count;
  indices_of(p->device)->put(p->stream, out->count, &count, 1);
  return p->stream->error;
}

/* ---------------------------------------------------------------- decoding */

enum status pipeline_check_kind(const pipeline *p, int worker, const message_head *h) {
  if (h->format != p->format)
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: format is %04x, expected %04x: do all ranks run one program?",
                worker, h->format, p->format);
  if (h->n == p->n) return STATUS_OK;
  return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: n is %u, expected %zu", worker, h->n, p->n);
}

/* Checks what the host can see; *count is how many entries the message carries. Where entries may be given by the
 * caller (pipeline_encode_sparse), fewer than the selector picks are good too. */
static enum status check_head(const pipeline *p, int worker, const message *in, size_t *count) {
  const message_head h = *in->head;
  TRY_RETURN(pipeline_check_kind(p, worker, &h));
  const bool any_count = pipeline_is_sparse(p) && p->scope == SCOPE_GLOBAL;
  if (h.count > p->count || (h.count < p->count && !any_count))
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: count is %u, expected %zu", worker, h.count, p->count);
  size_t body_bytes = p->body_bytes;
  uint64_t padding_bits = p->padding_bits;
  if (h.count < p->count) {
    const extent e = pipeline_extent(p, p->n, h.count);
    body_bytes = e.value_bytes + e.index_bytes;
    padding_bits = e.padding_bits;
  }
  if (h.body_bytes != body_bytes || in->capacity < sizeof h + body_bytes)
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: body_bytes is %u in %zu bytes, expected %zu", worker,
                h.body_bytes, in->capacity, body_bytes);
  if (h.padding_bits != padding_bits)
    return FAIL(STATUS_BAD_MESSAGE, "worker %d's message: padding_bits is %u, expected %llu", worker, h.padding_bits,
                (unsigned long long)padding_bits);
  *count = h.count;
  return STATUS_OK;
}

void pipeline_get_values(pipeline *p, const call *c, const unsigned char *body, float *value, size_t count) {
  const call own = pipeline_coder_call(p, c);
  vec_fill(p->stream, value, 0, count);
  p->coder->decode_add(p->coder_state, &own, body, 1, value, count);
}

/* Reads `count` entries of a part of n elements, as put_entries wrote them. */
static void get_entries(pipeline *p, const call *c, size_t n, size_t count, const unsigned char *body, sparse *out) {
  const size_t value_bytes = pipeline_extent(p, n, count).value_bytes;
  if (p->coder)
    pipeline_get_values(p, c, body, out->value, count);
  else
    stream_copy(p->stream, out->value, body, value_bytes);
  indices_of(p->device)->decode(p->stream, p->indices, n, (const uint32_t *)(const void *)(body + value_bytes), count,
                                out->index);
  const uint32_t word = (uint32_t)count;
  indices_of(p->device)->put(p->stream, out->count, &word, 1);
}

/* Compares part i's head on the device with what it must be. */
static void check_part_head(pipeline *p, size_t i, const extent *e, const message *in) {
  const uint32_t head[] = {(uint32_t)p->parts[i].count, (uint32_t)(e->value_bytes + e->index_bytes)};
  const unsigned char *at = message_body(in) + i * sizeof(part_head);
  indices_of(p->device)->expect(p->stream, (const uint32_t *)(const void *)at, head, 2);
}

/* y += a C(x), the head being good. `count` is all parts' entries. */
static void add_body(pipeline *p, uint64_t round, int worker, const message *in, size_t count, float a, float *y) {
  const unsigned char *body = message_body(in) + pipeline_framing_bytes(p);
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const size_t carried = p->scope == SCOPE_GLOBAL ? count : t->count;
    const extent e = pipeline_extent(p, t->n, carried);
    const call c = pipeline_call(p, round, worker, i);
    if (p->is_framed) check_part_head(p, i, &e, in);
    if (p->selector) {
      sparse entries = pipeline_view(p, i, &p->entries);
      get_entries(p, &c, t->n, carried, body, &entries);
      vec_scatter_add(p->stream, a, &entries, y + t->offset, t->n);
    } else {
      p->coder->decode_add(p->coder_state, &c, body, a, y + t->offset, t->n);
    }
    body += e.value_bytes + e.index_bytes;
  }
}

enum status pipeline_decode_add(pipeline *p, uint64_t round, int worker, const message *in, float a, float *y) {
  size_t count = 0;
  if (p->is_variable) return variable_decode_add(p, round, worker, in, a, y);
  TRY_RETURN(check_head(p, worker, in, &count));
  add_body(p, round, worker, in, count, a, y);
  return p->stream->error;
}

enum status pipeline_encode_feedback(pipeline *p, uint64_t round, int worker, const float *g, float *e, message *out) {
  vec_add(p->stream, g, e, e, p->n);
  if (p->is_variable) return variable_encode(p, round, worker, e, e, out);
  TRY_RETURN(pipeline_encode(p, round, worker, e, out));
  add_body(p, round, worker, out, p->count, -1, e);
  return p->stream->error;
}

enum status pipeline_decode_sparse(pipeline *p, uint64_t round, int worker, const message *in, sparse *out) {
  size_t count = 0;
  if (!pipeline_is_sparse(p) || out->capacity < p->count)
    return FAIL(STATUS_BAD_INPUT, "reading entries needs a selector alone and room for %zu of them", p->count);
  if (p->is_variable) return variable_decode_sparse(p, round, worker, in, out);
  TRY_RETURN(check_head(p, worker, in, &count));
  const unsigned char *body = message_body(in) + pipeline_framing_bytes(p);
  for (size_t i = 0; i < p->n_parts; i++) {
    const part *t = &p->parts[i];
    const size_t carried = p->scope == SCOPE_GLOBAL ? count : t->count;
    const extent e = pipeline_extent(p, t->n, carried);
    const call c = pipeline_call(p, round, worker, i);
    sparse entries = pipeline_view(p, i, out);
    if (p->is_framed) check_part_head(p, i, &e, in);
    get_entries(p, &c, t->n, carried, body, &entries);
    indices_of(p->device)->shift(p->stream, entries.index, carried, (uint32_t)t->offset);
    body += e.value_bytes + e.index_bytes;
  }
  const uint32_t total = (uint32_t)count;
  indices_of(p->device)->put(p->stream, out->count, &total, 1);
  return p->stream->error;
}
