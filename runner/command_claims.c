/* `terse claims`: what was published against what was measured. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runner/clock.h"
#include "runner/commands.h"
#include "runner/options.h"
#include "runner/read_only.h"
#include "runner/result_table.h"
#include "runner/store.h"

typedef struct claims_options {
  const char *database, *tier, *format;
} claims_options;

static enum status enter_files(store *s, const text_list *files) {
  for (size_t i = 0; i < files->n; i++) {
    claim_list list;
    TRY_RETURN(claims_load(files->items[i], &list));
    const enum status status = store_set_claims(s, list.experiment, list.items, list.n);
    claims_free(&list);
    if (status != STATUS_OK) return status;
  }
  return store_commit(s);
}

/* Every claim with every tier of its experiment that has results, or with the one asked for. */
static const char pairs_sql[] =
    "SELECT c.experiment, t.tier, c.id, c.statement, c.query, c.published, c.tolerance, c.relation, c.standing"
    " FROM claim AS c JOIN (SELECT experiment, tier FROM runs WHERE status IN ('finished', 'diverged')"
    " UNION SELECT experiment, ?1 FROM claim WHERE ?1 IS NOT NULL) AS t ON t.experiment = c.experiment"
    " WHERE t.tier = coalesce(?1, t.tier) ORDER BY c.experiment, t.tier, c.position";

static const char *text(sqlite3_stmt *row, int column) { return (const char *)sqlite3_column_text(row, column); }

/* Judges by the reading connection and stores by the writing one; the verdicts of before go. */
static enum status judge_all(store *s, sqlite3 *reader, const char *tier) {
  enum status status = STATUS_OK;
  sqlite3_stmt *row = NULL;
  if (sqlite3_prepare_v2(reader, pairs_sql, -1, &row, NULL) != SQLITE_OK)
    return FAIL(STATUS_STORE, "cannot read the claims: %s", sqlite3_errmsg(reader));
  TRY(store_clear_verdicts(s, tier));
  if (tier) sqlite3_bind_text(row, 1, tier, -1, SQLITE_STATIC);
  int code;
  while ((code = sqlite3_step(row)) == SQLITE_ROW) {
    const claim c = {.id = text(row, 2),
                     .statement = text(row, 3),
                     .query = text(row, 4),
                     .published = sqlite3_column_double(row, 5),
                     .tolerance = sqlite3_column_double(row, 6),
                     .relation = text(row, 7),
                     .standing = text(row, 8)};
    judgement j;
    TRY(claim_judge(reader, text(row, 0), text(row, 1), &c, &j));
    TRY(store_set_verdict(s, text(row, 0), c.id, text(row, 1), &j));
  }
  if (code != SQLITE_DONE) status = FAIL(STATUS_STORE, "cannot read the claims: %s", sqlite3_errmsg(reader));
exit:
  sqlite3_finalize(row);
  return status == STATUS_OK ? store_commit(s) : status;
}

static enum status print_table(sqlite3 *reader, const char *tier, enum table_format format) {
  static const char sql[] =
      "SELECT experiment, iif(tier = '', 'base', tier) AS tier, id AS claim,"
      " replace(relation, '_', ' ') || ' ' || printf('%.4g', published) || iif(tolerance > 0, printf(' +- %.4g',"
      " tolerance), '') || ' [' || standing || ']' AS published, measured, low, high, seeds, verdict"
      " FROM claims WHERE verdict IS NOT NULL AND tier = coalesce(?1, tier) ORDER BY experiment, tier, position";
  sqlite3_stmt *rows = NULL;
  if (sqlite3_prepare_v2(reader, sql, -1, &rows, NULL) != SQLITE_OK)
    return FAIL(STATUS_STORE, "cannot read the verdicts: %s", sqlite3_errmsg(reader));
  if (tier) sqlite3_bind_text(rows, 1, tier, -1, SQLITE_STATIC);
  const enum status status = statement_table(rows, format, stdout);
  sqlite3_finalize(rows);
  return status;
}

static enum status count_contradicted(sqlite3 *reader, const char *tier, int64_t *out) {
  sqlite3_stmt *row = NULL;
  enum status status = STATUS_OK;
  if (sqlite3_prepare_v2(reader,
                         "SELECT count(*) FROM verdict WHERE verdict = 'contradicted' AND tier = coalesce(?1, tier)",
                         -1, &row, NULL) == SQLITE_OK &&
      (!tier || sqlite3_bind_text(row, 1, tier, -1, SQLITE_STATIC) == SQLITE_OK) && sqlite3_step(row) == SQLITE_ROW)
    *out = sqlite3_column_int64(row, 0);
  else
    status = FAIL(STATUS_STORE, "cannot read the verdicts: %s", sqlite3_errmsg(reader));
  sqlite3_finalize(row);
  return status;
}

static enum status claims(const claims_options *o, const text_list *files, int64_t *n_contradicted) {
  enum status status = STATUS_OK;
  enum table_format format;
  store *s = NULL;
  sqlite3 *reader = NULL;
  char remark[512];
  const uint64_t deadline_ns = clock_now_ns() + 300000000000u;
  TRY(table_format_from(o->format, &format));
  TRY(store_open(o->database, &s));
  TRY(enter_files(s, files));
  TRY(store_open_to_read(o->database, &reader, remark, sizeof remark));
  read_only_guard(reader, &deadline_ns);
  TRY(judge_all(s, reader, o->tier));
  TRY(print_table(reader, o->tier, format));
  TRY(count_contradicted(reader, o->tier, n_contradicted));
exit:
  sqlite3_close(reader);
  store_close(s);
  return status;
}

int command_claims(const environment *e, int argc, char **argv) {
  (void)e;
  claims_options o = {.database = DEFAULT_DATABASE, .format = "table"};
  const option_spec options[] = {
      {"tier", OPTION_TEXT, &o.tier, "T", "only this tier's results (default: every tier that has some)", 0},
      {"format", OPTION_TEXT, &o.format, "F", "table, csv or json (default table)", 0},
      {"db", OPTION_TEXT, &o.database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0},
      {0}};
  const command_spec c = {
      .name = "claims",
      .usage = "[FILE…] [options]",
      .help =
          "Judges the claims of the experiments in the database: each is a query over the results, a published value\n"
          "with its standing, and a relation. The measured value is the mean over seeds; where its 95 % interval (a\n"
          "bootstrap over seeds) lies within what was published the claim is confirmed, where they have nothing in\n"
          "common contradicted, else inconclusive, as without results or with one seed. FILEs bring their claims up\n"
          "to date first. Verdicts are kept in the view `claims`.\n"
          "Standing: code or abs, read in the authors' code or abstract; mem, remembered (mem?: shaky); der, derived;\n"
          "rec, our reconstruction.",
      .options = options,
      .after =
          "Example\n  terse claims experiments/gtopk/*.yaml --tier smoke\n\n"
          "Exit status: 0 nothing contradicted, 1 a claim is contradicted, 2 bad input.",
      .max_words = INT_MAX};
  command_line l;
  int64_t n_contradicted = 0;
  enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK)
    status = claims(&o, &l.words, &n_contradicted);
  command_line_free(&c, &l);
  return status == STATUS_OK ? n_contradicted > 0 : command_failed(status);
}
