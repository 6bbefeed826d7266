/* Methods: one published algorithm a file. A method owns its parameters and buffers, takes gradients from its workers
 * and exchanges messages through comm; the runner calls it round by round. */
#ifndef TERSE_ALGORITHMS_METHOD_H
#define TERSE_ALGORITHMS_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/optimizer.h"
#include "core/archive.h"
#include "core/comm.h"
#include "core/module.h"
#include "datasets/dataset.h"
#include "datasets/sampler.h"
#include "models/model.h"

enum method_trait {
  SYNCHRONOUS = 1,
  ASYNCHRONOUS = 2,
  DECENTRALISED = 4,
  IDENTICAL_REPLICAS = 8, /* all workers hold the same parameters between rounds: one replica a rank */
};

/* What a round is doing, for the account of time. */
enum phase {
  PHASE_OTHER,
  PHASE_COMPUTE,
  PHASE_ENCODE,
  PHASE_EXCHANGE,
  PHASE_DECODE,
  PHASE_UPDATE,
  N_PHASES,
  PHASE_PROBE = N_PHASES, /* not part of the run: its time is left out */
};

/* One worker of this rank. Everything is owned by the runner and lent for the run. */
typedef struct worker {
  int id;
  sampler *sampler;
  float *gradient;       /* device, n_params */
  float *state;          /* device, net_n_state floats; NULL where that is 0 */
  loss_account *account; /* device */
} worker;

typedef struct method_env {
  device *device;
  stream *stream;
  comm *comm;
  worker *workers; /* n_local of this rank, ids ascending and contiguous */
  int n_local, n_workers;
  net *net;    /* for batches of batch / accumulate */
  float *loss; /* device, n_local floats: where worker_gradient has the net put a mini-batch's loss */
  const data *data;
  size_t batch; /* samples of a worker's mini-batch */
  size_t accumulate; /* above 1: its gradient is the mean of so many, each of a part of it; divides batch */
  float *part;       /* with accumulate: device, n_params + 1: a part's gradient and loss; else NULL */
  const layer_table *layers;
  size_t n_params;
  const float *initial; /* device, n_params: the same on every rank */
  const optimizer *optimizer;
  size_t steps_per_epoch; /* of every worker */
  uint64_t probe_every;   /* rounds; 0: never. see method_is_probed */
  uint64_t seed;
  void *scratch;                            /* device, vec_scratch_bytes(2 n_params) */
  void (*enter)(void *clock, enum phase p); /* tells the runner's clock what follows */
  void *clock;
} method_env;

/* Takes one value of a named series from a method: worker w's, or ARCHIVE_SHARED's. */
typedef struct probe_sink {
  enum status (*emit)(void *context, const char *name, int owner, double value);
  void *context;
} probe_sink;

typedef struct method {
  const char *name, *paper;
  const char *version; /* changes when the same cell gives other numbers: part of a cell's hash */
  const param *params;
  unsigned traits;
  /* NULL, or why this cell makes no sense (static storage): stored as skipped, not an error. May be NULL. */
  const char *(*skip)(const method_env *env, const args *a);
  /* Servers it needs: participants M, M + 1, … of comm. NULL: none. */
  int (*n_servers)(const args *a);
  /* NULL, or why a run with these parameters does not repeat (static storage): it is stored without a digest. May be
   * NULL: every run does. */
  const char *(*unrepeatable)(const args *a);
  size_t state_bytes;
  /* Fills zeroed memory of state_bytes; env outlives it. `destroy` follows in any case, after a failure too, and frees
   * what the state owns but not the state itself: see method_create. */
  enum status (*create)(const method_env *env, const args *a, void *state);
  /* Local steps of every worker between two exchanges; NULL: 1. */
  size_t (*steps_per_round)(const void *state);
  /* Local steps and one exchange. `round` counts from 0. */
  enum status (*round)(void *state, uint64_t round);
  /* A local worker's model into x (device, n_params), or with worker = -1 the mean of all (collective). */
  enum status (*iterate)(void *state, int worker, float *x);
  /* Named constants of what was created, e.g. "spectral_gap": asked for once, before round 0, whatever probe_every is.
   * No communication. May be NULL. */
  enum status (*facts)(void *state, const probe_sink *sink);
  /* Named series between rounds, e.g. "residual_norm2"; local workers only. Collective: it may use comm's control
   * channel (comm_probe_sum), nothing else of comm. May be NULL. */
  enum status (*probe)(void *state, const probe_sink *sink);
  /* Saves, loads and digests everything the next round depends on. */
  enum status (*archive)(void *state, archive *a);
  void (*destroy)(void *state);
} method;

extern const method *const method_registry[]; /* NULL-terminated; generated */
const method *method_find(const char *name);  /* by YAML name; NULL where there is none */
/* The method's state, created; *state is NULL after a failure. */
enum status method_create(const method *m, const method_env *env, const args *a, void **state) WARN_UNUSED;
void method_destroy(const method *m, void *state); /* NULL is ignored */

/* m->unrepeatable, where there is one. */
const char *method_unrepeatable(const method *m, const args *a);

/* Shared by the methods (local_step.c, method.c). */

/* worker->gradient = the mini-batch gradient at `params` for the worker's step t; its loss joins the account. */
enum status worker_gradient(const method_env *env, worker *w, uint64_t step, const float *params) WARN_UNUSED;
/* The same for all local workers, at `shared` or, where that is NULL, each at its own of `each`; side by side on devices
 * that can (net_fork). */
enum status worker_gradients(const method_env *env, uint64_t step, const float *shared,
                             float *const *each) WARN_UNUSED;
/* Saves, loads and digests the local workers' own state; the runner's, since it owns the workers. */
enum status method_archive_workers(const method_env *env, archive *a) WARN_UNUSED;
/* Position in epochs of step t. */
double method_epoch(const method_env *env, uint64_t step);
/* Whether series are asked for once `n_rounds` rounds are over: what has to be seen in mid-round is then noted. */
bool method_is_probed(const method_env *env, uint64_t n_rounds);
/* mean = (1/M) sum over all workers of their vectors (n_params floats; contribution[i] is local worker i's), by
 * all-reduce: collective. mean overlaps no contribution. */
enum status method_mean(const method_env *env, const float *const *contribution, float *mean) WARN_UNUSED;
/* Emits |v|^2 of a device vector of n_params floats; of n floats. Waits for the device. */
enum status method_emit_norm2(const method_env *env, const probe_sink *sink, const char *name, int owner,
                              const float *v) WARN_UNUSED;
enum status method_emit_norm2_of(const method_env *env, const probe_sink *sink, const char *name, int owner,
                                 const float *v, size_t n) WARN_UNUSED;

#endif
