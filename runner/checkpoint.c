#include "runner/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the runner itself has to remember. */
typedef struct runner_state {
  uint64_t round;
  totals totals;
  double loss_sum;
  uint64_t n_steps;
} runner_state;

static enum status archive_all(archive *a, measure *m, runner_state *state) {
  trial *t = m->t;
  TRY_RETURN(archive_bytes(a, ARCHIVE_SHARED, "runner", state, sizeof *state));
  for (int i = 0; i < t->env.n_local; i++)
    TRY_RETURN(archive_bytes(a, t->workers[i].id, "loss", &t->accounts[i], sizeof t->accounts[i]));
  TRY_RETURN(method_archive_workers(&t->env, a));
  return t->cell->method->archive(t->state, a);
}

/* A folder of plain files; missing is as good as removed. */
static void remove_folder(const char *folder) {
  DIR *d = opendir(folder);
  if (!d) return;
  for (struct dirent *e = readdir(d); e; e = readdir(d))
    if (e->d_name[0] != '.') unlinkat(dirfd(d), e->d_name, 0);
  closedir(d);
  rmdir(folder);
}

static enum status replace_folder(const char *folder, const char *fresh, const char *old) {
  remove_folder(old);
  if (rename(folder, old) != 0 && errno != ENOENT)
    return FAIL(STATUS_IO, "cannot move %s aside: %s", folder, strerror(errno));
  if (rename(fresh, folder) != 0) return FAIL(STATUS_IO, "cannot move %s into place: %s", fresh, strerror(errno));
  remove_folder(old);
  return STATUS_OK;
}

static enum status all_ranks(const trial *t) {
  uint64_t nothing = 0;
  return comm_control_u64(t->comm, CONTROL_MAX, &nothing, 1);
}

enum status checkpoint_save(const char *folder, measure *m, uint64_t round) {
  enum status status = STATUS_OK;
  trial *t = m->t;
  archive *a = NULL;
  char fresh[PATH_MAX], old[PATH_MAX];
  snprintf(fresh, sizeof fresh, "%s.new", folder);
  snprintf(old, sizeof old, "%s.old", folder);
  runner_state state;
  memset(&state, 0, sizeof state); /* its padding goes to disk too */
  state.round = round;
  state.loss_sum = m->loss_sum;
  state.n_steps = m->n_steps;
  TRY(measure_exchanges(m)); /* all records before the marker are of rounds it covers */
  TRY(measure_totals(m, &state.totals));
  if (comm_rank(t->comm) == 0) {
    remove_folder(fresh);
    if (mkdir(fresh, 0777) != 0) {
      status = FAIL(STATUS_IO, "cannot make the checkpoint folder %s: %s", fresh, strerror(errno));
      goto exit;
    }
  }
  TRY(all_ranks(t));
  TRY(archive_save_begin(fresh, comm_rank(t->comm), t->stream, &a));
  TRY(archive_all(a, m, &state));
  status = archive_end(a);
  a = NULL;
  TRY(status);
  TRY(all_ranks(t));
  if (comm_rank(t->comm) == 0) TRY(replace_folder(folder, fresh, old));
  if (m->out) {
    fprintf(m->out, "{\"t\":\"checkpoint\",\"round\":%llu}\n", (unsigned long long)round);
    fflush(m->out);
  }
exit:
  archive_abandon(a);
  return status;
}

enum status checkpoint_load(const char *folder, measure *m, uint64_t *round) {
  enum status status = STATUS_OK;
  trial *t = m->t;
  archive *a = NULL;
  char old[PATH_MAX];
  snprintf(old, sizeof old, "%s.old", folder);
  *round = 0;
  /* Between the two renames of replace_folder only the old one is whole. */
  const char *found = access(folder, F_OK) == 0 ? folder : access(old, F_OK) == 0 ? old : NULL;
  if (!found) return STATUS_OK;
  runner_state state;
  TRY(archive_load_begin(found, t->stream, &a));
  TRY(archive_all(a, m, &state));
  status = archive_end(a);
  a = NULL;
  TRY(status);
  for (int i = 0; i < t->env.n_local; i++)
    stream_copy(t->stream, t->workers[i].account, &t->accounts[i], sizeof t->accounts[i]);
  TRY(stream_synchronize(t->stream));
  m->base = state.totals;
  m->loss_sum = state.loss_sum;
  m->n_steps = state.n_steps;
  *round = state.round;
exit:
  archive_abandon(a);
  return status;
}
