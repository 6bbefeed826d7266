/* Composing a pipeline, laying out its messages, and what it says of itself.
 *
 * A message's layout is fixed when the pipeline is created: every compressor gives a known number of entries and bytes
 * for a known length. So the head is written without waiting for the device, and a message of other sizes is malformed.
 * Where sizes vary, what is fixed is the most they can be. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/pipeline_internal.h"
#include "core/suggest.h"

pipeline_spec pipeline_spec_from(const args *a) {
  pipeline_spec spec = {0};
  spec.stages = args_modules(a, "compressor", &spec.n_stages);
  const char *scope = args_text(a, "scope"), *indices = args_text(a, "indices");
  spec.scope = strcmp(scope, "layer") == 0 ? SCOPE_LAYER : strcmp(scope, "bucket") == 0 ? SCOPE_BUCKET : SCOPE_GLOBAL;
  spec.bucket = (size_t)args_int(a, "bucket");
  spec.indices = strcmp(indices, "packed") == 0  ? INDEX_PACKED
                 : strcmp(indices, "delta") == 0 ? INDEX_DELTA
                                                 : INDEX_RAW32;
  return spec;
}

pipeline_spec pipeline_spec_named(const args *a, const char *name) {
  size_t n;
  const module_spec *stages = args_modules(a, name, &n);
  pipeline_spec spec = pipeline_spec_from(a);
  if (n > 0) {
    spec.stages = stages;
    spec.n_stages = n;
  }
  return spec;
}

/* ---------------------------------------------------------------- sizes */

extent pipeline_extent(const pipeline *p, size_t n, size_t count) {
  extent e = {.value_bytes = 4 * count};
  if (p->coder) {
    const size_t bytes = p->coder->body_bytes(p->coder_state, count);
    e.value_bytes = (bytes + 3) / 4 * 4;
    e.padding_bits = 8 * (e.value_bytes - bytes) + p->coder->padding_bits(p->coder_state, count);
  }
  if (p->selector) {
    e.index_bytes = index_bytes(p->indices, n, count);
    if (p->is_variable)
      e.padding_bits += p->indices == INDEX_RAW32 ? 0 : 31;
    else
      e.padding_bits += 8 * e.index_bytes - (uint64_t)count * index_width(p->indices, n);
  }
  return e;
}

/* The paper's formula: indices and values by the selector; a quantizer replaces the values' 32 bits each by its own. */
static double theory_of(const pipeline *p, const part *t) {
  const enum index_convention convention = p->indices == INDEX_RAW32 ? INDEX_32 : INDEX_LOG2;
  if (!p->selector) return p->coder->theory_bits(p->coder_state, t->n, convention);
  const double both = p->selector->theory_bits(p->selector_state, t->n, convention);
  if (!p->coder) return both;
  return both - 32.0 * (double)t->count + p->coder->theory_bits(p->coder_state, t->count, convention);
}

/* Where the device counts, an entry's share must be the same in all parts: it is that of the whole vector. */
static double theory_per_entry(const pipeline *p) {
  const size_t count = p->selector->count(p->selector_state, p->n);
  const enum index_convention convention = p->indices == INDEX_RAW32 ? INDEX_32 : INDEX_LOG2;
  return count == 0 ? 0 : p->selector->theory_bits(p->selector_state, p->n, convention) / (double)count;
}

static enum status add_up(pipeline *p) {
  p->body_bytes = pipeline_framing_bytes(p);
  for (size_t i = 0; i < p->n_parts; i++) {
    const extent e = pipeline_extent(p, p->parts[i].n, p->parts[i].count);
    p->body_bytes += e.value_bytes + e.index_bytes;
    p->padding_bits += e.padding_bits;
    if (!p->is_counting) p->theory_bits += theory_of(p, &p->parts[i]);
  }
  if (p->is_counting) p->theory_bits_per_entry = theory_per_entry(p);
  if (p->n <= UINT32_MAX && p->body_bytes <= UINT32_MAX && p->padding_bits <= UINT16_MAX) return STATUS_OK;
  return FAIL(STATUS_UNSUPPORTED,
              "a message over %zu parameters in %zu parts has a body of %zu bytes with %llu bits of padding, more than "
              "its head can say: choose another compressor or scope",
              p->n, p->n_parts, p->body_bytes, (unsigned long long)p->padding_bits);
}

