#include "models/lives.h"

#include <criterion/criterion.h>

#include "core/rng.h"

/* Whatever lives at once lies apart and aligned, and little more memory is taken than lives at once. */
Test(lives, that_overlap_lie_apart) {
  enum { N = 60, STEPS = 80 };
  static const size_t alignments[] = {1, 64, 256};
  for (uint64_t seed = 0; seed < 60; seed++) {
    const rng_key key = rng_stream(seed, RNG_TEST, -1, 0);
    const size_t alignment = alignments[seed % 3];
    life lives[N];
    size_t total, at_once = 0;
    for (uint64_t i = 0; i < N; i++) {
      const rng_words drawn = rng_draw(key, i);
      lives[i] = life_unused(1 + drawn.w[0] % 100000);
      lives[i].next = i > 0 ? &lives[i - 1] : NULL;
      if (drawn.w[1] % 10 == 0) continue;
      life_touch(&lives[i], drawn.w[1] % STEPS);
      life_touch(&lives[i], (drawn.w[1] % STEPS + drawn.w[2] % 20) % STEPS);
    }
    cr_assert_eq(lives_lay_out(&lives[N - 1], alignment, &total), STATUS_OK);
    for (int i = 0; i < N; i++) {
      if (lives[i].first == LIFE_STEPS_MAX) continue;
      cr_assert(lives[i].offset % alignment == 0 && lives[i].offset + lives[i].n_bytes <= total);
      for (int k = 0; k < i; k++) {
        const life *a = &lives[i], *b = &lives[k];
        if (b->first == LIFE_STEPS_MAX || a->first > b->last || b->first > a->last) continue;
        cr_assert(a->offset + a->n_bytes <= b->offset || b->offset + b->n_bytes <= a->offset);
      }
    }
    for (size_t when = 0; when < STEPS; when++) {
      size_t living = 0;
      for (int i = 0; i < N; i++) living += lives[i].first <= when && when <= lives[i].last ? lives[i].n_bytes : 0;
      at_once = living > at_once ? living : at_once;
    }
    cr_assert(total >= at_once && (double)total < 1.3 * (double)at_once + 256 * N, "%zu of %zu", total, at_once);
  }
}

Test(lives, nothing_takes_nothing) {
  size_t total = 9;
  life one = life_unused(100);
  cr_assert_eq(lives_lay_out(NULL, 64, &total), STATUS_OK);
  cr_assert_eq(total, 0);
  cr_assert_eq(lives_lay_out(&one, 64, &total), STATUS_OK);
  cr_assert(total == 0 && one.offset == 0);
}
