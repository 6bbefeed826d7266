#include "tests/scratch_database.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runner/embedded.h"

static void execute(scratch_database *s, const char *sql) {
  char *message = NULL;
  const int code = sqlite3_exec(s->db, sql, NULL, NULL, &message);
  cr_assert_eq(code, SQLITE_OK, "%s: %s", sql, message ? message : "");
}

void scratch_database_open(scratch_database *s) {
  snprintf(s->folder, sizeof s->folder, "/tmp/terse-test-XXXXXX");
  cr_assert_not_null(mkdtemp(s->folder));
  snprintf(s->path, sizeof s->path, "%s/results.db", s->folder);
  cr_assert_eq(sqlite3_open(s->path, &s->db), SQLITE_OK);
  execute(s, schema_sql);
  execute(s, views_sql);
}

void scratch_database_execute(scratch_database *s, const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *sql = sqlite3_vmprintf(format, values);
  va_end(values);
  cr_assert_not_null(sql);
  execute(s, sql);
  sqlite3_free(sql);
}

void scratch_database_add_run(scratch_database *s, int id, const char *experiment, const char *label,
                              const char *method, int workers, int seed, const char *config) {
  scratch_database_execute(
      s,
      "INSERT INTO cell (hash, config, label, method, compressor, model, dataset, workers, batch, seed,"
      " device) VALUES ('cell%d', %Q, %Q, %Q, 'none', 'model', 'data', %d, 1, %d, 'cpu');"
      "INSERT INTO experiment_cell (experiment, tier, cell, position) VALUES (%Q, '', 'cell%d', %d);"
      "INSERT INTO run (id, cell, attempt, status, ranks, started_at, git_commit, git_dirty, flags, host)"
      " VALUES (%d, 'cell%d', 1, 'finished', 1, '2026-01-31T12:00:00Z', 'abc', 0, '', 'host');",
      id, config, label, method, workers, seed, experiment, id, id, id, id);
}

void scratch_database_close(scratch_database *s) {
  sqlite3_close(s->db);
  DIR *folder = opendir(s->folder);
  cr_assert_not_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder));) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->folder, entry->d_name);
    if (entry->d_name[0] != '.') unlink(path);
  }
  closedir(folder);
  rmdir(s->folder);
}