/* ---------------------------------------------------------------- creation */

static enum status find_compressor(const device *d, const char *name, const compressor **out) {
  const char *names[256];
  size_t n = 0;
  *out = compressor_find(d, name);
  if (*out) return STATUS_OK;
  const compressor *const *list = d && d->compressors ? d->compressors : compressor_registry;
  while (n < sizeof names / sizeof *names && list[n]) {
    names[n] = list[n]->name;
    n++;
  }
  const char *nearest = suggest_nearest(name, names, n);
  if (nearest) return FAIL(STATUS_BAD_INPUT, "there is no compressor '%s': did you mean %s?", name, nearest);
  return FAIL(STATUS_BAD_INPUT, "there is no compressor '%s': `terse list` shows those there are", name);
}

enum status pipeline_compose(const device *d, const module_spec *stages, size_t n, const compressor **selector,
                             const compressor **coder) {
  *selector = *coder = NULL;
  if (n == 0)
    return FAIL(STATUS_BAD_INPUT, "the list of compressors is empty: write [identity] to send everything as it is");
  for (size_t i = 0; i < n; i++) {
    const compressor *c;
    TRY_RETURN(find_compressor(d, stages[i].name, &c));
    if (c->traits & SELECTOR) {
      if (*selector)
        return FAIL(STATUS_BAD_INPUT, "%s and %s both select coordinates: keep one of them", (*selector)->name,
                    c->name);
      if (*coder)
        return FAIL(STATUS_BAD_INPUT, "%s stands before %s: put the selector first, it hands its values on",
                    (*coder)->name, c->name);
      *selector = c;
    } else {
      if (*coder)
        return FAIL(STATUS_BAD_INPUT, "%s and %s both encode the values: keep one of them", (*coder)->name, c->name);
      if (*selector && !(c->traits & QUANTIZER))
        return FAIL(STATUS_BAD_INPUT, "%s cannot follow %s: only a quantizer can", c->name, (*selector)->name);
      if (*selector && (*selector)->traits & VARIABLE_SIZE)
        return FAIL(STATUS_BAD_INPUT, "%s cannot follow %s, whose number of values varies: use topk or randk before it",
                    c->name, (*selector)->name);
      *coder = c;
    }
  }
  return STATUS_OK;
}

static enum status cut(pipeline *p, const layer_table *layers) {
  p->n = layers->n_params;
  p->n_parts = p->scope == SCOPE_LAYER ? layers->n_slices : 1;
  if (p->scope == SCOPE_BUCKET) {
    if (p->bucket == 0) return FAIL(STATUS_BAD_INPUT, "a bucket has no elements: give `bucket` a size of 1 or more");
    p->n_parts = (p->n + p->bucket - 1) / p->bucket;
  }
  p->parts = calloc(p->n_parts + 1, sizeof *p->parts);
  if (!p->parts) return FAIL(STATUS_NO_MEMORY, "no memory for a pipeline of %zu parts", p->n_parts);
  p->parts[0].n = p->n;
  for (size_t i = 0; p->scope == SCOPE_LAYER && i < p->n_parts; i++) {
    p->parts[i].offset = layers->slices[i].offset;
    p->parts[i].n = layers->slices[i].n;
  }
  for (size_t i = 0; p->scope == SCOPE_BUCKET && i < p->n_parts; i++) {
    p->parts[i].offset = i * p->bucket;
    p->parts[i].n = p->bucket < p->n - p->parts[i].offset ? p->bucket : p->n - p->parts[i].offset;
  }
  return STATUS_OK;
}

