#include "runner/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGHUP);
}

enum status interrupt_open(int *fd) {
  sigset_t set;
  fill(&set);
  *fd = -1;
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || (*fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
    return FAIL(STATUS_IO, "cannot wait for signals: %s", strerror(errno));
  return STATUS_OK;
}

int interrupt_count(int fd) {
  struct signalfd_siginfo info;
  int n = 0;
  while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) n++;
  return n;
}

void interrupt_close(int fd) {
  sigset_t set;
  if (fd < 0) return;
  close(fd);
  fill(&set);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}
