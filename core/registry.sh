#!/bin/bash
# core/registry.sh KIND...: writes the registry of modules as C: for each kind (compressor, method, model, dataset) the
# NULL-terminated array KIND_registry of every module its folder defines. A module is a file NAME.c with MODULE(KIND, NAME).
set -eu
declare -A folder=([compressor]=algorithms/compressors [method]=algorithms/methods [model]=models [dataset]=datasets)
echo '/* Generated from the file names of modules (core/registry.sh). */'
echo '#include "core/module.h"'
for kind in "$@"; do
  names=$(grep -ls "^MODULE($kind, " "${folder[$kind]}"/*.c | xargs -r -n 1 basename -s .c | LC_ALL=C sort)
  echo
  for name in $names; do echo "EXTERN_C const struct $kind ${kind}_$name;"; done
  echo "EXTERN_C const struct $kind *const ${kind}_registry[];"
  echo "const struct $kind *const ${kind}_registry[] = {"
  for name in $names; do echo "    &${kind}_$name,"; done
  echo "    NULL};"
done
