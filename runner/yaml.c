#include "runner/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

/* Far above any experiment; they bound time and memory where a file is not one (libyaml is quadratic in nesting, and
 * aliases of aliases grow exponentially). */
enum { MAX_FILE_BYTES = 1 << 20, MAX_DEPTH = 32, MAX_NODES = 10000 };

typedef struct anchor {
  struct anchor *before;
  const char *name;
  const node *node;
} anchor;

typedef struct reader {
  yaml_parser_t parser;
  yaml_event_t event; /* the current one; libyaml clears what is deleted, so deleting twice is harmless */
  arena *memory;
  const char *source, *text;
  size_t n_text;
  bool lines;
  anchor *anchors;
} reader;

enum status place_fail(place at, const char *file, int line, const char *format, ...) {
  char sentence[1600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  if (at.line == 0) return status_record(STATUS_BAD_INPUT, file, line, "%s: %s", at.source, sentence);
  return status_record(STATUS_BAD_INPUT, file, line, "%s:%d:%d: %s", at.source, at.line, at.column, sentence);
}

enum status place_prefix(place at, enum status code) {
  if (code != STATUS_BAD_INPUT) return code;
  char sentence[1600];
  snprintf(sentence, sizeof sentence, "%s", status_detail());
  return FAIL_AT(at, "%s", sentence);
}

static place place_of(const reader *r, yaml_mark_t mark) {
  if (!r->lines) return (place){.source = r->source};
  return (place){.source = r->source, .line = (int)mark.line + 1, .column = (int)mark.column + 1};
}

/* libyaml gives bytes it cannot read an offset instead of a mark. */
static enum status reader_failure(const reader *r) {
  place at = {.source = r->source};
  if (r->lines) {
    at.line = at.column = 1;
    for (size_t i = 0; i < r->parser.problem_offset && i < r->n_text; i++) {
      at.column++;
      if (r->text[i] == '\n') {
        at.line++;
        at.column = 1;
      }
    }
  }
  return FAIL_AT(at, "not UTF-8 text (%s): save the file as UTF-8", r->parser.problem);
}

static enum status parser_failure(const reader *r) {
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR) return FAIL(STATUS_NO_MEMORY, "no memory to read %s", r->source);
  if (p->error == YAML_READER_ERROR) return reader_failure(r);
  const place at = place_of(r, p->problem_mark);
  if (!p->context) return FAIL_AT(at, "YAML syntax: %s", p->problem);
  return FAIL_AT(at, "YAML syntax: %s (%s, which begins at line %zu)", p->problem, p->context,
                 p->context_mark.line + 1);
}

static enum status next(reader *r) {
  yaml_event_delete(&r->event);
  return yaml_parser_parse(&r->parser, &r->event) ? STATUS_OK : parser_failure(r);
}

static enum status read_node(reader *r, int depth, const node **out);

static enum status no_tag(const reader *r, const yaml_char_t *tag) {
  if (!tag) return STATUS_OK;
  return FAIL_AT(place_of(r, r->event.start_mark), "the tag %s: tags are not used here, leave it out",
                 (const char *)tag);
}

