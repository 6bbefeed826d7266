/* What the sanitizers are told, where the tests are built with them (`make asan`); otherwise nobody calls these. */

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

/* Criterion's runner, unlike the tests it starts, leaks a few bytes of its own. It is compiled without frame pointers: only
 * the slow unwinder sees who called. */
const char *__asan_default_options(void) { return "fast_unwind_on_malloc=0"; }
const char *__lsan_default_suppressions(void) { return "leak:criterion_run_all_tests\n"; }
const char *__lsan_default_options(void) { return "print_suppressions=0"; }
