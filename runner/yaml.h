/* A YAML file as a tree in which every node knows its line and column, so that every later error can name them.
 *
 * What an experiment does not need is refused with a sentence: tags, several documents, merge keys, keys that are not
 * plain words, duplicate keys. Aliases are followed. JSON is read too, being YAML's flow syntax. Nodes never change. */
#ifndef TERSE_RUNNER_YAML_H
#define TERSE_RUNNER_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"
#include "runner/arena.h"

/* Where something was written. Line and column count from 1; line 0: the source alone says it ("--set batch=0"). */
typedef struct place {
  const char *source;
  int line, column;
} place;

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

typedef struct node node;

typedef struct entry {
  const char *key;
  place at; /* of the key */
  const node *value;
} entry;

struct node {
  enum node_kind kind;
  place at;
  const char *text;         /* scalar; "" also where nothing is written */
  bool quoted;              /* scalar: written in quotes or as a block, so not a number and not absent */
  const node *const *items; /* list */
  const entry *entries;     /* map, in the order written */
  size_t n;                 /* items or entries */
  size_t weight;            /* nodes in it, aliases counted as often as they are used */
};

/* Parses a file / a text (n bytes) into `memory`. `source` is how errors call it; with `lines` false they give no line
 * and column. STATUS_BAD_INPUT with place and remedy; STATUS_NO_MEMORY. */
enum status yaml_read_file(arena *memory, const char *path, const node **out) WARN_UNUSED;
enum status yaml_read_text(arena *memory, const char *source, bool lines, const char *text, size_t n,
                           const node **out) WARN_UNUSED;

/* The entry / the value of a key of a map; NULL where there is none, or where `map` is no map. */
const entry *node_entry(const node *map, const char *key);
const node *node_get(const node *map, const char *key);
/* Whether nothing is written where a value belongs: `key:` and the rest of the line empty. */
bool node_is_empty(const node *n);
/* "a map", "a list", "empty", "text" for sentences. */
const char *node_kind_name(const node *n);

/* Records STATUS_BAD_INPUT as "FILE:LINE:COLUMN: sentence". */
enum status place_fail(place at, const char *file, int line, const char *format, ...) PRINTF_LIKE(4, 5);
#define FAIL_AT(at, ...) place_fail((at), __FILE__, __LINE__, __VA_ARGS__)
/* Puts the place before the sentence just recorded, where `code` is STATUS_BAD_INPUT; returns `code`. */
enum status place_prefix(place at, enum status code) WARN_UNUSED;

#endif
