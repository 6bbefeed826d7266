#include "tests/compressor_checks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 50 };

static float *new_floats(size_t n) { return calloc(n + 1, sizeof(float)); }

static double norm2(const float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  return sum;
}

static bool round_trip(subject *s, const float *x, const float *y0, float *c, float *y) {
  static const float scales[] = {1, -0.5f, 3};
  HOLDS(subject_encode(s, 3, 2, x));
  HOLDS(subject_decode(s, 3, 2, c));
  if (s->first->traits & EXACT && memcmp(c, x, s->n * sizeof *x) != 0) REJECT("claims EXACT and changes the vector");
  for (size_t j = 0; j < sizeof scales / sizeof *scales; j++) {
    memcpy(y, y0, s->n * sizeof *y);
    HOLDS(subject_decode_onto(s, 3, 2, scales[j], y));
    for (size_t i = 0; i < s->n; i++) {
      const double wanted = y0[i] + (double)scales[j] * c[i];
      if (!(fabs(y[i] - wanted) <= 0x1p-21 * (fabsf(y0[i]) + fabs((double)scales[j] * c[i]))))
        REJECT("decode_add with a = %g: y[%zu] is %g, expected %g + a %g", scales[j], i, y[i], y0[i], c[i]);
    }
  }
  return true;
}

bool check_round_trip(subject *s) {
  float *x = new_floats(s->n), *y0 = new_floats(s->n), *c = new_floats(s->n), *y = new_floats(s->n);
  bool good = true;
  vector_fill(VECTOR_NORMAL, 99, y0, s->n);
  for (int kind = 0; kind < N_VECTORS && good; kind++) {
    vector_fill(kind, 1, x, s->n);
    good = round_trip(s, x, y0, c, y);
  }
  free(x), free(y0), free(c), free(y);
  return good;
}

static bool account(subject *s, const float *x, unsigned char *first, unsigned char *second) {
  HOLDS(subject_encode_over(s, 1, 0, x, 0x00));
  download(s, first, s->message.wire, s->bound);
  HOLDS(subject_encode_over(s, 1, 0, x, 0xff));
  download(s, second, s->message.wire, s->bound);
  const uint64_t wire_bytes = message_wire_bytes(&s->message);
  if (wire_bytes > s->bound) REJECT("a message of %llu bytes, bound %zu", (unsigned long long)wire_bytes, s->bound);
  if (memcmp(first, s->message.head, sizeof(message_head)) != 0) REJECT("the two copies of the head differ");
  for (uint64_t i = 0; i < wire_bytes; i++)
    if (first[i] != second[i])
      REJECT("byte %llu of the message is not written: bits are claimed that nothing needs", (unsigned long long)i);
  if (8 * wire_bytes != message_payload_bits(&s->message) + message_overhead_bits(&s->message))
    REJECT("8 wire bytes are not payload + overhead");
  const double theory = message_theory_bits(&s->message);
  if (!isfinite(theory) || theory < 0 || (s->message.head->count > 0 && theory == 0))
    REJECT("theory_bits is %g", theory);
  /* Gaps may take fewer bits than the paper's ceil(log2 n), which of layers may be fewer than of the whole. */
  if (pipeline_is_sparse(s->pipeline) && !pipeline_is_variable(s->pipeline) &&
      theory > (double)message_payload_bits(&s->message))
    REJECT("the paper's formula gives %g bits, more than the %llu that were needed", theory,
           (unsigned long long)message_payload_bits(&s->message));
  return true;
}

bool check_account(subject *s) {
  float *x = new_floats(s->n);
  unsigned char *first = malloc(s->bound), *second = malloc(s->bound);
  vector_fill(VECTOR_NORMAL, 5, x, s->n);
  const bool good = account(s, x, first, second);
  free(x), free(first), free(second);
  return good;
}

typedef struct moments {
  double *sum, *sum2;   /* of C_i - x_i over the draws */
  double error, error2; /* sums of |C - x|^2 / |x|^2 and of its square */
  double largest;       /* |C_i - x_i| */
} moments;

