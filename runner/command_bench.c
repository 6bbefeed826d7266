/* `terse bench`: what a step, the bookkeeping around it and a selection cost on this machine. */
#include <string.h>

#include "runner/bench_overhead.h"
#include "runner/bench_step.h"
#include "runner/bench_topk.h"
#include "runner/commands.h"
#include "runner/options.h"

int command_bench(const environment *e, int argc, char **argv) {
  bench_step_options o = {
      .model = "lenet5", .dataset = "fashion-mnist", .device = "cpu", .math = "fp32", .n_workers = 1,
      .data_folder = e->data_folder, .n_samples = 20, .n_steps = 20};
  int batch = 32, elements = 25600000;
  const option_spec options[] = {
      {"model", OPTION_TEXT, &o.model, "NAME", "step: the model (default lenet5)", 0},
      {"with", OPTION_TEXT, &o.with, "KEY=VALUE,…", "step: parameters of the model, e.g. depth=18", 0},
      {"dataset", OPTION_TEXT, &o.dataset, "NAME", "step: the data set (default fashion-mnist)", 0},
      {"batch", OPTION_INT, &batch, "N", "step: samples in a mini-batch (default 32)", 1},
      {"workers", OPTION_INT, &o.n_workers, "N", "step: workers, side by side where the device can (default 1)", 1},
      {"device", OPTION_TEXT, &o.device, "NAME", "step: cpu (default) or cuda", 0},
      {"math", OPTION_TEXT, &o.math, "NAME", "step: fp32 (default), tf32 or bf16", 0},
      {"samples", OPTION_INT, &o.n_samples, "N", "step, topk: how many times to measure (default 20)", 1},
      {"steps", OPTION_INT, &o.n_steps, "N", "step: training steps in each (default 20)", 1},
      {"elements", OPTION_INT, &elements, "N", "topk: how many values there are (default 25600000)", 1},
      {"serve", OPTION_FLAG, &o.serve, NULL, "step, topk: a sample as a JSON line for each line of standard input", 0},
      {NULL, OPTION_FLAG, NULL, NULL, NULL, 0}};
  const command_spec spec = {
      .name = "bench",
      .usage = "step|overhead|topk [options]",
      .summary = "time training steps, what is around them, and selection",
      .help =
          "step      a training step: on the CPU beside the library calls in it and with its memory\n"
          "overhead  accounting, clocks and records as a fraction of a LeNet-5 step; fails above 2 %\n"
          "topk      exact selection of the 1 % largest of many values\n\n"
          "One thread, as in runs, unless OMP_NUM_THREADS says otherwise.",
      .options = options,
      .after = "Example: terse bench step --model softmax --batch 64",
      .min_words = 1,
      .max_words = 1};
  command_line line;
  enum status status = command_line_parse(&spec, argc, argv, &line);
  o.batch = (size_t)batch;
  if (status == STATUS_OK && line.help)
    command_help(&spec, stdout);
  else if (status == STATUS_OK && strcmp(line.words.items[0], "step") == 0)
    status = bench_step(&o);
  else if (status == STATUS_OK && strcmp(line.words.items[0], "overhead") == 0)
    status = bench_overhead(o.data_folder);
  else if (status == STATUS_OK && strcmp(line.words.items[0], "topk") == 0)
    status = bench_topk(
        &(bench_topk_options){.n = (size_t)elements, .n_samples = o.n_samples, .serve = o.serve});
  else if (status == STATUS_OK)
    status = FAIL(STATUS_BAD_INPUT, "there is no benchmark %s; there are step, overhead and topk", line.words.items[0]);
  command_line_free(&spec, &line);
  return status == STATUS_OK ? 0 : command_failed(status);
}
