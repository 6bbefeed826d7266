#include "runner/process_session.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The session of a process, the sixth field of its stat; the second, its name, may hold anything. */
static pid_t session_of(pid_t pid) {
  char path[64], text[512];
  int session = -1;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *in = fopen(path, "r");
  if (!in) return -1;
  const size_t n = fread(text, 1, sizeof text - 1, in);
  fclose(in);
  text[n] = '\0';
  const char *after_name = strrchr(text, ')');
  if (!after_name || sscanf(after_name + 1, " %*c %*d %*d %d", &session) != 1) return -1;
  return session;
}

void process_session_kill(pid_t leader) {
  DIR *processes = opendir("/proc");
  if (!processes) return;
  for (struct dirent *e = readdir(processes); e; e = readdir(processes)) {
    const pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
    if (pid > 1 && pid != leader && session_of(pid) == leader) kill(pid, SIGKILL);
  }
  closedir(processes);
}
