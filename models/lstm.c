/* Word-level language model (W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent Neural Network Regularization", 2014):
 * embedding, layers of LSTM, a linear decoder of its own weights (not tied to the embedding's). By default the small
 * one without dropout: two layers of 200. With 2 x 1500 and 10,000 words it has 66.03 M parameters. */
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
    PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  const data *d = env->data;
  const size_t n_units = (size_t)args_int(a, "units");
  if (!d->sequential || d->labels_per_sample != d->width)
    return FAIL(STATUS_BAD_INPUT, "model lstm needs a text; `terse list` shows the data sets");
  TRY_RETURN(graph_embedding(g, "embedding", d->n_classes, n_units));
  for (int i = 1; i <= (int)args_int(a, "layers"); i++) {
    char name[16];
    snprintf(name, sizeof name, "lstm%d", i);
    TRY_RETURN(graph_lstm(g, name, n_units));
  }
  TRY_RETURN(graph_dense(g, "decoder", d->n_classes));
  return graph_softmax_loss(g, d->n_classes);
}

MODULE(model, lstm) = {
    .name = "lstm",
    .paper = "Zaremba, Sutskever and Vinyals 2014: small, without dropout",
    .version = "1",
    .params = params,
    .build = build,
};
