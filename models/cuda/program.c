#include "models/cuda/program.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256 }; /* bytes: what cuDNN and wide loads may expect */

enum status gpu_program_begin(program *p, device *d, size_t capacity) {
  memset(p, 0, sizeof *p);
  p->device = d;
  p->capacity = capacity;
  p->steps = (step *)calloc(capacity, sizeof *p->steps);
  return p->steps ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "no memory for a model of %zu steps", capacity);
}

void gpu_program_end(program *p) {
  for (tensor *t = p->tensors, *next; t; t = next) {
    next = t->next;
    free(t);
  }
  free(p->steps);
  if (p->device) device_release(p->device, p->memory);
  memset(p, 0, sizeof *p);
}

step *gpu_program_step(program *p, void (*run)(const step *, const binding *, stream *)) {
  step *s = &p->spare;
  if (p->n_steps < p->capacity)
    s = &p->steps[p->n_steps++];
  else
    gpu_program_fail(p, FAIL(STATUS_UNSUPPORTED, "a model of more than %zu steps", p->capacity));
  memset(s, 0, sizeof *s);
  s->run = run;
  return s;
}

static tensor *add_tensor(program *p, enum tensor_source source, size_t n_bytes) {
  tensor *t = (tensor *)calloc(1, sizeof *t);
  if (!t) {
    gpu_program_fail(p, FAIL(STATUS_NO_MEMORY, "no memory to compile a model"));
    return &p->no_tensor;
  }
  t->source = source;
  t->life = life_unused(n_bytes);
  t->next = p->tensors;
  p->tensors = t;
  if (n_bytes / 2 > UINT32_MAX) /* kernels count elements in 32 bits */
    gpu_program_fail(p, FAIL(STATUS_UNSUPPORTED, "a layer's values take %zu bytes, too many: make the batch smaller",
                             n_bytes));
  return t;
}

tensor *gpu_program_tensor(program *p, enum tensor_source source, size_t n_bytes) {
  tensor *t = add_tensor(p, source, n_bytes);
  t->life.next = p->lives;
  p->lives = &t->life;
  return t;
}

tensor *gpu_program_part(program *p, tensor *of, size_t offset, size_t n_bytes) {
  tensor *t = add_tensor(p, of->source, n_bytes);
  t->of = of;
  t->offset = offset;
  t->is_half = of->is_half;
  return t;
}

tensor *gpu_program_bound(program *p, enum tensor_source source, size_t offset, size_t n) {
  tensor *t = add_tensor(p, source, n * sizeof(float));
  t->offset = offset;
  return t;
}

/* ---- memory */

static void find_lives(program *p) {
  for (size_t i = 0; i < p->n_steps; i++)
    for (int k = 0; k < STEP_TENSORS; k++) {
      tensor *t = p->steps[i].t[k];
      while (t && t->of) t = t->of;
      if (t) life_touch(&t->life, i);
    }
  for (tensor *t = p->tensors; t; t = t->next) {
    if (t->source != TENSOR_KEPT) continue;
    life_touch(&t->life, 0);
    life_touch(&t->life, p->n_steps);
  }
}

enum status gpu_program_plan(program *p, stream *s) {
  void *memory = NULL;
  TRY_RETURN(p->status);
  find_lives(p);
  TRY_RETURN(lives_lay_out(p->lives, ALIGNMENT, &p->n_bytes));
  TRY_RETURN(device_alloc(p->device, p->n_bytes, &memory));
  p->memory = (unsigned char *)memory;
  for (const tensor *t = p->tensors; t; t = t->next)
    if (t->contents) stream_copy(s, p->memory + t->life.offset, t->contents, t->life.n_bytes);
  return stream_synchronize(s);
}

void gpu_program_run(const program *p, const binding *b, bool backward, stream *s) {
  const size_t n = backward ? p->n_steps : p->n_forward;
  for (size_t i = 0; i < n && s->error == STATUS_OK; i++) {
    const step *one = &p->steps[i];
    if (!one->modes || one->modes & b->mode) one->run(one, b, s);
  }
}
