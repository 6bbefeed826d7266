#include "models/cpu/program.h"

#include <stdlib.h>
#include <string.h>

enum status program_open(program *p) {
  memset(p, 0, sizeof *p);
  dnnl_status_t code = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
  if (code == dnnl_success) code = dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
  if (code == dnnl_success) return STATUS_OK;
  program_close(p);
  return FAIL(STATUS_LIBRARY, "oneDNN cannot start on this CPU (code %d)", (int)code);
}

void program_close(program *p) {
  for (size_t i = 0; i < p->n_steps; i++)
    if (p->steps[i].primitive) dnnl_primitive_destroy(p->steps[i].primitive);
  free(p->steps);
  for (tensor *t = p->tensors, *next; t; t = next) {
    next = t->next;
    if (t->memory) dnnl_memory_destroy(t->memory);
    free(t);
  }
  free(p->memory);
  if (p->stream) dnnl_stream_destroy(p->stream);
  if (p->engine) dnnl_engine_destroy(p->engine);
  memset(p, 0, sizeof *p);
}

enum status program_append(program *p, const step *s) {
  if (p->n_steps == p->capacity) {
    const size_t capacity = p->capacity ? 2 * p->capacity : 64;
    step *steps = (step *)realloc(p->steps, capacity * sizeof *steps);
    if (!steps) {
      if (s->primitive) dnnl_primitive_destroy(s->primitive);
      return FAIL(STATUS_NO_MEMORY, "no memory for a model of %zu steps", capacity);
    }
    p->steps = steps;
    p->capacity = capacity;
  }
  p->steps[p->n_steps++] = *s;
  return STATUS_OK;
}

static bool is_own(const tensor *t) { return t->source == TENSOR_OWN || t->source == TENSOR_KEPT; }

enum status program_tensor(program *p, size_t n_bytes, enum tensor_source source, size_t offset, tensor **out) {
  *out = NULL;
  tensor *t = (tensor *)calloc(1, sizeof *t);
  if (!t) return FAIL(STATUS_NO_MEMORY, "no memory to compile a model");
  t->n_bytes = n_bytes;
  t->source = source;
  t->offset = offset;
  t->life = life_unused(n_bytes);
  if (is_own(t)) {
    t->life.next = p->lives;
    p->lives = &t->life;
  }
  t->next = p->tensors;
  p->tensors = t;
  *out = t;
  return STATUS_OK;
}

enum status program_view(program *p, tensor *of, size_t offset, size_t n, tensor **out) {
  TRY_RETURN(program_tensor(p, n * sizeof(float), TENSOR_VIEW, offset, out));
  (*out)->of = of;
  return STATUS_OK;
}

/* ---- memory */

enum { ALIGNMENT = 64 };

static void touch(tensor *t, size_t step) {
  while (t && t->of) t = t->of;
  if (t) life_touch(&t->life, step);
}

static tensor *tensor_of_memory(const program *p, dnnl_memory_t memory) {
  tensor *t = p->tensors;
  while (t && t->memory != memory) t = t->next;
  return t;
}

static void find_lives(program *p, tensor *input) {
  for (size_t i = 0; i < p->n_steps; i++) {
    const step *s = &p->steps[i];
    touch(s->a, i);
    touch(s->b, i);
    touch(s->c, i);
    touch(s->d, i);
    for (int k = 0; k < s->n_args; k++) touch(tensor_of_memory(p, s->args[k].memory), i);
  }
  touch(input, 0);
  for (tensor *t = p->tensors; t; t = t->next) {
    if (t->source != TENSOR_KEPT) continue;
    touch(t, 0);
    touch(t, p->n_steps);
  }
}

static enum status allocate(program *p) {
  size_t total;
  TRY_RETURN(lives_lay_out(p->lives, ALIGNMENT, &total));
  p->memory = aligned_alloc(ALIGNMENT, total > 0 ? total : ALIGNMENT);
  if (!p->memory) return FAIL(STATUS_NO_MEMORY, "no memory for %zu bytes of activations", total);
  memset(p->memory, 0, total);
  return STATUS_OK;
}

static void *data_of(const program *p, const tensor *t) {
  return t->of ? (void *)((float *)data_of(p, t->of) + t->offset) : (unsigned char *)p->memory + t->life.offset;
}

static enum status point(const tensor *t) {
  if (!t->memory) return STATUS_OK;
  const dnnl_status_t code = dnnl_memory_set_data_handle(t->memory, t->data);
  return code == dnnl_success ? STATUS_OK : FAIL(STATUS_LIBRARY, "oneDNN refuses a tensor (code %d)", (int)code);
}

enum status program_plan(program *p, tensor *input) {
  find_lives(p, input);
  TRY_RETURN(allocate(p));
  for (tensor *t = p->tensors; t; t = t->next) {
    if (!is_own(t) && !t->of) continue;
    t->data = data_of(p, t);
    TRY_RETURN(point(t));
  }
  return STATUS_OK;
}

/* Points the tensors that view a vector at this run's. */
static enum status bind(program *p, const run *r) {
  for (tensor *t = p->tensors; t; t = t->next) {
    if (is_own(t) || t->of || (t->source == TENSOR_GRADIENT && !r->gradient)) continue;
    /* oneDNN takes no pointer to const; parameters are only ever arguments it reads. */
    t->data = t->source == TENSOR_PARAMS  ? (void *)(r->params + t->offset)
              : t->source == TENSOR_STATE ? (void *)(r->state + t->offset)
                                          : (void *)(r->gradient + t->offset);
    TRY_RETURN(point(t));
  }
  return STATUS_OK;
}

static enum status run_library_step(program *p, const step *s) {
  dnnl_status_t code;
  if (s->kind == STEP_PRIMITIVE) {
    code = dnnl_primitive_execute(s->primitive, p->stream, s->n_args, s->args);
  } else {
    const size_t a_row = s->transpose_a == 'T' ? s->rows : s->inner,
                 b_row = s->transpose_b == 'T' ? s->inner : s->columns;
    code = dnnl_sgemm(s->transpose_a, s->transpose_b, (dnnl_dim_t)s->rows, (dnnl_dim_t)s->columns, (dnnl_dim_t)s->inner,
                      1, (const float *)s->a->data, (dnnl_dim_t)a_row, (const float *)s->b->data, (dnnl_dim_t)b_row,
                      s->beta, (float *)s->c->data, (dnnl_dim_t)s->columns);
  }
  return code == dnnl_success ? STATUS_OK : FAIL(STATUS_LIBRARY, "a oneDNN call failed (code %d)", (int)code);
}

enum status program_run(program *p, run *r) {
  TRY_RETURN(bind(p, r));
  const size_t n = r->gradient ? p->n_steps : p->n_forward;
  for (size_t i = 0; i < n; i++) {
    const step *s = &p->steps[i];
    if (s->modes && !(s->modes & r->mode)) continue;
    if (s->kind == STEP_LOOP)
      s->loop(s, r);
    else
      TRY_RETURN(run_library_step(p, s));
  }
  return STATUS_OK;
}

enum status program_run_library(program *p) {
  for (size_t i = 0; i < p->n_steps; i++)
    if (p->steps[i].kind != STEP_LOOP && (!p->steps[i].modes || p->steps[i].modes & RUN_TRAIN))
      TRY_RETURN(run_library_step(p, &p->steps[i]));
  return STATUS_OK;
}
