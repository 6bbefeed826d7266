#include "analysis/probed_runs.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static const char *const query =
    "SELECT p.run, p.label, p.method = 'sgd', coalesce(json_extract(p.config, '$.method.memory'), 1) NOT IN (0, 'none')"
    "  AND coalesce(json_extract(p.config, '$.method.mode'), '') <> 'direct', p.seed,"
    "  p.workers, json_extract(p.config, '$.batch'), json_extract(p.config, '$.steps'),"
    "  json_extract(p.config, '$.optimizer.lr'), json_extract(p.config, '$.method.density'),"
    "  json_extract(p.config, '$.model.l2'), json_extract(p.config, '$.dataset.dimension'),"
    "  json_extract(p.config, '$.dataset.mu'), json_extract(p.config, '$.dataset.L'),"
    "  json_extract(p.config, '$.dataset.noise'), p.round, iif(count(p.value) = count(*), avg(p.value), NULL) "
    "FROM probes AS p JOIN runs AS r ON r.id = p.run AND r.experiment = p.experiment AND r.tier = p.tier "
    "WHERE p.experiment = ?1 AND p.tier = '' AND p.status = 'finished' AND p.name = ?2 "
    "GROUP BY r.position, p.run, p.round ORDER BY r.position, p.run, p.round";
enum {
  COLUMN_RUN,
  COLUMN_LABEL,
  COLUMN_DENSE,
  COLUMN_CONVERGES,
  COLUMN_SEED,
  COLUMN_WORKERS,
  COLUMN_BATCH,
  COLUMN_STEPS,
  COLUMN_LR,
  COLUMN_DENSITY,
  COLUMN_L2,
  COLUMN_DIMENSION,
  COLUMN_MU,
  COLUMN_L,
  COLUMN_NOISE,
  COLUMN_ROUND,
  COLUMN_VALUE
};

/* Room for one more element of `size` bytes in a list that doubles whenever its length n is a power of two. */
static enum status grow(void **list, size_t n, size_t size) {
  if ((n & (n - 1)) != 0) return STATUS_OK;
  void *larger = realloc(*list, (n > 0 ? 2 * n : 1) * size);
  if (!larger) return FAIL(STATUS_NO_MEMORY, "no memory for %zu probes", n + 1);
  *list = larger;
  return STATUS_OK;
}

static double number_or_nan(sqlite3_stmt *row, int column) {
  return sqlite3_column_type(row, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, column);
}

static enum status begin_run(sqlite3_stmt *row, probed_run *s) {
  *s = (probed_run){0};
  const char *label = (const char *)sqlite3_column_text(row, COLUMN_LABEL);
  if (!(sqlite3_column_double(row, COLUMN_STEPS) >= 1))
    return FAIL(STATUS_BAD_INPUT, "run %lld has no number of steps; give its experiment steps instead of epochs",
                sqlite3_column_int64(row, COLUMN_RUN));
  s->label = label ? strdup(label) : NULL;
  if (!s->label) return FAIL(STATUS_NO_MEMORY, "no memory for a label");
  s->is_dense = sqlite3_column_int(row, COLUMN_DENSE);
  s->converges = sqlite3_column_int(row, COLUMN_CONVERGES);
  s->seed = sqlite3_column_int64(row, COLUMN_SEED);
  s->workers = sqlite3_column_int(row, COLUMN_WORKERS);
  s->batch = sqlite3_column_int(row, COLUMN_BATCH);
  s->steps = sqlite3_column_double(row, COLUMN_STEPS);
  s->lr = sqlite3_column_double(row, COLUMN_LR);
  s->dimension = (size_t)sqlite3_column_int64(row, COLUMN_DIMENSION);
  s->mu = number_or_nan(row, COLUMN_MU);
  s->L = number_or_nan(row, COLUMN_L);
  s->noise = number_or_nan(row, COLUMN_NOISE);
  s->density = number_or_nan(row, COLUMN_DENSITY);
  s->l2 = number_or_nan(row, COLUMN_L2);
  return STATUS_OK;
}

static enum status add_probe(sqlite3_stmt *row, probed_run *s) {
  if (sqlite3_column_type(row, COLUMN_VALUE) == SQLITE_NULL)
    return FAIL(STATUS_BAD_INPUT, "run %lld has a probe that is not finite", sqlite3_column_int64(row, COLUMN_RUN));
  TRY_RETURN(grow((void **)&s->round, s->n, sizeof *s->round));
  TRY_RETURN(grow((void **)&s->value, s->n, sizeof *s->value));
  s->round[s->n] = sqlite3_column_double(row, COLUMN_ROUND);
  s->value[s->n++] = sqlite3_column_double(row, COLUMN_VALUE);
  return STATUS_OK;
}

enum status probed_runs_load(const char *database, const char *experiment, const char *series, probed_run **out,
                             size_t *n) {
  enum status status = STATUS_OK;
  sqlite3 *db = NULL;
  sqlite3_stmt *row = NULL;
  int64_t last_run = -1;
  *out = NULL;
  *n = 0;
  int code = sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL);
  if (code == SQLITE_OK) code = sqlite3_prepare_v2(db, query, -1, &row, NULL);
  if (code == SQLITE_OK) code = sqlite3_bind_text(row, 1, experiment, -1, SQLITE_STATIC);
  if (code == SQLITE_OK) code = sqlite3_bind_text(row, 2, series, -1, SQLITE_STATIC);
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    if ((code = sqlite3_step(row)) != SQLITE_ROW) break;
    const int64_t run = sqlite3_column_int64(row, COLUMN_RUN);
    if (run != last_run) {
      TRY(grow((void **)out, *n, sizeof **out));
      TRY(begin_run(row, &(*out)[*n]));
      (*n)++;
      last_run = run;
    }
    TRY(add_probe(row, &(*out)[*n - 1]));
  }
  if (code != SQLITE_DONE) {
    status = FAIL(STATUS_STORE, "%s: %s", database, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    goto exit;
  }
  if (*n == 0)
    status = FAIL(STATUS_BAD_INPUT, "%s has no finished run of '%s' with probes of %s; run the experiment first",
                  database, experiment, series);
exit:
  sqlite3_finalize(row);
  sqlite3_close(db);
  if (status != STATUS_OK) {
    probed_runs_free(*out, *n);
    *out = NULL;
    *n = 0;
  }
  return status;
}

void probed_runs_free(probed_run *list, size_t n) {
  for (size_t i = 0; i < n; i++) {
    free(list[i].label);
    free(list[i].round);
    free(list[i].value);
  }
  free(list);
}

double mean_over_rounds(const double *round, const double *value, size_t n) {
  if (n < 2) return NAN;
  double area = 0;
  for (size_t i = 1; i < n; i++) area += (round[i] - round[i - 1]) * (value[i] + value[i - 1]) / 2;
  return area / (round[n - 1] - round[0]);
}