static bool draw_moments(subject *s, const float *x, float *c, unsigned draws, moments *m) {
  const double x2 = norm2(x, s->n);
  for (unsigned draw = 0; draw < draws; draw++) {
    double error = 0;
    upload(s, s->x, x, s->n * sizeof *x);
    REQUIRE(pipeline_encode(s->pipeline, draw, 0, s->x, &s->message));
    HOLDS(subject_decode(s, draw, 0, c));
    for (size_t i = 0; i < s->n; i++) {
      const double d = (double)c[i] - x[i];
      m->sum[i] += d;
      m->sum2[i] += d * d;
      m->largest = fmax(m->largest, fabs(d));
      error += d * d / x2;
    }
    m->error += error;
    m->error2 += error * error;
  }
  return true;
}

/* Each coordinate's mean against the empirical Bernstein bound (Maurer and Pontil, COLT 2009, Theorem 4) at t =
 * ln(2/p), t = 20: with some hundred tests a false alarm has a probability below 1e-5. Its range is taken as four times
 * what was seen; or, since a rare value may not have come up, as the claimed deviation, though not above |x|_inf. The
 * variance is allowed 5 standard errors. */
static bool judge_moments(subject *s, const float *x, unsigned draws, const moments *m) {
  const double t = 20, mean_error = m->error / draws;
  const double spread = sqrt(fmax(0, m->error2 / draws - mean_error * mean_error) / draws);
  const double omega = pipeline_factor(s->pipeline, FACTOR_OMEGA), delta = pipeline_factor(s->pipeline, FACTOR_DELTA);
  double unseen = 0;
  for (size_t i = 0; i < s->n; i++) unseen = fmax(unseen, fabsf(x[i]));
  const double range = fmax(4 * m->largest, fmin(unseen, sqrt(omega * norm2(x, s->n))));
  for (size_t i = 0; i < s->n && !isnan(omega); i++) {
    const double mean = m->sum[i] / draws, variance = fmax(0, m->sum2[i] / draws - mean * mean);
    const double allowed = sqrt(2 * variance * t / draws) + 7 * range * t / (3.0 * (draws - 1)) + 1e-6 * range;
    const double single = m->largest == 0 ? 0 : allowed;
    if (!(fabs(mean) <= single))
      REJECT("claims UNBIASED, but coordinate %zu is off by %g on average (%g allowed)", i, mean, single);
  }
  if (!isnan(omega) && !(omega >= 0 && mean_error <= omega * (1 + 1e-5) + 5 * spread + 1e-12))
    REJECT("claims omega = %g, but E|C(x) - x|^2 = %g |x|^2", omega, mean_error);
  if (!isnan(delta) && !(delta > 0 && delta <= 1 && mean_error <= (1 - delta) * (1 + 1e-5) + 5 * spread + 1e-12))
    REJECT("claims delta = %g, but E|C(x) - x|^2 = %g |x|^2", delta, mean_error);
  return true;
}

bool check_claims(subject *s, unsigned draws) {
  float *x = new_floats(s->n), *c = new_floats(s->n);
  double *sums = malloc(2 * s->n * sizeof *sums);
  bool good = true;
  for (int kind = 0; kind < VECTOR_ZEROS && good; kind++) {
    moments m = {.sum = sums, .sum2 = sums + s->n};
    memset(sums, 0, 2 * s->n * sizeof *sums);
    vector_fill(kind, 11, x, s->n);
    good = draw_moments(s, x, c, draws, &m) && judge_moments(s, x, draws, &m);
  }
  free(x), free(c), free(sums);
  return good;
}

bool check_changes_something(subject *s) {
  float *x = new_floats(s->n), *c = new_floats(s->n);
  bool good = true, changed = false;
  for (int kind = 0; kind < VECTOR_ZEROS && good; kind++) {
    vector_fill(kind, 21, x, s->n);
    good = subject_encode(s, 0, 0, x) && subject_decode(s, 0, 0, c);
    changed |= memcmp(c, x, s->n * sizeof *x) != 0;
  }
  if (good && !changed && !(s->first->traits & EXACT)) {
    snprintf(s->reason, sizeof s->reason, "returns its input unchanged without claiming EXACT");
    good = false;
  }
  free(x), free(c);
  return good;
}

/* Buffers of check_feedback, n each. */
typedef struct ledger {
  float *g, *e, *u, *c;
  double *meant, *sent;
} ledger;

