/* The devices compiled into the program. */
#ifndef TERSE_CORE_DEVICE_INTERNAL_H
#define TERSE_CORE_DEVICE_INTERNAL_H

#include "core/device.h"

extern const device_ops device_cpu_ops, device_shadow_ops;

/* What this processor is and the widest vectors it has, e.g. "AMD EPYC, avx512". */
void device_describe_cpu(char *out, size_t n);

/* Zeroed memory aligned to 64 bytes, or NULL; free() releases it. */
void *device_zeroed(size_t n_bytes);

#endif
