#include "runner/claim.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runner/section.h"

enum { N_RESAMPLES = 4000 };

/* ---- reading */

static const param numbers[] = {{.name = "published", .type = PARAM_REAL, .help = "the published value"},
                                {.name = "tolerance",
                                 .type = PARAM_REAL,
                                 .fallback = "0",
                                 .max = INFINITY,
                                 .help = "how far from it is still the same"},
                                {.name = "relation",
                                 .type = PARAM_CHOICE,
                                 .fallback = "equal",
                                 .choices = "equal|at_most|at_least",
                                 .help = "how what is measured stands to it"},
                                {.name = "standing",
                                 .type = PARAM_CHOICE,
                                 .choices = "code|abs|mem|mem?|der|rec",
                                 .help = "how the published value is known"},
                                PARAM_END};
static const char *const texts[] = {"id", "query", "statement", NULL};
static const section claim_section = {.name = "a claim", .tables = {numbers}, .nested = texts};

static enum status read_text(arena *memory, const node *map, const char *key, const char *fallback, const char **out) {
  const node *written = node_get(map, key);
  if (!written && !fallback) return FAIL_AT(map->at, "a claim needs the key '%s'", key);
  if (written && (written->kind != NODE_SCALAR || !written->text[0]))
    return FAIL_AT(written->at, "%s is a text, but this is %s", key, node_kind_name(written));
  const char *text = written ? written->text : fallback;
  *out = arena_text(memory, text, strlen(text));
  return *out ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status read_claim(arena *memory, const node *map, claim *out) {
  args read[SECTION_MAX_TABLES];
  TRY_RETURN(section_read(memory, map, &claim_section, read));
  TRY_RETURN(read_text(memory, map, "id", NULL, &out->id));
  for (const char *c = out->id; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("_-", *c))
      return FAIL_AT(node_get(map, "id")->at, "a claim's id is letters, digits, '_' and '-' only");
  TRY_RETURN(read_text(memory, map, "query", NULL, &out->query));
  TRY_RETURN(read_text(memory, map, "statement", out->id, &out->statement));
  out->published = args_real(&read[0], "published");
  out->tolerance = args_real(&read[0], "tolerance");
  out->relation = args_text(&read[0], "relation");
  out->standing = args_text(&read[0], "standing");
  return STATUS_OK;
}

enum status claims_read(arena *memory, const node *file, claim_list *out) {
  const node *list = node_get(file, "claims"), *name = node_get(file, "experiment");
  *out = (claim_list){.experiment = name && name->kind == NODE_SCALAR ? name->text : ""};
  if (!list) return STATUS_OK;
  if (list->kind != NODE_LIST)
    return FAIL_AT(list->at, "claims is a list of maps, but this is %s", node_kind_name(list));
  out->items = arena_take(memory, list->n * sizeof *out->items);
  if (!out->items) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < list->n; i++) {
    if (list->items[i]->kind != NODE_MAP)
      return FAIL_AT(list->items[i]->at, "a claim is a map, but this is %s", node_kind_name(list->items[i]));
    TRY_RETURN(read_claim(memory, list->items[i], &out->items[i]));
    for (size_t k = 0; k < i; k++)
      if (strcmp(out->items[k].id, out->items[i].id) == 0)
        return FAIL_AT(list->items[i]->at, "two claims have the id '%s'", out->items[i].id);
    out->n++;
  }
  return STATUS_OK;
}

enum status claims_load(const char *file, claim_list *out) {
  arena *memory;
  const node *root;
  *out = (claim_list){0};
  TRY_RETURN(arena_create(&memory));
  enum status status = yaml_read_file(memory, file, &root);
  if (status == STATUS_OK) status = claims_read(memory, root, out);
  if (status == STATUS_OK && !out->experiment[0])
    status = FAIL_AT(root->at, "the key 'experiment' is missing: rows of results carry this name");
  out->memory = memory;
  if (status != STATUS_OK) claims_free(out);
  return status;
}

void claims_free(claim_list *list) {
  arena_destroy(list->memory);
  *list = (claim_list){0};
}

/* ---- judging */

static enum status collect(sqlite3_stmt *rows, const char *id, double **values, size_t *n) {
  const int column = sqlite3_column_count(rows) - 1;
  int code;
  while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
    double *more = realloc(*values, (*n + 1) * sizeof *more);
    if (!more) return FAIL(STATUS_NO_MEMORY, "no memory for %zu values", *n + 1);
    *values = more;
    more[(*n)++] = sqlite3_column_type(rows, column) == SQLITE_NULL ? NAN : sqlite3_column_double(rows, column);
  }
  if (code == SQLITE_DONE) return STATUS_OK;
  return FAIL(STATUS_BAD_INPUT, "claim %s: the query failed: %s", id, sqlite3_errmsg(sqlite3_db_handle(rows)));
}

static void bind(sqlite3_stmt *rows, const char *name, const char *value) {
  const int index = sqlite3_bind_parameter_index(rows, name);
  if (index > 0) sqlite3_bind_text(rows, index, value, -1, SQLITE_STATIC);
}

static interval allowed_by(const claim *c) {
  return (interval){strcmp(c->relation, "at_most") == 0 ? -INFINITY : c->published - c->tolerance,
                    strcmp(c->relation, "at_least") == 0 ? INFINITY : c->published + c->tolerance};
}

enum status claim_judge(sqlite3 *connection, const char *experiment, const char *tier, const claim *c, judgement *out) {
  enum status status = STATUS_OK;
  sqlite3_stmt *rows = NULL;
  double *values = NULL;
  size_t n = 0;
  *out = (judgement){.verdict = VERDICT_INCONCLUSIVE, .measured = NAN, .interval = {-INFINITY, INFINITY}};
  if (sqlite3_prepare_v2(connection, c->query, -1, &rows, NULL) != SQLITE_OK || !rows)
    return FAIL(STATUS_BAD_INPUT, "claim %s: %s", c->id, rows ? "" : sqlite3_errmsg(connection));
  const int n_columns = sqlite3_column_count(rows);
  if (n_columns != 1 && n_columns != 2) {
    status =
        FAIL(STATUS_BAD_INPUT, "claim %s: the query answers %d columns, not value or seed and value", c->id, n_columns);
    goto exit;
  }
  bind(rows, ":experiment", experiment);
  bind(rows, ":tier", tier);
  TRY(collect(rows, c->id, &values, &n));
  if (n == 0) goto exit;
  if (n_columns == 1 && n > 1) {
    status =
        FAIL(STATUS_BAD_INPUT, "claim %s: an exact number is one row, not %zu; or answer seed and value", c->id, n);
  } else if (n_columns == 1) {
    out->measured = values[0];
    out->interval = (interval){values[0], values[0]};
  } else {
    out->n_seeds = n;
    TRY(mean_interval(values, n, N_RESAMPLES, 1, &out->measured, &out->interval));
  }
  out->verdict = verdict_within(out->interval, allowed_by(c));
exit:
  free(values);
  sqlite3_finalize(rows);
  return status;
}
