/* analysis/draw.sh, from a database to a picture. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/scratch_database.h"

/* Exit status of draw.sh; what it says goes to `said`. */
static int draw(const scratch_database *s, const char *figure, char *said, size_t n) {
  char command[512];
  snprintf(command, sizeof command, "%s/analysis/draw.sh %s demo demo/%s %s 2>&1", TERSE_SOURCE, s->path, figure,
           s->folder);
  FILE *out = popen(command, "r");
  cr_assert_not_null(out);
  said[fread(said, 1, n - 1, out)] = '\0';
  return WEXITSTATUS(pclose(out));
}

/* The picture as text; NULL where there is none. Free it. */
static char *read_picture(const scratch_database *s, const char *name) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", s->folder, name);
  FILE *in = fopen(path, "r");
  if (!in) return NULL;
  char *text = calloc(1, 1 << 20);
  cr_assert_not_null(text);
  cr_assert_lt(fread(text, 1, (1 << 20) - 1, in), (1 << 20) - 1);
  fclose(in);
  return text;
}

static void add_curve(scratch_database *s, int run, int n_rounds, double loss) {
  for (int r = 0; r <= n_rounds; r++)
    scratch_database_execute(s,
                             "INSERT INTO curve_row (run, round, line, epoch, samples, train_loss, accuracy,"
                             " payload_bits_up, payload_bits_down, payload_bits_peer, wire_bytes_up, wire_bytes_down,"
                             " wire_bytes_peer, wall_ns) VALUES (%d, %d, %d, %f, %d, %s, %f, 0, 0, %d, 0, 0, %d, 1)",
                             run, r, r, 0.5 * r, 64 * r,
                             r == 0     ? "NULL"
                             : loss > 1 ? "1.5"
                                        : "0.5",
                             0.1 + 0.1 * r, 8000000 * r, 1000100 * r);
}

Test(draw, pictures_show_every_setting_of_the_database) {
  scratch_database s;
  char said[1024];
  scratch_database_open(&s);
  cr_assert_eq(draw(&s, "loss-bits", said, sizeof said), 3);
  cr_assert(strstr(said, "no finished run of 'demo'"), "%s", said);
  cr_assert_null(read_picture(&s, "loss-bits.svg"));
  cr_assert_eq(draw(&s, "no-such-figure", said, sizeof said), 1);
  cr_assert(strstr(said, "no figure 'demo/no-such-figure'"), "%s", said);

  /* Two seeds of one setting, two settings more, one of them with the same label, and a run not finished. */
  scratch_database_add_run(&s, 1, "demo", "dense", "sgd", 2, 1, "{\"a\":1,\"seed\":1}");
  scratch_database_add_run(&s, 2, "demo", "dense", "sgd", 2, 2, "{\"a\":1,\"seed\":2}");
  scratch_database_add_run(&s, 3, "demo", "sparse(k 1)", "gtopk", 2, 1, "{\"a\":2,\"seed\":1}");
  scratch_database_add_run(&s, 5, "demo", "dense", "sgd", 2, 1, "{\"a\":4,\"seed\":1}");
  scratch_database_add_run(&s, 4, "demo", "unfinished", "gtopk", 2, 1, "{\"a\":3,\"seed\":1}");
  scratch_database_execute(&s, "UPDATE run SET status = 'running' WHERE id = 4");
  add_curve(&s, 1, 4, 1);
  add_curve(&s, 2, 3, 2);
  add_curve(&s, 3, 4, 1);
  add_curve(&s, 4, 4, 1);
  add_curve(&s, 5, 4, 2);
  const char *const figures[] = {"loss-bits", "accuracy-epoch"};
  for (int f = 0; f < 2; f++) {
    char name[64];
    snprintf(name, sizeof name, "%s.svg", figures[f]);
    cr_assert_eq(draw(&s, figures[f], said, sizeof said), 0, "%s", said);
    cr_assert(strstr(said, name) && strstr(said, "3 curves"), "%s", said);
    char *first = read_picture(&s, name);
    cr_assert(first && strstr(first, "dense") && strstr(first, "sparse(k 1)") && !strstr(first, "unfinished"));
    cr_assert(strstr(first, "commit abc, tier base, seeds 1 2") && strstr(first, "model on data, 2 workers"));
    cr_assert_eq(draw(&s, figures[f], said, sizeof said), 0);
    char *second = read_picture(&s, name);
    cr_assert_str_eq(first, second);
    snprintf(name, sizeof name, "%s.pdf", figures[f]);
    char *pdf = read_picture(&s, name);
    cr_assert(pdf && strncmp(pdf, "%PDF", 4) == 0);
    free(first);
    free(second);
    free(pdf);
  }
  scratch_database_close(&s);
}

/* What the query answers: means over seeds at rounds that all of them have, with the smallest and the largest. */
Test(draw, seeds_meet_at_equal_rounds) {
  scratch_database s;
  char command[512], answer[1024];
  scratch_database_open(&s);
  scratch_database_add_run(&s, 1, "demo", "dense", "sgd", 2, 1, "{\"seed\":1}");
  scratch_database_add_run(&s, 2, "demo", "dense", "sgd", 2, 2, "{\"seed\":2}");
  add_curve(&s, 1, 4, 1);
  add_curve(&s, 2, 2, 2);
  snprintf(command, sizeof command,
           "cd %s/analysis/figures && sqlite3 -readonly -cmd '.parameter set :experiment demo' "
           "-cmd \".parameter set :tier ''\" %s <demo/loss-bits.sql",
           TERSE_SOURCE, s.path);
  FILE *out = popen(command, "r");
  cr_assert_not_null(out);
  answer[fread(answer, 1, sizeof answer - 1, out)] = '\0';
  cr_assert_eq(pclose(out), 0);
  cr_assert_str_eq(answer, "{}|dense|4.0|1.0|0.5|1.5\n{}|dense|8.0|1.0|0.5|1.5\n");
  scratch_database_close(&s);
}
