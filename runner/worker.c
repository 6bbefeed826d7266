/* `terse worker`: one rank of a run. Started by mpirun, which `terse run` starts; rank 0 speaks runner/protocol.md. */
#include <dnnl.h>
#include <getopt.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "runner/checkpoint.h"
#include "runner/commands.h"
#include "runner/control.h"
#include "runner/json.h"

typedef struct options {
  const char *checkpoint; /* NULL: none is written */
  double checkpoint_every_s;
  bool resume;
  const char *data_folder;
} options;

static enum status parse_options(int argc, char **argv, options *o) {
  static const struct option table[] = {{"checkpoint", required_argument, NULL, 'c'},
                                        {"checkpoint-every", required_argument, NULL, 'e'},
                                        {"resume", no_argument, NULL, 'r'},
                                        {"data", required_argument, NULL, 'd'},
                                        {NULL, 0, NULL, 0}};
  *o = (options){.checkpoint_every_s = 60};
  for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
    if (c == 'c') o->checkpoint = optarg;
    else if (c == 'e') o->checkpoint_every_s = strtod(optarg, NULL);
    else if (c == 'r') o->resume = true;
    else if (c == 'd') o->data_folder = optarg;
    else return FAIL(STATUS_BAD_INPUT, "terse worker is started by `terse run`; see runner/protocol.md");
  }
  return STATUS_OK;
}

/* Rank 0 reads the cell from standard input and hands it to all. */
static enum status receive_cell(int rank, cell **out) {
  enum status status = STATUS_OK;
  char *text = NULL;
  unsigned long n = 0;
  if (rank == 0) {
    TRY(control_first_line(0, &text));
    n = strlen(text) + 1;
  }
  MPI_Bcast(&n, 1, MPI_UNSIGNED_LONG, 0, MPI_COMM_WORLD);
  if (rank != 0 && !(text = malloc(n))) {
    status = FAIL(STATUS_NO_MEMORY, "no memory for the cell");
    goto exit;
  }
  MPI_Bcast(text, (int)n, MPI_CHAR, 0, MPI_COMM_WORLD);
  TRY(cell_from_json(text, out));
exit:
  free(text);
  return status;
}

/* ---- the loop */

/* What all ranks learn at a poll. */
typedef struct verdict {
  bool stop, checkpoint;
  uint64_t bad_step; /* the first step with a non-finite loss; UINT64_MAX: none */
  int bad_worker;
  uint64_t next_poll; /* rounds until the next one */
} verdict;

typedef struct loop {
  trial t;
  measure m;
  const options *options;
  uint64_t first_round, round;
  uint64_t poll_round, poll_ns, checkpoint_ns;
  verdict verdict;
} loop;

enum { WORKER_BITS = 24, MAX_POLL_DISTANCE = 64 };
static const uint64_t POLL_NS = 200000000; /* how long a stop may stay unheard */

/* Agrees on stop, divergence, checkpoint and the distance to the next poll: one small control exchange. Rank 0 alone reads
 * clocks and input; the others offer values that lose. */
