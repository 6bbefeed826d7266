/* Opening the results database, to write and to read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/embedded.h"
#include "runner/store_internal.h"

enum { APPLICATION_ID = 1952805491 }; /* as in schema.sql */

enum status store_failure(sqlite3 *connection, const char *file, const char *doing) {
  const int code = connection ? sqlite3_errcode(connection) : SQLITE_NOMEM;
  const char *words = connection ? sqlite3_errmsg(connection) : "out of memory", *remedy = "";
  if (code == SQLITE_FULL) remedy = ": the disk is full; free space, or choose another place with --db FILE";
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
    remedy = ": it or its folder cannot be written; choose another place with --db FILE";
  if (code == SQLITE_IOERR) remedy = ": is the disk full or the file system gone? Choose another place with --db FILE";
  if (code == SQLITE_BUSY) remedy = ": another program holds it; try again when that is done";
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
    remedy = ": it is not an intact SQLite database; move it away, or choose another with --db FILE";
  return FAIL(STATUS_STORE, "%s: cannot %s (%s)%s", file, doing, words, remedy);
}

/* Creates the folders above `file`. */
static enum status make_folders(const char *file) {
  enum status status = STATUS_OK;
  char *path = strdup(file);
  if (!path) return FAIL(STATUS_NO_MEMORY, "no memory for the name of the database");
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
      status = FAIL(STATUS_STORE, "%s: cannot create the folder %s (%s); choose another place with --db FILE", file,
                    path, strerror(errno));
      break;
    }
    *slash = '/';
  }
  free(path);
  return status;
}