static bool feedback_round(subject *s, uint64_t round, bool exact, ledger *l) {
  const size_t n_bytes = s->n * sizeof(float);
  for (size_t i = 0; i < s->n; i++) l->u[i] = l->g[i] + l->e[i];
  upload(s, s->x, l->g, n_bytes);
  upload(s, s->e, l->e, n_bytes);
  subject_prepare(s, 0xff);
  REQUIRE(pipeline_encode_feedback(s->pipeline, round, 1, s->x, s->e, &s->message));
  REQUIRE(stream_synchronize(s->stream));
  download(s, l->e, s->e, n_bytes);
  HOLDS(subject_decode(s, round, 1, l->c));
  for (size_t i = 0; i < s->n; i++) {
    const double both = (double)l->c[i] + l->e[i];
    const double slack = exact ? 0 : 0x1p-21 * (fabsf(l->u[i]) + fabsf(l->c[i]));
    if (!(fabs(both - l->u[i]) <= slack))
      REJECT("round %llu: sent %g + residual %g is not u[%zu] = %g", (unsigned long long)round, l->c[i], l->e[i], i,
             l->u[i]);
    l->meant[i] += l->g[i];
    l->sent[i] += l->c[i];
  }
  return subject_guards_hold(s);
}

static bool feedback_rounds(subject *s, ledger *l) {
  const bool contracts = pipeline_traits(s->pipeline) & CONTRACTIVE;
  const bool exact = pipeline_is_sparse(s->pipeline) && !(pipeline_traits(s->pipeline) & UNBIASED);
  double largest = 0;
  for (uint64_t round = 0; round < ROUNDS; round++) {
    vector_fill(VECTOR_INTEGERS, 100 + round, l->g, s->n);
    if (!contracts) memset(l->e, 0, s->n * sizeof *l->e); /* the residual of an expanding C grows without bound */
    HOLDS(feedback_round(s, round, exact, l));
    for (size_t i = 0; i < s->n; i++) largest = fmax(largest, fabsf(l->u[i]));
  }
  for (size_t i = 0; i < s->n && contracts; i++) {
    const double lost = l->meant[i] - l->sent[i] - l->e[i];
    if (!(fabs(lost) <= (exact ? 0 : ROUNDS * 0x1p-21 * largest)))
      REJECT("over %d rounds coordinate %zu loses %g of its gradients", ROUNDS, i, lost);
  }
  return true;
}

bool check_feedback(subject *s) {
  float *f = calloc(4 * s->n + 1, sizeof *f);
  double *d = calloc(2 * s->n + 1, sizeof *d);
  ledger l = {.g = f, .e = f + s->n, .u = f + 2 * s->n, .c = f + 3 * s->n, .meant = d, .sent = d + s->n};
  const bool good = feedback_rounds(s, &l);
  free(f), free(d);
  return good;
}

static bool bytes_of(subject *s, uint64_t round, int worker, const float *x, unsigned char *out) {
  HOLDS(subject_encode(s, round, worker, x));
  download(s, out, s->message.wire, s->bound);
  return true;
}

static bool draws(subject *s, const float *x, unsigned char *one, unsigned char *other) {
  static const struct {
    uint64_t round;
    int worker;
  } calls[] = {{5, 1}, {6, 1}, {5, 2}};
  HOLDS(bytes_of(s, 5, 1, x, one));
  for (size_t j = 0; j < sizeof calls / sizeof *calls; j++) {
    HOLDS(bytes_of(s, calls[j].round, calls[j].worker, x, other));
    const bool same = memcmp(one, other, s->bound) == 0;
    if (j == 0 && !same) REJECT("one call gives different bytes when repeated");
    const bool is_random = pipeline_traits(s->pipeline) & RANDOMIZED;
    if (j > 0 && !is_random && !same) REJECT("draws without claiming RANDOMIZED");
    if (j > 0 && is_random && s->draws_by_default && s->n > 1000 && same)
      REJECT("claims RANDOMIZED, but round %llu of worker %d draws as round 5 of worker 1",
             (unsigned long long)calls[j].round, calls[j].worker);
  }
  return true;
}

