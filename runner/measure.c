#include "runner/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void write_json_number(FILE *out, double x) {
  if (isfinite(x)) fprintf(out, "%.17g", x);
  else fputs("null", out);
}

static void write_field(FILE *out, const char *name, double x) {
  fprintf(out, ",\"%s\":", name);
  write_json_number(out, x);
}

static void write_count(FILE *out, const char *name, uint64_t n) {
  fprintf(out, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void write_counts_by_direction(FILE *out, const char *name, const uint64_t *counts) {
  for (int d = 0; d < N_DIRECTIONS; d++)
    fprintf(out, ",\"%s_%s\":%llu", name, direction_name(d), (unsigned long long)counts[d]);
}

/* ---- gathering */

/* Integers add exactly in any order. */
static enum status gather_counts(const trial *t, totals *out) {
  const traffic *account = comm_traffic(t->comm);
  uint64_t sums[2 * N_DIRECTIONS + 4] = {0};
  for (int p = 0; p < comm_n_participants(t->comm); p++) {
    const traffic_count *count = traffic_of(account, p);
    for (int d = 0; d < N_DIRECTIONS; d++) {
      sums[d] += count[d].payload_bits;
      sums[N_DIRECTIONS + d] += count[d].wire_bytes;
      sums[2 * N_DIRECTIONS] += count[d].messages;
    }
  }
  sums[2 * N_DIRECTIONS + 1] = traffic_crossing_bytes(account);
  sums[2 * N_DIRECTIONS + 2] = comm_mpi_bytes(t->comm);
  for (int i = 0; i < t->env.n_local; i++) sums[2 * N_DIRECTIONS + 3] += t->accounts[i].n_steps;
  TRY_RETURN(comm_control_u64(t->comm, CONTROL_SUM, sums, sizeof sums / sizeof *sums));
  memcpy(out->payload_bits, sums, sizeof out->payload_bits);
  memcpy(out->wire_bytes, sums + N_DIRECTIONS, sizeof out->wire_bytes);
  out->messages = sums[2 * N_DIRECTIONS];
  out->crossing_bytes = sums[2 * N_DIRECTIONS + 1];
  out->mpi_bytes = sums[2 * N_DIRECTIONS + 2];
  out->n_steps = sums[2 * N_DIRECTIONS + 3];
  return STATUS_OK;
}

/* Floating sums are taken in the participants' order on every rank, so that they do not depend on the placement. */
static enum status gather_sums(const trial *t, totals *out) {
  enum { COLUMNS = N_DIRECTIONS + 1 };
  enum status status = STATUS_OK;
  const size_t n = (size_t)comm_n_participants(t->comm);
  double *table = calloc(n * COLUMNS, sizeof *table);
  if (!table) return FAIL(STATUS_NO_MEMORY, "no memory for the sums of %zu participants", n);
  for (size_t p = 0; p < n; p++)
    for (int d = 0; d < N_DIRECTIONS; d++)
      table[p * COLUMNS + (size_t)d] = traffic_of(comm_traffic(t->comm), (int)p)[d].theory_bits;
  for (int i = 0; i < t->env.n_local; i++)
    table[(size_t)t->workers[i].id * COLUMNS + N_DIRECTIONS] = t->accounts[i].sum;
  TRY(comm_control_sum(t->comm, table, n * COLUMNS));
  for (size_t p = 0; p < n; p++) {
    for (int d = 0; d < N_DIRECTIONS; d++) out->theory_bits[d] += table[p * COLUMNS + (size_t)d];
    out->loss_sum += table[p * COLUMNS + N_DIRECTIONS];
  }
exit:
  free(table);
  return status;
}

static enum status gather_times(const trial *t, totals *out) {
  uint64_t times[2 + N_PHASES] = {t->watch.wall_ns, stopwatch_cpu_ns(&t->watch)};
  memcpy(times + 2, t->watch.phase_cpu_ns, sizeof t->watch.phase_cpu_ns);
  TRY_RETURN(comm_control_u64(t->comm, CONTROL_MAX, times, sizeof times / sizeof *times));
  out->wall_ns = times[0];
  out->cpu_ns = times[1];
  memcpy(out->phase_cpu_ns, times + 2, sizeof out->phase_cpu_ns);
  return STATUS_OK;
}

static void add_base(totals *t, const totals *base) {
  for (int d = 0; d < N_DIRECTIONS; d++) {
    t->payload_bits[d] += base->payload_bits[d];
    t->wire_bytes[d] += base->wire_bytes[d];
    t->theory_bits[d] += base->theory_bits[d];
  }
  t->messages += base->messages;
  t->crossing_bytes += base->crossing_bytes;
  t->mpi_bytes += base->mpi_bytes;
  t->wall_ns += base->wall_ns;
  t->cpu_ns += base->cpu_ns;
  for (int p = 0; p < N_PHASES; p++) t->phase_cpu_ns[p] += base->phase_cpu_ns[p];
}

enum status measure_totals(measure *m, totals *out) {
  memset(out, 0, sizeof *out);
  TRY_RETURN(trial_read_accounts(m->t)); /* which a checkpoint restores: losses and steps need no base */
  TRY_RETURN(gather_counts(m->t, out));
  TRY_RETURN(gather_sums(m->t, out));
  TRY_RETURN(gather_times(m->t, out));
  add_base(out, &m->base);
  return STATUS_OK;
}

/* ---- records */

static void write_exchange(FILE *out, const exchange *e) {
  fprintf(out, "{\"t\":\"exchange\",\"first_round\":%llu", (unsigned long long)e->first_round);
  write_count(out, "n_rounds", e->n_rounds);
  write_count(out, "sequence", e->sequence);
  fprintf(out, ",\"operation\":\"%s\",\"algorithm\":\"%s\"", operation_name(e->operation), e->algorithm);
  write_count(out, "participants", e->participants);
  for (int d = 0; d < N_DIRECTIONS; d++) {
    const char *name = direction_name(d);
    fprintf(out, ",\"%s_max_bytes\":%llu,\"%s_sum_bytes\":%llu,\"%s_max_payload_bits\":%llu,\"%s_sum_payload_bits\":%llu",
            name, (unsigned long long)e->sent[d].max_bytes, name, (unsigned long long)e->sent[d].sum_bytes, name,
            (unsigned long long)e->sent[d].max_payload_bits, name, (unsigned long long)e->sent[d].sum_payload_bits);
  }
  fputs("}\n", out);
}

enum status measure_exchanges(measure *m) {
  const exchange *list = NULL;
  size_t n = 0;
  TRY_RETURN(comm_collect_exchanges(m->t->comm, &list, &n));
  for (size_t i = 0; m->out && i < n; i++) write_exchange(m->out, &list[i]);
  return STATUS_OK;
}

static void write_curve(measure *m, uint64_t round, const totals *now, const evaluation *test) {
  static const char *const phase_names[N_PHASES] = {"other_ns", "compute_ns", "encode_ns", "exchange_ns", "decode_ns",
                                                    "update_ns"};
  const trial *t = m->t;
  FILE *out = m->out;
  const double epoch = trial_epoch(t, round);
  fprintf(out, "{\"t\":\"curve\",\"round\":%llu", (unsigned long long)round);
  write_field(out, "epoch", epoch);
  write_count(out, "samples", round * t->steps_per_round * t->cell->batch * (uint64_t)t->env.n_workers);
  write_field(out, "lr", optimizer_lr(&t->optimizer, epoch));
  const uint64_t steps = now->n_steps - m->n_steps;
  write_field(out, "train_loss", steps > 0 ? (now->loss_sum - m->loss_sum) / (double)steps : (double)NAN);
  write_field(out, "test_loss", test->loss);
  write_field(out, "accuracy", test->accuracy);
  write_counts_by_direction(out, "payload_bits", now->payload_bits);
  write_counts_by_direction(out, "wire_bytes", now->wire_bytes);
  for (int d = 0; d < N_DIRECTIONS; d++) {
    fprintf(out, ",\"theory_bits_%s\":", direction_name(d));
    write_json_number(out, now->theory_bits[d]);
  }
  write_count(out, "messages", now->messages);
  write_count(out, "crossing_bytes", now->crossing_bytes);
  write_count(out, "mpi_bytes", now->mpi_bytes);
  write_count(out, "wall_ns", now->wall_ns);
  write_count(out, "cpu_ns", now->cpu_ns);
  for (int p = 0; p < N_PHASES; p++) write_count(out, phase_names[p], now->phase_cpu_ns[p]);
  fputs("}\n", out);
}

enum status measure_curve(measure *m, uint64_t round) {
  trial *t = m->t;
  totals now;
  evaluation test = {.loss = NAN, .accuracy = NAN};
  TRY_RETURN(measure_totals(m, &now));
  TRY_RETURN(t->cell->method->iterate(t->state, -1, t->mean));
  if (m->out) TRY_RETURN(net_evaluate(t->net, t->data, SPLIT_TEST, t->mean, &test));
  TRY_RETURN(measure_exchanges(m));
  if (m->out) write_curve(m, round, &now, &test);
  m->loss_sum = now.loss_sum;
  m->n_steps = now.n_steps;
  return STATUS_OK;
}

/* ---- probes */

enum { MAX_SERIES = 512 }; /* two a layer of the deepest networks */

/* What the local workers emitted: names in order of first appearance, values by worker. */
typedef struct series {
  const trial *t;
  const char *names[MAX_SERIES];
  bool is_shared[MAX_SERIES];
  size_t n;
  double *values; /* MAX_SERIES x (n_workers + 1); the last column is the shared value */
} series;

static enum status collect_value(void *context, const char *name, int worker, double value) {
  series *s = (series *)context;
  size_t i = 0;
  while (i < s->n && strcmp(s->names[i], name) != 0) i++;
  if (i == MAX_SERIES) return FAIL(STATUS_UNSUPPORTED, "a method emits more than %d series of probes", MAX_SERIES);
  if (i == s->n) s->names[s->n++] = name;
  const size_t columns = (size_t)s->t->env.n_workers + 1;
  s->is_shared[i] = worker == ARCHIVE_SHARED;
  if (s->is_shared[i] && comm_rank(s->t->comm) != 0) return STATUS_OK; /* the same on every rank */
  s->values[i * columns + (s->is_shared[i] ? columns - 1 : (size_t)worker)] = value;
  return STATUS_OK;
}

static void write_probe(const measure *m, uint64_t round, const char *name, int worker, double value) {
  fprintf(m->out, "{\"t\":\"probe\",\"round\":%llu", (unsigned long long)round);
  write_field(m->out, "epoch", trial_epoch(m->t, round));
  fprintf(m->out, ",\"name\":\"%s\",\"worker\":%d", name, worker);
  write_field(m->out, "value", value);
  fputs("}\n", m->out);
}

static enum status probe_gradient(measure *m, uint64_t round) {
  trial *t = m->t;
  TRY_RETURN(t->cell->method->iterate(t->state, -1, t->mean));
  if (!m->out) return STATUS_OK;
  double norm2 = 0, objective = 0;
  TRY_RETURN(net_full_gradient(t->net, t->data, SPLIT_PROBE, t->mean, t->gradient, &objective));
  vec_reduce(t->stream, REDUCE_SQUARES, t->gradient, NULL, t->env.n_params, t->norm, t->scratch);
  stream_copy(t->stream, &norm2, t->norm, sizeof norm2);
  TRY_RETURN(stream_synchronize(t->stream));
  write_probe(m, round, "gradient_norm2", ARCHIVE_SHARED, norm2);
  write_probe(m, round, "objective", ARCHIVE_SHARED, objective);
  return STATUS_OK;
}

typedef enum status (*emitter)(void *state, const probe_sink *sink);

/* Records what `emit` has to say after `round` rounds. */
static enum status record_series(measure *m, uint64_t round, emitter emit) {
  trial *t = m->t;
  enum status status = STATUS_OK;
  const size_t columns = (size_t)t->env.n_workers + 1;
  series s = {.t = t, .values = calloc(MAX_SERIES * columns, sizeof(double))};
  if (!s.values) return FAIL(STATUS_NO_MEMORY, "no memory for probes");
  const probe_sink sink = {.emit = collect_value, .context = &s};
  TRY(emit(t->state, &sink));
  TRY(comm_control_sum(t->comm, s.values, s.n * columns));
  for (size_t i = 0; m->out && i < s.n; i++) {
    const double *values = s.values + i * columns;
    if (s.is_shared[i]) write_probe(m, round, s.names[i], ARCHIVE_SHARED, values[columns - 1]);
    else
      for (size_t w = 0; w + 1 < columns; w++) write_probe(m, round, s.names[i], (int)w, values[w]);
  }
exit:
  free(s.values);
  return status;
}

enum status measure_probes(measure *m, uint64_t round) {
  const method *asked = m->t->cell->method;
  TRY_RETURN(probe_gradient(m, round));
  return asked->probe ? record_series(m, round, asked->probe) : STATUS_OK;
}

enum status measure_facts(measure *m) {
  const method *asked = m->t->cell->method;
  return asked->facts ? record_series(m, 0, asked->facts) : STATUS_OK;
}

void measure_progress(measure *m, uint64_t round) {
  const uint64_t now = clock_now_ns();
  if (!m->out || now - m->progress_ns < 250000000u) return;
  m->progress_ns = now;
  double sum = 0;
  uint64_t n = 0;
  for (int i = 0; i < m->t->env.n_local; i++) {
    sum += m->t->accounts[i].sum;
    n += m->t->accounts[i].n_steps;
  }
  const double loss = n > m->progress_steps ? (sum - m->progress_sum) / (double)(n - m->progress_steps) : (double)NAN;
  m->progress_sum = sum;
  m->progress_steps = n;
  fprintf(m->out, "{\"t\":\"progress\",\"round\":%llu", (unsigned long long)round);
  write_field(m->out, "epoch", trial_epoch(m->t, round));
  write_field(m->out, "loss", loss);
  fputs("}\n", m->out);
  fflush(m->out);
}
