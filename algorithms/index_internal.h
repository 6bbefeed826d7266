/* What the files behind index_coding.h share. */
#ifndef TERSE_ALGORITHMS_INDEX_INTERNAL_H
#define TERSE_ALGORITHMS_INDEX_INTERNAL_H

#include "algorithms/index_coding.h"

#ifdef __cplusplus
extern "C" {
#endif

/* gap_coding.c */
uint64_t gaps_most_bits(size_t n, size_t most);
void gaps_encode(stream *s, size_t n, const sparse *in, uint32_t *words, part_place *place);
void gaps_decode(stream *s, size_t n, const uint32_t *words, const part_place *place, sparse *out);
/* part_place.c */
void parts_lay(stream *s, const part_layout *part, uint32_t *message_head);
void parts_find(stream *s, const part_layout *part, uint32_t total_words);
void parts_move(stream *s, const uint32_t *from, const uint32_t *from_at, uint32_t *to, const uint32_t *to_at,
                const uint32_t *n, size_t most);
void parts_add_count(stream *s, const uint32_t *from, uint32_t *to);

#ifdef __cplusplus
}
#endif
#endif
