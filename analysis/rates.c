/* terse-rates DATABASE: reads the runs of experiments/rates, fits their rates and judges them against theory. Exit
 * status: 0 all confirmed, 1 not, 2 the database lacks the runs or cannot be read. */
#include <stdio.h>

#include "analysis/rate_checks.h"

typedef enum status check(const probed_run *runs, size_t n, FILE *out, tally *verdicts);

/* `subtract`: what the values are counted from. */
static enum status judge(const char *database, const char *experiment, const char *series, double subtract,
                         check *judge_runs, tally *verdicts) {
  probed_run *runs;
  size_t n;
  TRY_RETURN(probed_runs_load(database, experiment, series, &runs, &n));
  for (size_t r = 0; r < n; r++)
    for (size_t i = 0; i < runs[r].n; i++) runs[r].value[i] -= subtract;
  printf("%s: %s\n", experiment, series);
  const enum status status = judge_runs(runs, n, stdout, verdicts);
  putchar('\n');
  probed_runs_free(runs, n);
  return status;
}

/* The runs of an experiment with two series. */
typedef struct run_pair {
  probed_run *first, *second;
  size_t n_first, n_second;
} run_pair;

static enum status load_pair(const char *database, const char *experiment, const char *first, const char *second,
                             run_pair *p) {
  TRY_RETURN(probed_runs_load(database, experiment, first, &p->first, &p->n_first));
  TRY_RETURN(probed_runs_load(database, experiment, second, &p->second, &p->n_second));
  if (p->n_first == p->n_second) return STATUS_OK;
  return FAIL(STATUS_BAD_INPUT, "runs of '%s' have %s but not %s", experiment, first, second);
}

static void free_pair(run_pair *p) {
  probed_runs_free(p->first, p->n_first);
  probed_runs_free(p->second, p->n_second);
}

static enum status judge_compression(const char *database, tally *verdicts) {
  run_pair p = {0};
  enum status status = load_pair(database, "rates-compression", "gradient_norm2", "residual_norm2", &p);
  if (status == STATUS_OK) status = check_compression(p.first, p.second, p.n_first, stdout, verdicts);
  putchar('\n');
  free_pair(&p);
  return status;
}

static enum status known_optimum(const char *database, double *optimum) {
  run_pair p = {0};
  enum status status = load_pair(database, "rates-optimum", "objective", "gradient_norm2", &p);
  if (status == STATUS_OK) status = find_optimum(&p.first[0], &p.second[0], stdout, optimum);
  free_pair(&p);
  return status;
}

static enum status judge_all(const char *database, tally *verdicts) {
  double optimum;
  TRY_RETURN(judge(database, "rates-descent", "gradient_norm2", 0, check_descent, verdicts));
  TRY_RETURN(judge(database, "rates-noise", "gradient_norm2", 0, check_noise, verdicts));
  TRY_RETURN(judge_compression(database, verdicts));
  TRY_RETURN(known_optimum(database, &optimum));
  TRY_RETURN(judge(database, "rates-softmax", "objective", optimum, check_noise, verdicts));
  return judge(database, "rates-speedup", "objective", optimum, check_speedup, verdicts);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: terse-rates DATABASE\n", stderr);
    return 2;
  }
  tally verdicts = {{0}};
  if (judge_all(argv[1], &verdicts) != STATUS_OK) {
    fprintf(stderr, "terse-rates: %s\n", status_detail());
    return 2;
  }
  printf("rates: %d confirmed, %d contradicted, %d inconclusive\n", verdicts.n[VERDICT_CONFIRMED],
         verdicts.n[VERDICT_CONTRADICTED], verdicts.n[VERDICT_INCONCLUSIVE]);
  return verdicts.n[VERDICT_CONTRADICTED] + verdicts.n[VERDICT_INCONCLUSIVE] > 0;
}
