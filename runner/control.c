#include "runner/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1 << 20 };

/* Byte by byte, so that nothing after the line is taken from the pipe. */
enum status control_first_line(int fd, char **line) {
  char *text = malloc(LINE_MAX_BYTES);
  if (!text) return FAIL(STATUS_NO_MEMORY, "no memory for the request");
  size_t n = 0;
  for (;;) {
    const ssize_t got = read(fd, &text[n], 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || n + 1 == LINE_MAX_BYTES) {
      free(text);
      return FAIL(STATUS_IO, "no complete request line on standard input; `terse run` starts workers, users do not");
    }
    if (text[n] == '\n') break;
    n++;
  }
  text[n] = '\0';
  *line = text;
  return STATUS_OK;
}

bool control_stop_asked(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  while (poll(&p, 1, 0) > 0) {
    char bytes[64];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || memmem(bytes, (size_t)got, "stop", 4)) return true;
  }
  return false;
}
