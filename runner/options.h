/* Command lines: one table per command serves parsing and help, so that the two cannot disagree. */
#ifndef TERSE_RUNNER_OPTIONS_H
#define TERSE_RUNNER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

enum option_type {
  OPTION_FLAG, /* bool, set to true */
  OPTION_TEXT, /* const char *, into argv */
  OPTION_LIST, /* text_list, may be repeated */
  OPTION_INT,  /* int, at least `min` */
  OPTION_REAL, /* double, at least `min` */
};

typedef struct text_list {
  const char **items; /* freed by command_line_free */
  size_t n;
} text_list;

typedef struct option_spec {
  const char *name; /* without the dashes */
  enum option_type type;
  void *into;        /* set where the option is given */
  const char *value; /* what help calls the value, e.g. "FILE"; NULL for flags */
  const char *help;  /* one line */
  double min;
} option_spec;

typedef struct command_spec {
  const char *name;            /* "run" */
  const char *usage;           /* what follows the name, e.g. "FILE… [options]" */
  const char *summary;         /* one line, for the list of commands */
  const char *help;            /* paragraphs before the options */
  const option_spec *options;  /* ends with a NULL name */
  const char *after;           /* example and exit status */
  size_t min_words, max_words; /* how many arguments that are no options */
} command_spec;

typedef struct command_line {
  bool help;       /* --help or -h was given: nothing else was checked */
  text_list words; /* arguments that are no options, in order */
} command_line;

/* Parses argv[1..]; `--name value` and `--name=value`; `--` ends the options. A mistake is STATUS_BAD_INPUT and names
 * the option, the nearest known one and the help. Release with command_line_free, on failure too. */
enum status command_line_parse(const command_spec *c, int argc, char **argv, command_line *out) WARN_UNUSED;
void command_line_free(const command_spec *c, command_line *l);

/* The page of `terse COMMAND --help`. */
void command_help(const command_spec *c, FILE *out);

#endif
