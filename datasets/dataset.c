#include "datasets/dataset.h"

const dataset *dataset_find(const char *name) {
  for (size_t i = 0; dataset_registry[i]; i++)
    if (module_name_equal(dataset_registry[i]->name, name)) return dataset_registry[i];
  return NULL;
}

enum status data_check_ids(const data *d, const batch_request *request) {
  const size_t n = data_split_size(d, request->split);
  for (size_t j = 0; j < request->n; j++)
    if (request->ids[j] >= n)
      return FAIL(STATUS_BAD_INPUT, "sample %u asked of a split of %zu", request->ids[j], n);
  return STATUS_OK;
}

void data_close(data *d) {
  if (d) d->close(d);
}
