#include "datasets/dataset.h"

const dataset *dataset_find(const char *name) {
  for (size_t i = 0; dataset_registry[i]; i++)
    if (module_name_equal(dataset_registry[i]->name, name)) return dataset_registry[i];
  return NULL;
}

void data_close(data *d) {
  if (d) d->close(d);
}
