/* Word-level language model (W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent Neural Network Regularization", 2014):
 * embedding, layers of LSTM, a linear decoder, with dropout before each of the last two kinds. By default the small
 * one, two layers of 200 without dropout; the medium one has units: 650 and dropout: 0.5, the large one units: 1500 and
 * dropout: 0.65, which at 10,000 words are 66,034,000 parameters. `tied`: the decoder's weights are the embedding's. */
#include <stdio.h>

#include "models/model.h"

static const param params[] = {
    {.name = "layers", .type = PARAM_INT, .fallback = "2", .min = 1, .max = 16, .help = "layers of LSTM"},
    {.name = "units",
     .type = PARAM_INT,
     .fallback = "200",
     .min = 1,
     .max = 4096,
     .help = "width of each, and of the embedding"},
    {.name = "dropout",
     .type = PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 0.99,
     .help = "the fraction dropped of what each LSTM and the decoder read"},
    {.name = "tied", .type = PARAM_BOOL, .fallback = "false", .help = "the decoder's weights are the embedding's"},
    PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  const data *d = env->data;
  const size_t n_units = (size_t)args_int(a, "units");
  const double dropout = args_real(a, "dropout");
  if (!d->sequential || d->labels_per_sample != d->width)
    return FAIL(STATUS_BAD_INPUT, "model lstm needs a text; `terse list` shows the data sets");
  TRY_RETURN(graph_embedding(g, "embedding", d->n_classes, n_units));
  for (int i = 1; i <= (int)args_int(a, "layers"); i++) {
    char name[16];
    snprintf(name, sizeof name, "lstm%d", i);
    if (dropout > 0) TRY_RETURN(graph_dropout(g, dropout));
    TRY_RETURN(graph_lstm(g, name, n_units));
  }
  if (dropout > 0) TRY_RETURN(graph_dropout(g, dropout));
  if (args_bool(a, "tied"))
    TRY_RETURN(graph_dense_tied(g, "decoder"));
  else
    TRY_RETURN(graph_dense(g, "decoder", d->n_classes));
  return graph_softmax_loss(g, d->n_classes);
}

MODULE(model, lstm) = {
    .name = "lstm",
    .paper = "Zaremba, Sutskever and Vinyals 2014",
    .version = "1",
    .params = params,
    .build = build,
};
