#include "runner/launch_reason.h"

#include <criterion/criterion.h>
#include <string.h>

#define RULE "--------------------------------------------------------------------------\n"

static const char *reason(const char *said, int wait_status) {
  static char text[512];
  failure_reason(said, wait_status, text, sizeof text);
  return text;
}

Test(launch_reason, signals_as_mpirun_names_them) {
  cr_expect_str_eq(
      reason(RULE "Primary job  terminated normally, but 1 process returned\n" RULE RULE
                  "mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 (Killed).\n" RULE,
             9),
      "rank 1 was killed by signal 9 (Killed)");
  cr_expect_str_eq(
      reason("double free or corruption\n" RULE
             "mpirun noticed that process rank 12 with PID 0 on node vm exited on signal 6 (Aborted).\n" RULE,
             6),
      "rank 12 was killed by signal 6 (Aborted): double free or corruption");
}

Test(launch_reason, our_own_words_win) {
  cr_expect_str_eq(reason("warning of a library\nterse: rank 1: bad data: f.gz is truncated\n" RULE
                          "MPI_ABORT was invoked on rank 1\n" RULE "[vm:123] 1 more process has sent help message\n",
                          0x100),
                   "rank 1: bad data: f.gz is truncated");
}

Test(launch_reason, divergence_wins_over_what_follows_from_it) {
  const char *said = "terse: rank 2: diverged: the models of workers 2 and 3 are apart (f.c:1)\n"
                     "terse: rank 0: a peer failed or is out of step: rank 2 is gone (g.c:2)\n";
  cr_expect_str_eq(reason(said, 0x100), "rank 2: diverged: the models of workers 2 and 3 are apart (f.c:1)");
  cr_expect(reason_is_divergence(reason(said, 0x100)));
  cr_expect_not(reason_is_divergence("rank 2: bad data: the file diverged: no"));
  cr_expect_not(reason_is_divergence("the launcher was killed by signal 15 (Terminated)"));
}

Test(launch_reason, otherwise_how_it_ended) {
  cr_expect_str_eq(reason("", 0x300), "the run ended with exit status 3 without saying why");
  cr_expect_str_eq(reason("no such option\n\n", 0x100),
                   "the run ended with exit status 1 without saying why: no such option");
  cr_expect_str_eq(reason("", 15), "the launcher was killed by signal 15 (Terminated)");
  char huge[8192];
  memset(huge, 'x', sizeof huge - 1);
  huge[sizeof huge - 1] = '\0';
  cr_expect_lt(strlen(reason(huge, 0)), 512);
}
