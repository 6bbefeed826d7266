#include "algorithms/codes.h"

#include <stdlib.h>

enum status codes_create(const args *a, void **state) {
  code_width *c = (code_width *)malloc(sizeof *c);
  *state = c;
  if (!c) return FAIL(STATUS_NO_MEMORY, "no memory for a compressor");
  c->bits = (unsigned)args_int(a, "bits");
  return STATUS_OK;
}

void codes_destroy(void *state) { free(state); }

double codes_theory_bits(const void *state, size_t n, enum index_convention convention) {
  (void)convention;
  return (double)n * codes_bits(state);
}

size_t codes_body_bytes(const void *state, size_t n) { return 4 * codes_words(codes_bits(state), n); }

unsigned codes_padding_bits(const void *state, size_t n) { return codes_padding(codes_bits(state), n); }
