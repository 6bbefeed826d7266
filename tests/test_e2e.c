/* The program as users run it: each test is a script of tests/e2e, which says on standard error what went wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { SKIPPED = 77 }; /* exit status of a script that cannot run here; its last line says why */

static void run_script(const char *name) {
  char command[1024], line[512], last[512] = "";
  setenv("TERSE", TERSE_PROGRAM, 1);
  setenv("SOURCE", TERSE_SOURCE, 1);
  snprintf(command, sizeof command, "exec bash '%s/tests/e2e/%s.sh' 2>&1 </dev/null", TERSE_SOURCE, name);
  FILE *said = popen(command, "r");
  cr_assert_not_null(said);
  while (fgets(line, sizeof line, said)) {
    snprintf(last, sizeof last, "%s", line);
    if (line[0] == '!') fprintf(stderr, "%s: %s", name, line + 1);
  }
  const int status = pclose(said);
  if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) cr_skip_test("%s", last);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s.sh ended with status %#x; last words: %s", name, status,
            last);
}

#define SCRIPT(name) \
  Test(e2e, name, .timeout = 300) { run_script(#name); }

SCRIPT(bad_input)
SCRIPT(broken_store)
SCRIPT(claims)
SCRIPT(commands)
SCRIPT(crash)
SCRIPT(every_method)
SCRIPT(fetch)
SCRIPT(figures)
SCRIPT(interrupt)
#ifndef TERSE_SANITIZED /* it builds the program anew, as users do */
SCRIPT(new_compressor)
#endif
SCRIPT(query)
SCRIPT(readme_queries)
SCRIPT(run)
