/* The program: reads what comes from outside and hands over to a command. */
#include <limits.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/suggest.h"
#include "runner/commands.h"
#include "runner/version.h"

extern char **environ;

enum { MAX_FOLDERS_BYTES = 2 * PATH_MAX };

typedef struct entry {
  const char *name, *summary;
  int (*run)(const environment *e, int argc, char **argv);
} entry;

static const entry entries[] = {
    {"run", "run the cells of experiment files that have no result yet", command_run},
    {"plan", "what a run would do: cells, hashes, what is done at which commit", command_plan},
    {"list", "methods, compressors, models and data sets, with their parameters", command_list},
    {"show", "one run: its configuration, its curve, how it ended", command_show},
    {"query", "ask the results database in SQL, read-only", command_query},
    {"claims", "what was published against what was measured: verdicts", command_claims},
    {"verify", "repeat a run and compare its digest", command_verify},
    {"doctor", "check this machine and this build, with remedies", command_doctor},
    {"new", "start a new compressor from a working example", command_new},
    {"bench", "time training steps and what is around them", command_bench},
};
enum { N_ENTRIES = sizeof entries / sizeof entries[0] };

static void print_help(FILE *out) {
  fputs(
      "terse: a reproducible benchmark harness for communication-efficient distributed SGD\n\n"
      "Usage: terse COMMAND [arguments]; terse COMMAND --help explains each\n\n",
      out);
  for (int i = 0; i < N_ENTRIES; i++) fprintf(out, "  %-8s %s\n", entries[i].name, entries[i].summary);
  fprintf(
      out,
      "\nStart with\n  terse run experiments/demo.yaml\n  terse query 'SELECT label, accuracy, reduction FROM "
      "final'\n\n"
      "TERSE_DATA names a folder with data sets that are not installed as packages (or several, separated by ':');\n"
      "what it has not is looked for where `make data` puts it.\n"
      "Exit status: 0 all well, 1 something failed, 2 bad input, 130 interrupted.\n"
      "Built from commit %.12s%s.\n",
      version.commit, version.dirty ? " with changes" : "");
}

static int count_cores(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* TERSE_DATA's folders, then the one that `make data` fills. */
static void choose_data_folders(char *out) {
  const char *given = getenv("TERSE_DATA");
  snprintf(out, MAX_FOLDERS_BYTES, "%s%s%s/data", given ? given : "", given && *given ? ":" : "", version.root);
}

/* program and folders are of PATH_MAX and MAX_FOLDERS_BYTES bytes and live as long as `e`. */
static void look_around(environment *e, char *program, char *folders) {
  struct winsize window;
  const ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);
  program[length > 0 ? length : 0] = '\0';
  choose_data_folders(folders);
  *e = (environment){.data_folder = folders,
                     .program = program,
                     .variables = environ,
                     .is_root = geteuid() == 0,
                     .stderr_is_terminal = isatty(STDERR_FILENO),
                     .columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col : 80,
                     .n_cores = count_cores()};
  if (gethostname(e->host, sizeof e->host - 1) != 0) snprintf(e->host, sizeof e->host, "unknown");
}

int main(int argc, char **argv) {
  environment e;
  char program[PATH_MAX], folders[MAX_FOLDERS_BYTES];
  if (argc < 2) {
    print_help(stderr);
    return 2;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    print_help(stdout);
    return 0;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("terse, commit %s%s\n", version.commit, version.dirty ? " with changes" : "");
    return 0;
  }
  if (strcmp(argv[1], "worker") == 0) return command_worker(argc - 1, argv + 1);
  look_around(&e, program, folders);
  if (!getenv("OMP_NUM_THREADS")) omp_set_num_threads(1); /* two threads on shared cores are slower than one */
  const char *names[N_ENTRIES];
  for (int i = 0; i < N_ENTRIES; i++) {
    names[i] = entries[i].name;
    if (strcmp(argv[1], names[i]) != 0) continue;
    return entries[i].run(&e, argc - 1, argv + 1);
  }
  const char *near = suggest_nearest(argv[1], names, N_ENTRIES);
  fprintf(stderr, "terse: there is no command %s%s%s; `terse --help` lists them\n", argv[1],
          near ? ": did you mean " : "", near ? near : "");
  return 2;
}
