/* Numbers for words: counted first, then ranked by falling frequency, ties in byte order. */
#ifndef TERSE_DATASETS_VOCABULARY_H
#define TERSE_DATASETS_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct vocabulary vocabulary;

/* Holds "<unk>" from the beginning, which stands for every word without a number. */
enum status vocabulary_create(vocabulary **out) WARN_UNUSED;
void vocabulary_destroy(vocabulary *v); /* NULL is ignored */

/* Counts a word once more; its bytes must live as long as the vocabulary. */
enum status vocabulary_count(vocabulary *v, const char *word, size_t n) WARN_UNUSED;

/* Numbers the words: the max_words most frequent ones, "<unk>" always among them. Returns how many there are. */
enum status vocabulary_rank(vocabulary *v, size_t max_words, size_t *n_words) WARN_UNUSED;

/* The number of a word after vocabulary_rank; that of "<unk>" where it has none. */
uint32_t vocabulary_number(const vocabulary *v, const char *word, size_t n);

#endif