/* Creates the states of both stages, with args of the matching one of the spec, and counts the entries. */
static enum status create_states(pipeline *p, const pipeline_spec *spec) {
  compressor_env env = {.device = p->device};
  for (size_t i = 0; i < p->n_parts; i++)
    if (p->parts[i].n > env.n_max) env.n_max = p->parts[i].n;
  if (p->selector) TRY_RETURN(p->selector->create(&env, &spec->stages[0].args, &p->selector_state));
  if (p->selector) env.n_max = 0;
  for (size_t i = 0; i < p->n_parts; i++) {
    part *t = &p->parts[i];
    t->first = p->count;
    t->count = p->selector ? p->selector->count(p->selector_state, t->n) : t->n;
    p->count += t->count;
    if (p->selector && t->count > env.n_max) env.n_max = t->count;
  }
  if (p->coder) TRY_RETURN(p->coder->create(&env, &spec->stages[spec->n_stages - 1].args, &p->coder_state));
  return STATUS_OK;
}

/* FNV-1a */
static uint64_t hash_text(uint64_t h, const char *text) {
  for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
  return (h ^ 0xff) * 0x100000001b3ull;
}

static uint64_t hash_word(uint64_t h, uint64_t word) {
  for (int byte = 0; byte < 8; byte++) h = (h ^ (word >> 8 * byte & 0xff)) * 0x100000001b3ull;
  return h;
}

static uint16_t format_of(const pipeline *p, const pipeline_spec *spec) {
  uint64_t h = hash_word(hash_word(0xcbf29ce484222325ull, p->scope), p->indices);
  h = hash_word(h, p->bucket);
  for (size_t i = 0; i < spec->n_stages; i++) {
    const compressor *c = i == 0 && p->selector ? p->selector : p->coder;
    h = hash_text(hash_text(h, c->name), c->version);
    for (size_t j = 0; j < spec->stages[i].args.n; j++) {
      const arg *item = &spec->stages[i].args.items[j];
      uint64_t real;
      memcpy(&real, &item->real, sizeof real);
      h = hash_word(hash_word(hash_text(h, item->name), (uint64_t)item->integer), real);
      h = hash_text(h, item->text ? item->text : "");
    }
  }
  return (uint16_t)h;
}

/* A stage holds the largest part's. */
static enum status allocate_stages(pipeline *p) {
  size_t value_bytes = 0, index_bytes = 0;
  void *memory;
  for (size_t i = 0; i < p->n_parts; i++) {
    const extent e = pipeline_extent(p, p->parts[i].n, p->parts[i].count);
    if (e.value_bytes > value_bytes) value_bytes = e.value_bytes;
    if (e.index_bytes > index_bytes) index_bytes = e.index_bytes;
  }
  if (p->coder) {
    TRY_RETURN(device_alloc(p->device, value_bytes, &memory));
    p->value_stage = memory;
  }
  TRY_RETURN(device_alloc(p->device, index_bytes, &memory));
  p->index_stage = memory;
  TRY_RETURN(device_alloc(p->device, sizeof *p->place, &memory));
  p->place = memory;
  return STATUS_OK;
}

static enum status allocate(pipeline *p) {
  size_t n_max = 0;
  for (size_t i = 0; i < p->n_parts; i++)
    if (p->parts[i].n > n_max) n_max = p->parts[i].n;
  void *counts;
  if (p->selector) {
    TRY_RETURN(sparse_alloc(p->device, p->count, &p->entries));
    TRY_RETURN(device_alloc(p->device, p->n_parts * sizeof *p->counts, &counts));
    p->counts = counts;
  }
  if (p->is_variable) TRY_RETURN(allocate_stages(p));
  return device_alloc(p->device, vec_scratch_bytes(n_max), &p->scratch);
}

