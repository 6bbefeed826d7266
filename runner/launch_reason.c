#include "runner/launch_reason.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/status.h"

typedef struct span {
  const char *text;
  size_t n;
} span;

/* The next line of *rest, without blanks around it. */
static bool next_line(const char **rest, span *line) {
  if (!**rest) return false;
  const size_t n = strcspn(*rest, "\n");
  *line = (span){.text = *rest, .n = n};
  *rest += n + ((*rest)[n] == '\n');
  while (line->n > 0 && isspace((unsigned char)line->text[0])) line->text++, line->n--;
  while (line->n > 0 && isspace((unsigned char)line->text[line->n - 1])) line->n--;
  return true;
}

static const char *find(span line, const char *word) { return memmem(line.text, line.n, word, strlen(word)); }

static bool is_rule(span line) {
  if (line.n < 20) return false;
  for (size_t i = 0; i < line.n; i++)
    if (line.text[i] != '-') return false;
  return true;
}

/* "mpirun noticed that process rank 1 with PID 0 on node h exited on signal 9 (Killed)." */
static bool read_signal(span line, char *out, size_t n) {
  const char *rank = find(line, "process rank "), *exited = find(line, "exited on signal ");
  int number = 0;
  if (!rank || !exited || sscanf(rank, "process rank %d", &number) != 1) return false;
  const char *signal_words = exited + strlen("exited on ");
  size_t length = (size_t)(line.text + line.n - signal_words);
  if (length > 0 && signal_words[length - 1] == '.') length--;
  snprintf(out, n, "rank %d was killed by %.*s", number, (int)length, signal_words);
  return true;
}

bool reason_is_divergence(const char *reason) {
  int end = 0;
  sscanf(reason, "rank %*d: %n", &end);
  const char *name = status_name(STATUS_DIVERGED);
  return end > 0 && strncmp(reason + end, name, strlen(name)) == 0;
}

/* Whether a line is a rank's word that its method diverged. */
static bool is_divergence(span line) {
  static const char prefix[] = "terse: ";
  const char *own = find(line, prefix);
  return own && reason_is_divergence(own + strlen(prefix));
}

void failure_reason(const char *said, int wait_status, char *out, size_t n) {
  char how[128] = "";
  span words = {.text = "", .n = 0}, line;
  bool boxed = false; /* mpirun puts its own explanations between two rules */
  for (const char *rest = said; next_line(&rest, &line);) {
    if (is_rule(line))
      boxed = !boxed;
    else if (read_signal(line, how, sizeof how))
      continue;
    /* Our own words win over those of libraries. */
    else if (!boxed && line.n > 0 && line.text[0] != '[' && (find(line, "terse: ") || !find(words, "terse: ")) &&
             !is_divergence(words))
      words = line;
  }
  const char *own = find(words, "terse: ");
  if (!how[0] && own) { /* it said it itself */
    own += strlen("terse: ");
    snprintf(out, n, "%.*s", (int)(words.text + words.n - own), own);
    return;
  }
  if (!how[0] && WIFSIGNALED(wait_status))
    snprintf(how, sizeof how, "the launcher was killed by signal %d (%s)", WTERMSIG(wait_status),
             strsignal(WTERMSIG(wait_status)));
  else if (!how[0])
    snprintf(how, sizeof how, "the run ended with exit status %d without saying why", WEXITSTATUS(wait_status));
  snprintf(out, n, "%s%s%.*s", how, words.n ? ": " : "", (int)words.n, words.text);
}
