/* Messages whose sizes the device decides: where their parts lie. */
#include "algorithms/index_internal.h"
#include "core/kernel.h"
#include "core/message.h"

typedef struct {
  part_layout part;
  uint32_t *message_head;
} lay_args;

static HD inline void lay_one(const lay_args *p, size_t i) {
  part_place *to = &p->part.place[i];
  const uint32_t count = *p->part.count;
  to->value_words = p->part.is_coded ? p->part.coded_words : count;
  to->values_at = to->end;
  to->indices_at = to->values_at + to->value_words;
  to->end = to->indices_at + to->index_words;
  const uint32_t n_bytes = 4 * (to->value_words + to->index_words);
  if (p->part.head) {
    p->part.head[0] = count;
    p->part.head[1] = n_bytes;
  }
  message_head *head = (message_head *)(void *)p->message_head;
  head->padding_bits = (uint16_t)(head->padding_bits + to->padding_bits + p->part.coded_padding);
  head->count += count;
  head->body_bytes += n_bytes;
}
KERNEL(lay_all, lay_args, lay_one)

void parts_lay(stream *s, const part_layout *part, uint32_t *message_head) {
  const lay_args a = {.part = *part, .message_head = message_head};
  lay_all(s, 1, a);
}

typedef struct {
  part_layout part;
  uint32_t *fault;
  uint32_t total_words;
} find_args;

static HD inline void find_one(const find_args *p, size_t i) {
  part_place *to = &p->part.place[i];
  uint32_t count = p->part.head[0], words = p->part.head[1] / 4;
  uint32_t value_words = p->part.is_coded ? p->part.coded_words : count;
  if (count > p->part.most || (p->part.is_fixed && count != p->part.most) || p->part.head[1] % 4 != 0 ||
      value_words > words || words - value_words > p->part.most_index_words || words > p->total_words - to->end) {
    kernel_fault(p->fault, FAULT_VALUE);
    count = words = value_words = 0;
  }
  *p->part.count = count;
  to->value_words = value_words;
  to->index_words = words - value_words;
  to->values_at = to->end;
  to->indices_at = to->end + value_words;
  to->end += words;
}
KERNEL(find_all, find_args, find_one)

void parts_find(stream *s, const part_layout *part, uint32_t total_words) {
  const find_args a = {.part = *part, .fault = s->fault, .total_words = total_words};
  find_all(s, 1, a);
}

typedef struct {
  const uint32_t *from, *from_at, *to_at, *n;
  uint32_t *to;
} move_args;

static HD inline void move_one(const move_args *p, size_t j) {
  if (j < *p->n) p->to[(p->to_at ? *p->to_at : 0) + j] = p->from[(p->from_at ? *p->from_at : 0) + j];
}
KERNEL(move_all, move_args, move_one)

void parts_move(stream *s, const uint32_t *from, const uint32_t *from_at, uint32_t *to, const uint32_t *to_at,
                const uint32_t *n, size_t most) {
  const move_args a = {.from = from, .from_at = from_at, .to_at = to_at, .n = n, .to = to};
  move_all(s, most, a);
}

typedef struct {
  const uint32_t *from;
  uint32_t *to;
} count_args;
static HD inline void add_one(const count_args *p, size_t i) { p->to[i] += p->from[i]; }
KERNEL(add_all, count_args, add_one)

void parts_add_count(stream *s, const uint32_t *from, uint32_t *to) {
  const count_args a = {.from = from, .to = to};
  add_all(s, 1, a);
}