static enum status read_scalar(reader *r, node *n) {
  const char *text = (const char *)r->event.data.scalar.value;
  const size_t length = r->event.data.scalar.length;
  TRY_RETURN(no_tag(r, r->event.data.scalar.tag));
  if (strlen(text) != length) return FAIL_AT(n->at, "a text with a zero byte: leave out the \\0");
  n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  n->text = arena_text(r->memory, text, length);
  return n->text ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status grow(node *n, const node *child) {
  n->weight += child->weight;
  if (n->weight <= MAX_NODES) return STATUS_OK;
  return FAIL_AT(n->at, "more than %d values, aliases followed: split the experiment", MAX_NODES);
}

/* Children come one by one and their number last: a chain first, the array from it. */
typedef struct chain {
  struct chain *next;
  entry entry;
} chain;

static enum status read_list(reader *r, int depth, node *n) {
  chain *first = NULL, **end = &first;
  TRY_RETURN(no_tag(r, r->event.data.sequence_start.tag));
  for (;;) {
    TRY_RETURN(next(r));
    if (r->event.type == YAML_SEQUENCE_END_EVENT) break;
    chain *link = *end = arena_take(r->memory, sizeof *link);
    if (!link) return STATUS_NO_MEMORY;
    end = &link->next;
    TRY_RETURN(read_node(r, depth + 1, &link->entry.value));
    TRY_RETURN(grow(n, link->entry.value));
    n->n++;
  }
  const node **items = arena_take(r->memory, n->n * sizeof *items);
  if (!items) return STATUS_NO_MEMORY;
  size_t i = 0;
  for (const chain *link = first; link; link = link->next) items[i++] = link->entry.value;
  n->items = items;
  return STATUS_OK;
}

static enum status read_key(reader *r, const chain *earlier, entry *out) {
  const place at = place_of(r, r->event.start_mark);
  if (r->event.type != YAML_SCALAR_EVENT) return FAIL_AT(at, "a key must be a word, not a list, map or alias");
  node key = {.kind = NODE_SCALAR, .at = at};
  TRY_RETURN(read_scalar(r, &key));
  if (!key.quoted && strcmp(key.text, "<<") == 0)
    return FAIL_AT(at, "merge keys (<<) are not supported: write the keys out, or alias the whole value");
  for (; earlier; earlier = earlier->next)
    if (strcmp(earlier->entry.key, key.text) == 0) {
      if (!r->lines) return FAIL_AT(at, "duplicate key '%s': remove one", key.text);
      return FAIL_AT(at, "duplicate key '%s', first given in line %d: remove one", key.text, earlier->entry.at.line);
    }
  *out = (entry){.key = key.text, .at = at};
  return STATUS_OK;
}

static enum status read_map(reader *r, int depth, node *n) {
  chain *first = NULL, **end = &first;
  TRY_RETURN(no_tag(r, r->event.data.mapping_start.tag));
  for (;;) {
    TRY_RETURN(next(r));
    if (r->event.type == YAML_MAPPING_END_EVENT) break;
    chain *link = arena_take(r->memory, sizeof *link);
    if (!link) return STATUS_NO_MEMORY;
    TRY_RETURN(read_key(r, first, &link->entry));
    TRY_RETURN(next(r));
    TRY_RETURN(read_node(r, depth + 1, &link->entry.value));
    TRY_RETURN(grow(n, link->entry.value));
    *end = link;
    end = &link->next;
    n->n++;
  }
  entry *entries = arena_take(r->memory, n->n * sizeof *entries);
  if (!entries) return STATUS_NO_MEMORY;
  size_t i = 0;
  for (const chain *link = first; link; link = link->next) entries[i++] = link->entry;
  n->entries = entries;
  return STATUS_OK;
}

static enum status read_alias(const reader *r, const node **out) {
  const char *name = (const char *)r->event.data.alias.anchor;
  for (const anchor *a = r->anchors; a; a = a->before)
    if (strcmp(a->name, name) == 0) {
      *out = a->node;
      return STATUS_OK;
    }
  return FAIL_AT(place_of(r, r->event.start_mark), "the alias *%s has no complete anchor &%s before it", name, name);
}

/* Anchors are known only when their node is complete, so an alias cannot close a circle. */
static enum status add_anchor(reader *r, const char *name, const node *n) {
  anchor *a = arena_take(r->memory, sizeof *a);
  if (!a) return STATUS_NO_MEMORY;
  *a = (anchor){.before = r->anchors, .name = name, .node = n};
  r->anchors = a;
  return STATUS_OK;
}

/* From the node's first event, which is the current one, to its last, which is then the current one. */
static enum status read_node(reader *r, int depth, const node **out) {
  const yaml_event_t *e = &r->event;
  if (e->type == YAML_ALIAS_EVENT) return read_alias(r, out);
  node *n = arena_take(r->memory, sizeof *n);
  if (!n) return STATUS_NO_MEMORY;
  *n = (node){.at = place_of(r, e->start_mark), .weight = 1};
  if (depth > MAX_DEPTH) return FAIL_AT(n->at, "nested more than %d deep", MAX_DEPTH);
  const yaml_char_t *given = NULL;
  if (e->type == YAML_SCALAR_EVENT) given = e->data.scalar.anchor;
  if (e->type == YAML_SEQUENCE_START_EVENT) given = e->data.sequence_start.anchor;
  if (e->type == YAML_MAPPING_START_EVENT) given = e->data.mapping_start.anchor;
  const char *name = NULL;
  if (given && !(name = arena_text(r->memory, (const char *)given, strlen((const char *)given))))
    return STATUS_NO_MEMORY;
  if (e->type == YAML_SEQUENCE_START_EVENT) {
    n->kind = NODE_LIST;
    TRY_RETURN(read_list(r, depth, n));
  } else if (e->type == YAML_MAPPING_START_EVENT) {
    n->kind = NODE_MAP;
    TRY_RETURN(read_map(r, depth, n));
  } else {
    TRY_RETURN(read_scalar(r, n));
  }
  if (name) TRY_RETURN(add_anchor(r, name, n));
  *out = n;
  return STATUS_OK;
}

static enum status read_stream(reader *r, const node **out) {
  TRY_RETURN(next(r)); /* the stream begins */
  TRY_RETURN(next(r));
  if (r->event.type == YAML_STREAM_END_EVENT)
    return FAIL_AT(place_of(r, r->event.start_mark), "nothing is written here: an experiment, or a value, is needed");
  TRY_RETURN(next(r)); /* past the document's start */
  TRY_RETURN(read_node(r, 0, out));
  TRY_RETURN(next(r)); /* the document's end */
  TRY_RETURN(next(r));
  if (r->event.type != YAML_STREAM_END_EVENT)
    return FAIL_AT(place_of(r, r->event.start_mark), "a second document begins: one file is one experiment");
  return STATUS_OK;
}

enum status yaml_read_text(arena *memory, const char *source, bool lines, const char *text, size_t n,
                           const node **out) {
  reader r = {.memory = memory, .source = source, .text = text, .n_text = n, .lines = lines};
  if (!yaml_parser_initialize(&r.parser)) return FAIL(STATUS_NO_MEMORY, "no memory to read %s", source);
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
  const enum status status = read_stream(&r, out);
  yaml_event_delete(&r.event);
  yaml_parser_delete(&r.parser);
  return status;
}

enum status yaml_read_file(arena *memory, const char *path, const node **out) {
  enum status status = STATUS_OK;
  struct stat about;
  char *source = arena_text(memory, path, strlen(path)), *text = NULL;
  if (!source) return STATUS_NO_MEMORY;
  FILE *f = fopen(path, "rb");
  if (!f || fstat(fileno(f), &about) != 0) {
    status = FAIL(STATUS_BAD_INPUT, "%s: cannot be read (%s): check the path", path, strerror(errno));
    goto exit;
  }
  if (S_ISDIR(about.st_mode)) {
    status = FAIL(STATUS_BAD_INPUT, "%s: this is a folder: name an experiment file in it", path);
    goto exit;
  }
  if (!(text = malloc(MAX_FILE_BYTES + 1))) {
    status = FAIL(STATUS_NO_MEMORY, "no memory to read %s", path);
    goto exit;
  }
  const size_t n = fread(text, 1, MAX_FILE_BYTES + 1, f);
  if (ferror(f))
    status = FAIL(STATUS_BAD_INPUT, "%s: cannot be read (%s)", path, strerror(errno));
  else if (n > MAX_FILE_BYTES)
    status = FAIL(STATUS_BAD_INPUT, "%s: larger than %d bytes, so not an experiment file", path, MAX_FILE_BYTES);
  else
    status = yaml_read_text(memory, source, true, text, n, out);
exit:
  free(text);
  if (f) fclose(f);
  return status;
}

const entry *node_entry(const node *map, const char *key) {
  if (!map || map->kind != NODE_MAP) return NULL;
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->entries[i].key, key) == 0) return &map->entries[i];
  return NULL;
}

const node *node_get(const node *map, const char *key) {
  const entry *e = node_entry(map, key);
  return e ? e->value : NULL;
}

bool node_is_empty(const node *n) { return n->kind == NODE_SCALAR && !n->quoted && n->text[0] == '\0'; }

const char *node_kind_name(const node *n) {
  if (n->kind == NODE_LIST) return "a list";
  if (n->kind == NODE_MAP) return "a map";
  return node_is_empty(n) ? "empty" : "a single value";
}