static enum status poll_all(loop *l) {
  trial *t = &l->t;
  TRY_RETURN(trial_read_accounts(t));
  uint64_t offer[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  for (int i = 0; i < t->env.n_local; i++) {
    if (t->accounts[i].first_bad_step == 0) continue;
    const uint64_t key = (t->accounts[i].first_bad_step - 1) << WORKER_BITS | (uint64_t)t->workers[i].id;
    if (key < offer[0]) offer[0] = key;
  }
  if (comm_rank(t->comm) == 0) {
    const uint64_t now = clock_now_ns(), rounds = l->round - l->poll_round;
    const uint64_t round_ns = rounds > 0 ? (now - l->poll_ns) / rounds : POLL_NS;
    const uint64_t distance = round_ns > 0 ? POLL_NS / round_ns : MAX_POLL_DISTANCE;
    offer[1] = !control_stop_asked(0);
    offer[2] = !(l->options->checkpoint && (double)(now - l->checkpoint_ns) > 1e9 * l->options->checkpoint_every_s);
    offer[3] = distance < 1 ? 1 : distance > MAX_POLL_DISTANCE ? MAX_POLL_DISTANCE : distance;
    l->poll_ns = now;
    l->poll_round = l->round;
  }
  TRY_RETURN(comm_control_u64(t->comm, CONTROL_MIN, offer, 4));
  const bool diverged = offer[0] != UINT64_MAX;
  l->verdict = (verdict){.stop = offer[1] == 0,
                         .checkpoint = offer[2] == 0,
                         .bad_step = diverged ? offer[0] >> WORKER_BITS : UINT64_MAX,
                         .bad_worker = diverged ? (int)(offer[0] & ((1u << WORKER_BITS) - 1)) : -1,
                         .next_poll = l->round + offer[3]};
  measure_progress(&l->m, l->round);
  return STATUS_OK;
}

static bool crosses(double before, double after, double every) {
  return every > 0 && (uint64_t)(after / every + 1e-9) > (uint64_t)(before / every + 1e-9);
}

/* Whether a curve record is due after `round` rounds. */
static bool curve_is_due(const trial *t, uint64_t round) {
  if (round == 0 || round == t->n_rounds) return true;
  const double every = t->cell->eval_every > 0 ? t->cell->eval_every : t->cell->epochs > 0 ? 1 : trial_epoch(t, t->n_rounds) / 20;
  return crosses(trial_epoch(t, round - 1), trial_epoch(t, round), every);
}

static enum status measure_if_due(loop *l) {
  trial *t = &l->t;
  const bool curve = curve_is_due(t, l->round);
  const bool probe = method_is_probed(&t->env, l->round);
  if (!curve && !probe) return STATUS_OK;
  stopwatch_stop(&t->watch);
  if (probe) TRY_RETURN(measure_probes(&l->m, l->round));
  if (curve) TRY_RETURN(measure_curve(&l->m, l->round));
  stopwatch_start(&t->watch);
  return STATUS_OK;
}

static enum status run_rounds(loop *l) {
  trial *t = &l->t;
  l->poll_ns = l->checkpoint_ns = clock_now_ns();
  l->poll_round = l->round;
  if (l->round == 0) TRY_RETURN(measure_facts(&l->m));
  stopwatch_start(&t->watch);
  if (l->round == 0) TRY_RETURN(measure_if_due(l));
  for (;;) {
    const bool is_last = l->round == t->n_rounds;
    if (is_last || l->round >= l->verdict.next_poll) {
      TRY_RETURN(poll_all(l));
      if (is_last || l->verdict.bad_step != UINT64_MAX) break;
      if (l->options->checkpoint && (l->verdict.checkpoint || l->verdict.stop)) {
        stopwatch_stop(&t->watch);
        TRY_RETURN(checkpoint_save(l->options->checkpoint, &l->m, l->round));
        stopwatch_start(&t->watch);
        l->checkpoint_ns = clock_now_ns();
      }
      if (l->verdict.stop) break;
    }
    comm_begin_round(t->comm, l->round);
    TRY_RETURN(t->cell->method->round(t->state, l->round));
    TRY_RETURN(stream_check(t->stream)); /* hostile bytes end the run in the round they came */
    l->round++;
    TRY_RETURN(measure_if_due(l));
  }
  stopwatch_stop(&t->watch);
  return STATUS_OK;
}

/* ---- records around the loop */

static enum status write_hello(loop *l, int size) {
  char host[MPI_MAX_PROCESSOR_NAME] = "", library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_processor_name(host, &length);
  char *hosts = calloc((size_t)size, sizeof host);
  if (!hosts) return FAIL(STATUS_NO_MEMORY, "no memory for %d host names", size);
  MPI_Gather(host, sizeof host, MPI_CHAR, hosts, sizeof host, MPI_CHAR, 0, MPI_COMM_WORLD);
  FILE *out = l->m.out;
  if (out) {
    const trial *t = &l->t;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, ",")] = '\0'; /* "Open MPI v4.1.4" */
    const dnnl_version_t *onednn = dnnl_version();
    fprintf(out, "{\"t\":\"hello\",\"ranks\":%d,\"hosts\":[", size);
    for (int r = 0; r < size; r++) {
      if (r > 0) fputc(',', out);
      json_write_string(out, hosts + (size_t)r * sizeof host);
    }
    fprintf(out, "],\"device\":\"%s\",\"description\":", t->device->name);
    json_write_string(out, t->device->description);
    fputs(",\"mpi\":", out);
    json_write_string(out, library);
    fprintf(out, ",\"onednn\":\"%d.%d.%d\",\"n_params\":%zu,\"rounds\":%llu,\"steps_per_epoch\":%zu,\"steps_per_round\":%zu",
            onednn->major, onednn->minor, onednn->patch, t->env.n_params, (unsigned long long)t->n_rounds,
            t->env.steps_per_epoch, t->steps_per_round);
    fprintf(out, ",\"resumed_round\":%llu}\n", (unsigned long long)l->first_round);
    fflush(out);
  }
  free(hosts);
  return STATUS_OK;
}

