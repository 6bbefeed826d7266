/* A device with a stream and helpers to move test data, failing the running test on any error. */
#ifndef TERSE_TESTS_DEVICE_LAB_H
#define TERSE_TESTS_DEVICE_LAB_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "core/vec.h"

typedef struct device_lab {
  device *device;
  stream *stream;
} device_lab;

/* The devices that need no GPU. */
enum { LAB_DEVICES = 2 };
extern const enum device_kind lab_kinds[LAB_DEVICES];

device_lab lab_open(enum device_kind kind);
void lab_close(device_lab *lab);

/* Device memory holding a copy of n host floats / zeroed bytes. Release with device_release. */
float *lab_floats(device_lab *lab, const float *host, size_t n);
void *lab_zeroed(device_lab *lab, size_t n_bytes);
/* Waits, and copies device memory to the host. */
void lab_read(device_lab *lab, void *host, const void *memory, size_t n_bytes);
/* The scratch contract's memory, exactly as large as it says. */
void *lab_scratch(device_lab *lab, size_t n);

/* A sparse vector with the given entries; capacity may exceed count. */
sparse lab_sparse(device_lab *lab, const uint32_t *index, const float *value, size_t count, size_t capacity);
/* Its entries on the host: index and value hold `capacity` entries; returns the count. */
size_t lab_read_sparse(device_lab *lab, const sparse *s, uint32_t *index, float *value);

/* Fills x with a kind of test vector. LAB_MIXED has NaN, infinities, denormals, both zeros and ties. */
enum lab_vector { LAB_NORMAL, LAB_TIES, LAB_ZEROS, LAB_MIXED, LAB_VECTORS };
void lab_fill(enum lab_vector kind, uint64_t seed, float *x, size_t n);

uint32_t lab_bits(float x);

#endif
