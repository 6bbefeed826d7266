/* Data sets in device memory (datasets/resident.h), copied there when a batch is first asked of them. */
#ifndef TERSE_MODELS_CUDA_RESIDENT_SET_H
#define TERSE_MODELS_CUDA_RESIDENT_SET_H

#include "core/device.h"
#include "datasets/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct resident_set {
  const resident *of;
  uint64_t checksum;
  unsigned char *train, *test; /* device */
  float *values;               /* device, RESIDENT_MAX_CHANNELS x 256 */
  struct resident_set *next;
} resident_set;

/* The set of d in a list, which grows where it is not there; *out is NULL where d has no resident form. Waits for the
 * stream when it copies. */
enum status resident_set_find(resident_set **list, device *d, stream *s, const data *set,
                              const resident_set **out) WARN_UNUSED;
void resident_set_release_all(resident_set **list, device *d);

#ifdef __cplusplus
}
#endif
#endif
