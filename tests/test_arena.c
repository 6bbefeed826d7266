#include <criterion/criterion.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runner/arena.h"

Test(arena, memory_is_zeroed_aligned_and_apart) {
  arena *memory;
  cr_assert_eq(arena_create(&memory), STATUS_OK);
  unsigned char *pieces[200];
  for (size_t i = 0; i < 200; i++) {
    const size_t n = i * i % 977 + (i % 50 == 0 ? 20000 : 0);
    pieces[i] = arena_take(memory, n);
    cr_assert_not_null(pieces[i]);
    cr_assert_eq((size_t)pieces[i] % _Alignof(max_align_t), 0);
    for (size_t k = 0; k < n; k++) cr_assert_eq(pieces[i][k], 0);
    if (n > 0) memset(pieces[i], (int)(i + 1), n);
  }
  for (size_t i = 0; i < 200; i++) {
    const size_t n = i * i % 977 + (i % 50 == 0 ? 20000 : 0);
    for (size_t k = 0; k < n; k++) cr_assert_eq(pieces[i][k], (unsigned char)(i + 1), "piece %zu was overwritten", i);
  }
  cr_expect_str_eq(arena_text(memory, "abcdef", 3), "abc");
  cr_expect_null(arena_take(memory, SIZE_MAX - 4));
  cr_expect(strstr(status_detail(), "no memory"), "%s", status_detail());
  arena_destroy(memory);
  arena_destroy(NULL);
}
