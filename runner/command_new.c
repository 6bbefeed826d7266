/* `terse new`: a module to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "algorithms/compressor.h"
#include "runner/commands.h"
#include "runner/embedded.h"
#include "runner/options.h"
#include "runner/version.h"

enum { MAX_NAME = 31 };

static enum status check_name(const char *name) {
  const size_t n = strlen(name);
  if (n == 0 || n > MAX_NAME || name[0] < 'a' || name[0] > 'z' ||
      strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != n)
    return FAIL(STATUS_BAD_INPUT,
                "'%s' is no name for a module: a small letter, then up to %d small letters, digits, - or _", name,
                MAX_NAME - 1);
  for (const compressor *const *c = compressor_registry; *c; c++)
    if (module_name_equal((*c)->name, name))
      return FAIL(STATUS_BAD_INPUT, "there is a compressor %s already: choose another name", (*c)->name);
  return STATUS_OK;
}

/* The template with @yaml@ and @name@ filled in. */
static void write_template(FILE *out, const char *yaml, const char *name) {
  for (const char *c = compressor_template; *c;) {
    const bool is_yaml = strncmp(c, "@yaml@", 6) == 0;
    if (is_yaml || strncmp(c, "@name@", 6) == 0) {
      fputs(is_yaml ? yaml : name, out);
      c += 6;
    } else {
      fputc(*c++, out);
    }
  }
}

static enum status create(const char *root, const char *asked) {
  char yaml[MAX_NAME + 1], name[MAX_NAME + 1], *path = NULL;
  enum status status = STATUS_OK;
  TRY_RETURN(check_name(asked));
  for (size_t i = 0; i <= strlen(asked); i++) {
    yaml[i] = asked[i] == '_' ? '-' : asked[i];
    name[i] = asked[i] == '-' ? '_' : asked[i];
  }
  if (asprintf(&path, "%s/algorithms/compressors/%s.c", root, name) < 0)
    return FAIL(STATUS_NO_MEMORY, "no memory for a file's name");
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
  if (!out) {
    status = FAIL(STATUS_BAD_INPUT, "cannot make %s: %s%s", path, strerror(errno),
                  errno == EEXIST ? "; choose another name" : "; give the source folder with --root FOLDER");
    goto exit;
  }
  write_template(out, yaml, name);
  if (fclose(out) != 0) {
    status = FAIL(STATUS_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    unlink(path);
    goto exit;
  }
  printf(
      "Made %s, which works as it stands. What to do now:\n"
      "  1. write the operator into it: the comments say what each function promises\n"
      "  2. make            builds it in; nothing else has to name it\n"
      "  3. make test       the conformance suite checks its traits, bounds, bits and hostile bytes\n"
      "  4. terse list compressors, and `compressor: [%s]` in an experiment file\n",
      path, yaml);
exit:
  free(path);
  return status;
}

int command_new(const environment *e, int argc, char **argv) {
  (void)e;
  const char *root = version.root;
  const option_spec options[] = {
      {"root", OPTION_TEXT, &root, "FOLDER", "the source folder (default: where this was built)", 0}, {0}};
  const command_spec c = {
      .name = "new",
      .usage = "compressor NAME [options]",
      .help =
          "Writes algorithms/compressors/NAME.c: a complete compressor that passes the conformance suite, to\n"
          "be changed into yours. An existing file is never touched.",
      .options = options,
      .after = "Example\n  terse new compressor nat-dither\n\nExit status: 0 all well, 2 bad input.",
      .min_words = 2,
      .max_words = 2};
  command_line l;
  enum status status = command_line_parse(&c, argc, argv, &l);
  if (status == STATUS_OK && l.help)
    command_help(&c, stdout);
  else if (status == STATUS_OK && strcmp(l.words.items[0], "compressor") != 0)
    status = FAIL(STATUS_BAD_INPUT, "only compressors have a template, not '%s': terse new compressor NAME",
                  l.words.items[0]);
  else if (status == STATUS_OK)
    status = create(root, l.words.items[1]);
  command_line_free(&c, &l);
  return status == STATUS_OK ? 0 : command_failed(status);
}