static void write_done(FILE *out, const char *status, const char *reason, uint64_t round, const uint64_t *digest) {
  if (!out) return;
  fprintf(out, "{\"t\":\"done\",\"status\":\"%s\",\"reason\":", status);
  if (reason) json_write_string(out, reason);
  else fputs("null", out);
  fprintf(out, ",\"round\":%llu,\"digest\":", (unsigned long long)round);
  if (digest) fprintf(out, "\"%016llx\"}\n", (unsigned long long)*digest);
  else fputs("null}\n", out);
  fflush(out);
}

static enum status finish(loop *l) {
  trial *t = &l->t;
  char reason[160];
  if (l->verdict.bad_step != UINT64_MAX) {
    const uint64_t bad_round = l->verdict.bad_step / t->steps_per_round;
    TRY_RETURN(measure_exchanges(&l->m));
    snprintf(reason, sizeof reason, "the loss of worker %d is not finite in round %llu (step %llu)", l->verdict.bad_worker,
             (unsigned long long)bad_round, (unsigned long long)l->verdict.bad_step);
    write_done(l->m.out, "diverged", reason, bad_round, NULL);
  } else if (l->round < t->n_rounds) {
    write_done(l->m.out, "interrupted", "stopped on request", l->round, NULL);
  } else {
    uint64_t digest = 0;
    const bool repeats = !t->cell->wavers && !method_unrepeatable(t->cell->method, &t->cell->method_spec.args);
    if (repeats) TRY_RETURN(trial_digest(t, &digest));
    write_done(l->m.out, "finished", NULL, l->round, repeats ? &digest : NULL);
  }
  return STATUS_OK;
}

static enum status run_cell(const options *o, const cell *c, int rank, int size) {
  enum status status = STATUS_OK;
  bool skipped = false;
  loop *l = calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory for the run");
  l->options = o;
  l->m = (measure){.t = &l->t, .out = rank == 0 ? stdout : NULL};
  status = trial_create(c, o->data_folder, &l->t, &skipped);
  if (skipped) {
    write_done(l->m.out, "skipped", status_detail(), 0, NULL);
    status = STATUS_OK;
    goto exit;
  }
  TRY(status);
  if (o->checkpoint && o->resume) TRY(checkpoint_load(o->checkpoint, &l->m, &l->first_round));
  l->round = l->first_round;
  TRY(write_hello(l, size));
  TRY(run_rounds(l));
  TRY(finish(l));
exit:
  trial_destroy(&l->t);
  free(l);
  return status;
}

int command_worker(int argc, char **argv) {
  options o;
  cell *c = NULL;
  int rank = 0, size = 1;
  enum status status = parse_options(argc, argv, &o);
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (status == STATUS_OK) status = receive_cell(rank, &c);
  if (status == STATUS_OK) status = run_cell(&o, c, rank, size);
  if (status != STATUS_OK) {
    fprintf(stderr, "terse: rank %d: %s: %s (%s)\n", rank, status_name(status), status_detail(), status_place());
    if (rank == 0 && status != STATUS_PEER) /* a peer's own words say why it is gone */
      write_done(stdout, status == STATUS_DIVERGED ? "diverged" : "failed", status_detail(), 0, NULL);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1); /* the other ranks cannot go on either */
  }
  cell_destroy(c);
  MPI_Finalize();
  return 0;
}