/* Whether the locked file is still the one of that name: the last holder removes it. */
static bool is_current(int lock, const char *name) {
  struct stat held, named;
  return fstat(lock, &held) == 0 && stat(name, &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

/* One front process at a time: a `running` row that nobody holds is then known to be left over from a crash. File
 * systems without locks go unguarded. */
static enum status take_lock(store *s) {
  for (;;) {
    s->lock = open(s->lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0)
      return FAIL(STATUS_STORE, "%s: cannot write in its folder (%s); choose another place with --db FILE", s->file,
                  strerror(errno));
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      close(s->lock);
      s->lock = -1;
      return FAIL(STATUS_STORE, "%s: another terse is writing it; wait for that, or use another --db FILE", s->file);
    }
    if (is_current(s->lock, s->lock_name)) return STATUS_OK;
    close(s->lock);
  }
}

static int64_t read_number(sqlite3 *connection, const char *sql, int64_t otherwise) {
  sqlite3_stmt *statement = NULL;
  int64_t value = otherwise;
  if (sqlite3_prepare_v2(connection, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

/* Whether the file is ours and of a version we know; *version is 0 where it is still to be made. */
static enum status check_version(sqlite3 *connection, const char *file, int64_t *version) {
  *version = 0;
  const int64_t n_objects = read_number(connection, "SELECT count(*) FROM sqlite_schema", -1);
  if (n_objects < 0) return store_failure(connection, file, "read it");
  if (n_objects == 0) return STATUS_OK;
  if (read_number(connection, "PRAGMA application_id", 0) != APPLICATION_ID)
    return FAIL(STATUS_STORE, "%s: a database, but not one of terse; choose another with --db FILE", file);
  *version = read_number(connection, "PRAGMA user_version", 0);
  if (*version < 1 || *version > SCHEMA_VERSION)
    return FAIL(STATUS_STORE,
                "%s: its schema is version %lld, this terse knows %d; use the terse that wrote it, or --db FILE", file,
                (long long)*version, SCHEMA_VERSION);
  return STATUS_OK;
}

static enum status execute(store *s, const char *sql, const char *doing) {
  if (sqlite3_exec(s->connection, sql, NULL, NULL, NULL) == SQLITE_OK) return STATUS_OK;
  return store_failure(s->connection, s->file, doing);
}

/* Version 2 has other views than 1 and the same tables. */
static enum status drop_views(store *s) {
  enum status status = STATUS_OK;
  sqlite3_stmt *statement = NULL;
  char *drops = NULL;
  if (sqlite3_prepare_v2(s->connection,
                         "SELECT group_concat('DROP VIEW \"' || name || '\"', ';') FROM sqlite_schema WHERE type = 'view'",
                         -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_step(statement) != SQLITE_ROW)
    status = store_failure(s->connection, s->file, "read its views");
  else if (sqlite3_column_text(statement, 0))
    drops = strdup((const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  if (drops) status = execute(s, drops, "replace its views");
  free(drops);
  return status;
}

static enum status bring_up_to_date(store *s, int64_t version) {
  if (version == 0)
    TRY_RETURN(execute(s, schema_sql, "create its tables"));
  else
    TRY_RETURN(drop_views(s));
  TRY_RETURN(execute(s, views_sql, "create its views"));
  return execute(s, "PRAGMA user_version = 2; COMMIT", "create its tables");
}

/* The schema in one transaction: a full disk leaves an empty file, or the older version, not half a schema. */
static enum status migrate(store *s, int64_t version) {
  if (version == SCHEMA_VERSION) return STATUS_OK;
  TRY_RETURN(execute(s, "BEGIN IMMEDIATE", "write it"));
  const enum status status = bring_up_to_date(s, version);
  if (status != STATUS_OK) sqlite3_exec(s->connection, "ROLLBACK", NULL, NULL, NULL);
  return status;
}

static enum status prepare(store *s) {
  for (int i = 0; i < N_STATEMENTS; i++)
    if (sqlite3_prepare_v3(s->connection, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL) !=
        SQLITE_OK)
      return store_failure(s->connection, s->file, "use its tables");
  return STATUS_OK;
}

static enum status open_to_write(store *s) {
  int64_t version = 0;
  TRY_RETURN(make_folders(s->file));
  TRY_RETURN(take_lock(s));
  if (sqlite3_open_v2(s->file, &s->connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
    return store_failure(s->connection, s->file, "open it");
  sqlite3_busy_timeout(s->connection, 10000);
  TRY_RETURN(check_version(s->connection, s->file, &version));
  /* NORMAL: a power cut may cost the last transactions, never the database. */
  TRY_RETURN(
      execute(s, "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL", "write it"));
  TRY_RETURN(migrate(s, version));
  /* Finds out now, and not after the first run, whether it can be written. */
  TRY_RETURN(execute(s, "BEGIN IMMEDIATE; PRAGMA user_version = 2; COMMIT", "write it"));
  TRY_RETURN(prepare(s));
  TRY_RETURN(record_reader_create(&s->reader));
  return STATUS_OK;
}

enum status store_open(const char *file, store **out) {
  store *s = calloc(1, sizeof *s);
  *out = NULL;
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for the results database");
  s->lock = -1;
  const bool named = (s->file = strdup(file)) != NULL && asprintf(&s->lock_name, "%s.lock", file) > 0;
  const enum status status = named ? open_to_write(s) : FAIL(STATUS_NO_MEMORY, "no memory for the database's name");
  if (status != STATUS_OK)
    store_close(s);
  else
    *out = s;
  return status;
}

void store_close(store *s) {
  if (!s) return;
  if (s->in_transaction) sqlite3_exec(s->connection, "COMMIT", NULL, NULL, NULL);
  for (int i = 0; i < N_STATEMENTS; i++) sqlite3_finalize(s->statements[i]);
  record_reader_destroy(s->reader);
  sqlite3_close(s->connection);
  if (s->lock >= 0) {
    unlink(s->lock_name);
    close(s->lock);
  }
  free(s->lock_name);
  free(s->file);
  free(s);
}

sqlite3 *store_connection(store *s) { return s->connection; }

/* The file's name as a URI, its own ?, # and % escaped. The caller frees it. */
static char *uri_of(const char *file, const char *query) {
  char *uri = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&uri, &n);
  if (!out) return NULL;
  fputs("file:", out);
  for (; *file; file++) {
    if (strchr("?#%", *file))
      fprintf(out, "%%%02x", (unsigned char)*file);
    else
      fputc(*file, out);
  }
  fputs(query, out);
  if (fclose(out) == 0) return uri;
  free(uri);
  return NULL;
}

static int open_uri(const char *file, const char *query, sqlite3 **out) {
  char *uri = uri_of(file, query);
  int code = uri ? sqlite3_open_v2(uri, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) : SQLITE_NOMEM;
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(*out, 10000);
    code = sqlite3_exec(*out, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
  }
  free(uri);
  return code;
}

enum status store_open_to_read(const char *file, sqlite3 **out, char *note, size_t n_note) {
  struct stat about, log_about;
  char *log = NULL;
  int64_t version = 0;
  snprintf(note, n_note, "%s", "");
  *out = NULL;
  if (stat(file, &about) != 0)
    return FAIL(STATUS_BAD_INPUT, "no results database %s (%s): `terse run` makes one, --db FILE names another", file,
                strerror(errno));
  enum status status = STATUS_OK;
  sqlite3 *connection = NULL;
  int code = open_uri(file, "?mode=ro", &connection);
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
    /* A log needs an index beside it; in a folder that cannot be written SQLite reads the file alone, if told to. */
    sqlite3_close(connection);
    connection = NULL;
    code = open_uri(file, "?mode=ro&immutable=1", &connection);
    if (asprintf(&log, "%s-wal", file) >= 0 && stat(log, &log_about) == 0 && log_about.st_size > 0)
      snprintf(note, n_note,
               "%s holds newer rows that cannot be read in a folder without write access: copy both files", log);
  }
  if (code != SQLITE_OK) status = store_failure(connection, file, "read it");
  if (status == STATUS_OK) status = check_version(connection, file, &version);
  if (status == STATUS_OK && version == 0)
    status = FAIL(STATUS_BAD_INPUT, "%s is empty: `terse run` fills it, --db FILE names another", file);
  if (status == STATUS_OK && version > 0 && version < SCHEMA_VERSION)
    snprintf(note, n_note, "%s has the views of an older terse: the next `terse run` into it brings them up to date", file);
  free(log);
  if (status != STATUS_OK)
    sqlite3_close(connection);
  else
    *out = connection;
  return status;
}
