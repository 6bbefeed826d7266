#include "algorithms/compressor.h"

const compressor *compressor_find(const device *d, const char *name) {
  const compressor *const *list = d && d->compressors ? d->compressors : compressor_registry;
  for (; *list; list++)
    if (module_name_equal((*list)->name, name)) return *list;
  return NULL;
}
