#include "models/model.h"

const model *model_find(const char *name) {
  for (size_t i = 0; model_registry[i]; i++)
    if (module_name_equal(model_registry[i]->name, name)) return model_registry[i];
  return NULL;
}