bool check_draws(subject *s) {
  float *x = new_floats(s->n);
  unsigned char *one = malloc(s->bound), *other = malloc(s->bound);
  vector_fill(VECTOR_NORMAL, 31, x, s->n);
  const bool good = draws(s, x, one, other);
  free(x), free(one), free(other);
  return good;
}

static bool special_values(subject *s, float *x, float *c) {
  static const float odd[] = {NAN, INFINITY, -INFINITY, 0x1p-140f, -0.0f, 3.4e38f};
  vector_fill(VECTOR_ZEROS, 0, x, s->n);
  HOLDS(subject_encode(s, 1, 1, x));
  HOLDS(subject_decode(s, 1, 1, c));
  for (size_t i = 0; i < s->n; i++)
    if (c[i] != 0) REJECT("zeros come back as %g at coordinate %zu", c[i], i);
  for (size_t j = 0; j < sizeof odd / sizeof *odd; j++) {
    vector_fill(VECTOR_NORMAL, 41, x, s->n);
    for (size_t i = 0; i < s->n; i += 5) x[i] = odd[j];
    HOLDS(subject_encode(s, 1, 1, x));
    HOLDS(subject_decode(s, 1, 1, c));
  }
  return true;
}

bool check_special_values(subject *s) {
  float *x = new_floats(s->n), *c = new_floats(s->n);
  const bool good = special_values(s, x, c);
  free(x), free(c);
  return good;
}

/* One broken image: random body, a few flipped bytes anywhere, or random throughout. */
static void break_image(rng_key key, unsigned trial, const unsigned char *valid, unsigned char *image, size_t n) {
  const unsigned mode = trial % 3;
  memcpy(image, valid, n);
  for (size_t i = mode == 0 ? sizeof(message_head) : 0; i < n && mode != 1; i++)
    image[i] = (unsigned char)rng_draw(key, i).w[0];
  for (unsigned flip = 0; mode == 1 && flip < 1 + trial % 8; flip++) {
    const rng_words w = rng_draw(key, flip);
    /* Every other one close to the front, where heads and counts are. */
    image[w.w[0] % (flip % 2 && n > 40 ? 40 : n)] ^= (unsigned char)(1u << w.w[1] % 8);
  }
}

static bool survive(subject *s, enum status issued, float *y) {
  const enum status waited = stream_synchronize(s->stream);
  if (issued != STATUS_OK && issued != STATUS_BAD_MESSAGE) REJECT("hostile bytes give '%s'", status_name(issued));
  if (waited != STATUS_OK && waited != STATUS_BAD_MESSAGE) REJECT("hostile bytes give '%s'", status_name(waited));
  return subject_get_y(s, y);
}

static bool hostile_bytes(subject *s, unsigned trials, float *y, unsigned char *valid, unsigned char *image) {
  sparse entries = {0};
  bool good = true;
  HOLDS(bytes_of(s, 2, 0, y, valid));
  if (pipeline_is_sparse(s->pipeline)) REQUIRE(sparse_alloc(s->device, pipeline_max_count(s->pipeline), &entries));
  for (unsigned trial = 0; trial < trials && good; trial++) {
    break_image(subject_key(1000 + trial), trial, valid, image, s->bound);
    upload(s, s->message.wire, image, s->bound);
    memcpy(s->message.head, image, sizeof *s->message.head);
    subject_put_y(s, y);
    good = survive(s, pipeline_decode_add(s->pipeline, 2, 0, &s->message, 1, s->y + SUBJECT_GUARD_FLOATS), y);
    if (good && entries.index) good = survive(s, pipeline_decode_sparse(s->pipeline, 2, 0, &s->message, &entries), y);
  }
  sparse_release(s->device, &entries);
  return good;
}

bool check_hostile_bytes(subject *s, unsigned trials) {
  float *y = new_floats(s->n), *c = new_floats(s->n);
  unsigned char *valid = malloc(s->bound), *image = malloc(s->bound);
  vector_fill(VECTOR_NORMAL, 51, y, s->n);
  bool good = hostile_bytes(s, trials, y, valid, image);
  /* and works as before */
  vector_fill(VECTOR_NORMAL, 52, y, s->n);
  good = good && subject_encode(s, 9, 0, y) && subject_decode(s, 9, 0, c);
  free(y), free(c), free(valid), free(image);
  return good;
}
