/* `terse plan`: what `terse run` would do. */
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runner/commands.h"
#include "runner/options.h"
#include "runner/plan.h"
#include "runner/store.h"
#include "runner/table.h"

typedef struct plan_command {
  const char *tier, *device, *database, *format;
  text_list sets;
} plan_command;

static void note(void *context, const char *line) {
  (void)context;
  fprintf(stderr, "%s\n", line);
}

/* Adds a cell's last run: its status and commit; `statement` NULL where there is no database yet. */
static enum status add_state(table *t, sqlite3_stmt *statement, const char *hash) {
  const bool known = statement && sqlite3_bind_text(statement, 1, hash, -1, SQLITE_STATIC) == SQLITE_OK;
  const int code = known ? sqlite3_step(statement) : SQLITE_DONE;
  if (code == SQLITE_ROW) {
    table_integer(t, sqlite3_column_int64(statement, 0));
    table_text(t, (const char *)sqlite3_column_text(statement, 1));
    table_text(t, (const char *)sqlite3_column_text(statement, 2));
    table_real(t, sqlite3_column_double(statement, 3), 4);
  } else {
    table_null(t);
    table_text(t, "to run");
    table_null(t);
    table_null(t);
  }
  if (statement) sqlite3_reset(statement);
  return code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : FAIL(STATUS_STORE, "the database cannot be read");
}

static enum status print_cells(const plan *p, sqlite3_stmt *statement, enum table_format format) {
  static const char *const names[] = {"hash", "cell", "seed", "workers", "run", "state", "commit", "time s"};
  enum status status = STATUS_OK;
  table *t = NULL;
  TRY_RETURN(table_begin(stdout, format, names, sizeof names / sizeof names[0], &t));
  for (size_t i = 0; i < p->n_cells; i++) {
    char label[160];
    cell_label(p->cells[i], label, sizeof label);
    table_text(t, p->cells[i]->hash);
    table_text(t, label);
    table_integer(t, (int64_t)p->cells[i]->seed);
    table_integer(t, p->cells[i]->workers);
    TRY(add_state(t, statement, p->cells[i]->hash));
  }
  return table_end(t);
exit:
  table_abandon(t);
  return status;
}

static enum status open_states(const char *file, sqlite3 **connection, sqlite3_stmt **statement) {
  struct stat about;
  char remark[512];
  if (stat(file, &about) != 0) return STATUS_OK;
  TRY_RETURN(store_open_to_read(file, connection, remark, sizeof remark));
  if (*remark) fprintf(stderr, "terse: %s\n", remark);
  static const char sql[] =
      "SELECT id, status || CASE WHEN status = 'interrupted' AND checkpoint_round > 0 THEN ', round ' || "
      "checkpoint_round"
      " ELSE '' END, substr(git_commit, 1, 12) || iif(git_dirty, ' with changes', ''), wall_s"
      " FROM run WHERE cell = ?1 ORDER BY id DESC LIMIT 1";
  if (sqlite3_prepare_v2(*connection, sql, -1, statement, NULL) == SQLITE_OK) return STATUS_OK;
  return FAIL(STATUS_STORE, "%s: %s", file, sqlite3_errmsg(*connection));
}

static enum status print_plans(const environment *e, const plan_command *o, const text_list *files) {
  enum status status = STATUS_OK;
  enum table_format format;
  sqlite3 *connection = NULL;
  sqlite3_stmt *statement = NULL;
  plan *p = NULL;
  const plan_options options = {.tier = o->tier,
                                .sets = o->sets.items,
                                .n_sets = o->sets.n,
                                .device = o->device,
                                .data_folder = e->data_folder,
                                .note = note};
  TRY(table_format_from(o->format, &format));
  TRY(open_states(o->database, &connection, &statement));
  for (size_t i = 0; i < files->n; i++) {
    TRY(plan_load(files->items[i], &options, &p));
    if (format == TABLE_TEXT)
      printf("%s%s%s%s: %zu cells\n", i ? "\n" : "", p->experiment, *p->tier ? ", tier " : "", p->tier, p->n_cells);
    TRY(print_cells(p, statement, format));
    plan_destroy(p);
    p = NULL;
  }
exit:
  plan_destroy(p);
  sqlite3_finalize(statement);
  sqlite3_close(connection);
  return status;
}

int command_plan(const environment *e, int argc, char **argv) {
  plan_command o = {.database = DEFAULT_DATABASE, .format = "table"};
  const option_spec options[] = {
      {"tier", OPTION_TEXT, &o.tier, "T", "smoke, laptop, gpu, paper (default: laptop where the file has it)", 0},
      {"set", OPTION_LIST, &o.sets, "KEY=VALUE", "change the file; may be repeated", 0},
      {"device", OPTION_TEXT, &o.device, "D", "auto, cpu or cuda (default: as the file says)", 0},
      {"db", OPTION_TEXT, &o.database, "FILE", "the database (default " DEFAULT_DATABASE ")", 0},
      {"format", OPTION_TEXT, &o.format, "F", "table, csv or json (default table)", 0},
      {0}};
  const command_spec c = {
      .name = "plan",
      .usage = "FILE… [options]",
      .help =
          "Checks experiment files and lists their cells: the hash of each configuration, and its last run in the\n"
          "database with the commit it was made at. Runs nothing and writes nothing.",
      .options = options,
      .after = "Example\n  terse plan experiments/demo.yaml --tier smoke\n\nExit status: 0 all well, 2 bad input.",
      .min_words = 1,
      .max_words = INT_MAX};
  command_line l;
  enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK)
    status = print_plans(e, &o, &l.words);
  command_line_free(&c, &l);
  return status == STATUS_OK ? 0 : command_failed(status);
}