enum status pipeline_create(const pipeline_spec *spec, device *d, stream *s, const layer_table *layers, uint64_t seed,
                            pipeline **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  pipeline *p = calloc(1, sizeof *p);
  if (!p) return FAIL(STATUS_NO_MEMORY, "no memory for a pipeline");
  p->device = d;
  p->stream = s;
  p->seed = seed;
  p->scope = spec->scope;
  p->bucket = spec->scope == SCOPE_BUCKET ? spec->bucket : 0;
  p->indices = spec->indices;
  TRY(pipeline_compose(d, spec->stages, spec->n_stages, &p->selector, &p->coder));
  p->is_counting = p->selector && p->selector->traits & VARIABLE_SIZE;
  p->is_variable = p->is_counting || (p->selector && p->indices == INDEX_DELTA);
  p->is_framed = p->scope == SCOPE_LAYER || (p->scope == SCOPE_BUCKET && p->is_variable);
  TRY(cut(p, layers));
  TRY(create_states(p, spec));
  TRY(add_up(p));
  p->format = format_of(p, spec);
  TRY(allocate(p));
  *out = p;
  p = NULL;
exit:
  pipeline_destroy(p);
  return status;
}

void pipeline_destroy(pipeline *p) {
  if (!p) return;
  if (p->selector_state) p->selector->destroy(p->selector_state);
  if (p->coder_state) p->coder->destroy(p->coder_state);
  sparse_release(p->device, &p->entries);
  device_release(p->device, p->counts);
  device_release(p->device, p->scratch);
  device_release(p->device, p->value_stage);
  device_release(p->device, p->index_stage);
  device_release(p->device, p->place);
  free(p->parts);
  free(p);
}

/* ---------------------------------------------------------------- what it says of itself */

bool pipeline_is_variable(const pipeline *p) { return p->is_variable; }

size_t pipeline_wire_bound(const pipeline *p) { return sizeof(message_head) + p->body_bytes; }

size_t pipeline_max_count(const pipeline *p) { return p->count; }

bool pipeline_is_sparse(const pipeline *p) { return p->selector && !p->coder; }

static double factor_of(const compressor *c, const void *state, enum factor_kind kind, size_t n) {
  const unsigned needed = kind == FACTOR_OMEGA ? UNBIASED : CONTRACTIVE;
  return c->traits & needed ? c->factor(state, kind, n) : NAN;
}

/* With Q after T: unbiased both, 1 + omega = (1 + omega_T) (1 + omega_Q). Otherwise, since Q only changes what T kept,
 * where x - T(x) is zero: E|x - Q(T(x))|^2 <= |x|^2 - delta_Q |T(x)|^2 with delta_Q = 1 - omega_Q of an unbiased Q
 * (Basu et al., NeurIPS 2019, Lemma 1), and |T(x)|^2 >= delta_T |x|^2 on average. */
static double part_factor(const pipeline *p, enum factor_kind kind, const part *t) {
  if (!p->selector) return factor_of(p->coder, p->coder_state, kind, t->n);
  const double selected = factor_of(p->selector, p->selector_state, kind, t->n);
  if (!p->coder) return selected;
  const double coded = factor_of(p->coder, p->coder_state, kind, t->count);
  if (kind == FACTOR_OMEGA) return (1 + selected) * (1 + coded) - 1;
  if (!isnan(coded)) return selected * coded;
  const double omega = factor_of(p->coder, p->coder_state, FACTOR_OMEGA, t->count);
  return omega < 1 ? selected * (1 - omega) : NAN;
}

double pipeline_factor(const pipeline *p, enum factor_kind kind) {
  double worst = kind == FACTOR_OMEGA ? 0 : 1;
  for (size_t i = 0; i < p->n_parts; i++) {
    const double f = part_factor(p, kind, &p->parts[i]);
    if (isnan(f)) return NAN;
    worst = kind == FACTOR_OMEGA ? fmax(worst, f) : fmin(worst, f);
  }
  return worst;
}

unsigned pipeline_traits(const pipeline *p) {
  const unsigned selector = p->selector ? p->selector->traits : 0, coder = p->coder ? p->coder->traits : 0;
  unsigned traits = (selector | coder) & RANDOMIZED;
  if (!p->coder || !p->selector) traits |= (selector | coder) & (SELECTOR | QUANTIZER | EXACT | VARIABLE_SIZE);
  if (!isnan(pipeline_factor(p, FACTOR_OMEGA))) traits |= UNBIASED;
  if (!isnan(pipeline_factor(p, FACTOR_DELTA))) traits |= CONTRACTIVE;
  return traits;
}
