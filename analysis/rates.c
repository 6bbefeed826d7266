/* terse-rates DATABASE: reads the runs of rates-descent and rates-noise, fits their rates and judges them against
 * theory. Exit status: 0 all confirmed, 1 not, 2 the database lacks the runs or cannot be read. */
#include <stdio.h>

#include "analysis/rate_checks.h"

typedef enum status check(const probed_run *runs, size_t n, FILE *out, tally *verdicts);

static enum status judge(const char *database, const char *experiment, check *judge_runs, tally *verdicts) {
  probed_run *runs;
  size_t n;
  TRY_RETURN(probed_runs_load(database, experiment, &runs, &n));
  const enum status status = judge_runs(runs, n, stdout, verdicts);
  probed_runs_free(runs, n);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: terse-rates DATABASE\n", stderr);
    return 2;
  }
  enum status status;
  tally verdicts = {{0}};
  TRY(judge(argv[1], "rates-descent", check_descent, &verdicts));
  putchar('\n');
  TRY(judge(argv[1], "rates-noise", check_noise, &verdicts));
  printf("\nrates: %d confirmed, %d contradicted, %d inconclusive\n", verdicts.n[VERDICT_CONFIRMED],
         verdicts.n[VERDICT_CONTRADICTED], verdicts.n[VERDICT_INCONCLUSIVE]);
  return verdicts.n[VERDICT_CONTRADICTED] + verdicts.n[VERDICT_INCONCLUSIVE] > 0;
exit:
  fprintf(stderr, "terse-rates: %s\n", status_detail());
  return 2;
}
