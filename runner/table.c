#include "runner/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runner/json.h"

struct table {
  FILE *out;
  enum table_format format;
  size_t n_columns, n_cells;
  char **names;
  enum status error;
  /* Text only: every cell's words, one after another with their terminating zeros. */
  char *words;
  size_t n_words, words_capacity;
  size_t *widths; /* per column, in characters */
  bool *numeric;  /* per column: right-aligned */
};

enum status table_format_from(const char *word, enum table_format *out) {
  static const char *const words[] = {"table", "csv", "json"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(word, words[i]) == 0) {
      *out = (enum table_format)i;
      return STATUS_OK;
    }
  }
  return FAIL(STATUS_BAD_INPUT, "unknown format '%s': table, csv or json", word);
}

static void csv_write_string(FILE *out, const char *text) {
  if (*text && !strpbrk(text, "\",\r\n")) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

/* Appends to the words of a text table; control characters become escapes. Returns the width in characters. */
static size_t append_words(table *t, const char *text) {
  const size_t need = t->n_words + 4 * strlen(text) + 1;
  if (need > t->words_capacity) {
    const size_t capacity = need > 2 * t->words_capacity ? need : 2 * t->words_capacity;
    char *words = realloc(t->words, capacity);
    if (!words) {
      t->error =
          FAIL(STATUS_NO_MEMORY, "no memory for a table of %zu cells: use --format csv, which needs none", t->n_cells);
      return 0;
    }
    t->words = words;
    t->words_capacity = capacity;
  }
  size_t width = 0;
  for (const unsigned char *p = (const unsigned char *)text; *p; width++) {
    const size_t n = utf8_length(p);
    const bool is_control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && n == 2 && p[1] < 0xa0);
    if (is_control || n == 0) {
      const int written =
          *p == '\n' ? snprintf(t->words + t->n_words, 5, "\\n") : snprintf(t->words + t->n_words, 5, "\\x%02x", *p);
      t->n_words += (size_t)written;
      width += (size_t)written - 1;
      p++;
    } else {
      memcpy(t->words + t->n_words, p, n);
      t->n_words += n;
      p += n;
    }
  }
  t->words[t->n_words++] = '\0';
  return width;
}

enum status table_begin(FILE *out, enum table_format format, const char *const *names, size_t n, table **created) {
  table *t = calloc(1, sizeof *t);
  *created = NULL;
  if (!t) return FAIL(STATUS_NO_MEMORY, "no memory for a table");
  *t = (table){.out = out, .format = format, .n_columns = n};
  t->names = calloc(n, sizeof *t->names);
  t->widths = calloc(n, sizeof *t->widths);
  t->numeric = malloc(n * sizeof *t->numeric);
  bool complete = t->names && t->widths && t->numeric;
  for (size_t i = 0; complete && i < n; i++) {
    t->numeric[i] = true;
    t->names[i] = strdup(names[i]);
    complete = t->names[i] != NULL;
  }
  if (!complete) {
    table_abandon(t);
    return FAIL(STATUS_NO_MEMORY, "no memory for a table of %zu columns", n);
  }
  if (format == TABLE_JSON) fputc('[', out);
  if (format == TABLE_CSV)
    for (size_t i = 0; i < n; i++) {
      if (i) fputc(',', out);
      csv_write_string(out, names[i]);
    }
  if (format == TABLE_TEXT)
    for (size_t i = 0; i < n; i++) t->widths[i] = append_words(t, names[i]);
  *created = t;
  return STATUS_OK;
}

/* One cell: `text` NULL for NULL; `quoted` where JSON needs quotes. */
static void add(table *t, const char *text, bool is_number) {
  const size_t column = t->n_cells++ % t->n_columns;
  if (t->error != STATUS_OK) return;
  switch (t->format) {
    case TABLE_TEXT: {
      const size_t width = append_words(t, text ? text : "-");
      if (width > t->widths[column]) t->widths[column] = width;
      if (text && !is_number) t->numeric[column] = false;
      break;
    }
    case TABLE_CSV:
      fputs(column ? "," : "\r\n", t->out);
      if (text) csv_write_string(t->out, text);
      break;
    case TABLE_JSON:
      if (column == 0) fputs(t->n_cells == 1 ? "\n{" : ",\n{", t->out);
      if (column) fputc(',', t->out);
      json_write_string(t->out, t->names[column]);
      fputc(':', t->out);
      if (!text || is_number)
        fputs(text ? text : "null", t->out);
      else
        json_write_string(t->out, text);
      if (column == t->n_columns - 1) fputc('}', t->out);
      break;
  }
}

void table_null(table *t) { add(t, NULL, false); }

void table_integer(table *t, int64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  add(t, text, true);
}

void table_real(table *t, double value, int digits) {
  char text[40];
  if (!isfinite(value) && t->format == TABLE_JSON) {
    add(t, NULL, true);
    return;
  }
  if (t->format == TABLE_TEXT) {
    snprintf(text, sizeof text, "%.*g", digits, value);
  } else {
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value) snprintf(text, sizeof text, "%.17g", value);
  }
  add(t, text, true);
}

void table_text(table *t, const char *text) { add(t, text, false); }

/* Characters (not bytes) of a word that append_words has made. */
static size_t word_width(const char *word) {
  size_t width = 0;
  for (; *word; word++) width += ((unsigned char)*word & 0xc0) != 0x80;
  return width;
}

static void write_aligned(const table *t) {
  const char *word = t->words;
  for (size_t i = 0; i < t->n_cells + t->n_columns; i++) {
    const size_t column = i % t->n_columns;
    const bool last = column == t->n_columns - 1;
    const int padding = (int)(t->widths[column] - word_width(word));
    if (column) fputs("  ", t->out);
    if (t->numeric[column])
      fprintf(t->out, "%*s%s", padding, "", word);
    else
      fprintf(t->out, "%s%*s", word, last ? 0 : padding, "");
    if (last) fputc('\n', t->out);
    word += strlen(word) + 1;
  }
}

enum status table_end(table *t) {
  enum status status = t->error;
  if (status == STATUS_OK) {
    if (t->format == TABLE_TEXT) write_aligned(t);
    if (t->format == TABLE_CSV) fputs("\r\n", t->out);
    if (t->format == TABLE_JSON) fputs(t->n_cells ? "\n]\n" : "]\n", t->out);
    if (fflush(t->out) != 0 || ferror(t->out))
      status = FAIL(STATUS_IO, "the output could not be written: is the disk full, or the reader of the pipe gone?");
  }
  table_abandon(t);
  return status;
}

void table_abandon(table *t) {
  if (!t) return;
  for (size_t i = 0; t->names && i < t->n_columns; i++) free(t->names[i]);
  free(t->names);
  free(t->widths);
  free(t->numeric);
  free(t->words);
  free(t);
}
