#include "runner/mpirun.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 64 };

/* Yielding keeps ranks that share a core from spinning against each other; naming the transports saves a third of the
 * start. One-sided calls keep off ucx, which finds no usable transport on one host. */
static const char *const flags[] = {
    "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1", "--mca", "pml", "ob1", "--mca", "btl",
    "self,vader",      "--mca",     "osc",  "^ucx"};

/* A NULL-terminated copy of n words, or NULL. */
static char **copy_words(const char *const *words, size_t n) {
  char **copy = calloc(n + 1, sizeof *copy);
  for (size_t i = 0; copy && i < n; i++) {
    if ((copy[i] = strdup(words[i]))) continue;
    while (i > 0) free(copy[--i]);
    free(copy);
    return NULL;
  }
  return copy;
}

static void free_words(char **words) {
  for (size_t i = 0; words && words[i]; i++) free(words[i]);
  free(words);
}

/* Whether `variable` ("NAME=value") sets one of the names that `ours` sets. */
static bool is_set(const char *variable, const char *const *ours, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strncmp(variable, ours[i], strcspn(ours[i], "=") + 1) == 0) return true;
  return false;
}

static char **child_variables(const environment *e) {
  /* Two OpenMP threads on shared cores are slower than one by a factor of ten. mpirun wants root to say it twice. */
  static const char *const ours[] = {"OMP_NUM_THREADS=1", "OMPI_ALLOW_RUN_AS_ROOT=1",
                                     "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  const size_t n_ours = e->is_root ? 3 : 1;
  size_t n = 0;
  while (e->variables[n]) n++;
  const char **all = calloc(n + n_ours, sizeof *all);
  if (!all) return NULL;
  size_t n_all = 0;
  for (size_t i = 0; i < n_ours; i++) all[n_all++] = ours[i];
  for (size_t i = 0; i < n; i++)
    if (!is_set(e->variables[i], ours, n_ours)) all[n_all++] = e->variables[i];
  char **copy = copy_words(all, n_all);
  free(all);
  return copy;
}

/* The value of a variable of the environment, or NULL. */
static const char *variable(const environment *e, const char *name) {
  const size_t n = strlen(name);
  for (char *const *v = e->variables; *v; v++)
    if (strncmp(*v, name, n) == 0 && (*v)[n] == '=') return *v + n + 1;
  return NULL;
}

static enum status make_session(const environment *e, char **out) {
  const char *base = variable(e, "TMPDIR");
  if (asprintf(out, "%s/terse-XXXXXX", base && *base ? base : "/tmp") < 0) {
    *out = NULL;
    return FAIL(STATUS_NO_MEMORY, "no memory for the name of a temporary folder");
  }
  if (mkdtemp(*out)) return STATUS_OK;
  const enum status status = FAIL(STATUS_IO,
                                  "cannot make the temporary folder %s: %s; set TMPDIR to a folder that can "
                                  "be written",
                                  *out, strerror(errno));
  free(*out);
  *out = NULL;
  return status;
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *f) {
  (void)s, (void)type, (void)f;
  remove(path);
  return 0;
}

enum status mpirun_program(const environment *e, int ranks, const char *const *words, mpirun *out) {
  const char *command[MAX_WORDS];
  char number[16];
  size_t n = 0;
  snprintf(number, sizeof number, "%d", ranks);
  command[n++] = "mpirun";
  command[n++] = "-n";
  command[n++] = number;
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) command[n++] = flags[i];
  *out = (mpirun){0};
  TRY_RETURN(make_session(e, &out->session));
  command[n++] = "--mca";
  command[n++] = "orte_tmpdir_base";
  command[n++] = out->session;
  for (; *words && n < MAX_WORDS; words++) command[n++] = *words;
  out->command = copy_words(command, n);
  out->variables = child_variables(e);
  return out->command && out->variables ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "no memory for the command of a run");
}

enum status mpirun_worker(const environment *e, int ranks, const worker_options *o, mpirun *out) {
  const char *words[10] = {e->program, "worker"};
  size_t n = 2;
  if (o->checkpoint) {
    words[n++] = "--checkpoint";
    words[n++] = o->checkpoint;
  }
  if (o->resume) words[n++] = "--resume";
  if (o->data_folder) {
    words[n++] = "--data";
    words[n++] = o->data_folder;
  }
  return mpirun_program(e, ranks, words, out);
}

void mpirun_free(mpirun *m) {
  free_words(m->command);
  free_words(m->variables);
  if (m->session) nftw(m->session, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  free(m->session);
  *m = (mpirun){0};
}
