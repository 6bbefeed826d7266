/* Word-level language modelling. A text is lines of words; its tokens are the numbers of the words, and "<eos>" ends
 * each line. Sample i has the tokens i T to i T + T - 1 as input (as floats, exact below 2^24) and the tokens one later
 * as labels, T = width = steps; a rest that does not fill a sample is left out.
 *
 * The vocabulary (datasets/vocabulary.h) is that of the training text; where it is limited, what is rarer becomes
 * "<unk>", and so does a word that only the test text has. */
#ifndef TERSE_DATASETS_TEXT_H
#define TERSE_DATASETS_TEXT_H

#include "datasets/files.h"

typedef struct text_part {
  const char *bytes;
  size_t n;
} text_part;

typedef struct text_options {
  const char *name;       /* for sentences */
  bool splits_characters; /* false: words lie between spaces. true: words are runs of letters, digits, apostrophes and
                           * hyphens, and every other visible character is a word of its own */
  size_t max_words;       /* size of the vocabulary at most, "<eos>" and "<unk>" included */
  size_t steps;           /* T */
} text_options;

/* Makes the data set; keeps nothing of the texts. Module, checksum and standing are the caller's to set.
 * STATUS_BAD_INPUT where a text is too short for one sample. */
enum status text_open(const text_options *o, text_part train, text_part test, data **out) WARN_UNUSED;

#endif
