/* One LSTM layer over one sequence, in fp64 and plain loops. */
#ifndef TERSE_TESTS_REFERENCE_LSTM_H
#define TERSE_TESTS_REFERENCE_LSTM_H

#include "models/graph.h"

/* x: steps x inputs; w: weight_ih, weight_hh, bias_ih, bias_hh; h0, c0: where h and c begin, NULL: zeros.
 * dy NULL: y (steps x units) = the hidden states. Else dx and dw have the gradients added. */
void reference_lstm(const layer *l, const double *x, const double *w, const double *h0, const double *c0, double *y,
                    const double *dy, double *dx, double *dw);

#endif
