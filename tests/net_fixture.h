/* Random data and a net over it, for tests of layers and models. */
#ifndef TERSE_TESTS_NET_FIXTURE_H
#define TERSE_TESTS_NET_FIXTURE_H

#include "core/device.h"
#include "models/model.h"

/* Standard normal samples with random labels; the same for the same numbers. */
data *random_data(size_t channels, size_t height, size_t width, size_t n_classes, size_t n_train, size_t n_test);
/* A text of words drawn at random in samples of `steps`. */
data *random_text(size_t steps, size_t vocabulary, size_t n_train, size_t n_test);
/* Sample `id` of a split of one of them, and its labels. */
void random_sample(const data *d, enum split split, uint32_t id, float *x, int32_t *labels);

/* A registered model with n of its parameters given, over a data set's shape: what its `build` says. */
enum status build_graph(const char *name, const data *d, const char *const *keys, const char *const *values, size_t n,
                        graph *g) WARN_UNUSED;

/* Where a net runs: PLAIN is the GPU's executor over plain loops, on the shadow device (tests/plain_library.h). */
enum fixture_place { FIXTURE_CPU, FIXTURE_SHADOW, FIXTURE_PLAIN, FIXTURE_CUDA, N_FIXTURE_PLACES };
extern const char *const fixture_place_names[N_FIXTURE_PLACES];
/* How many of the places there are here, from the first on: CUDA's only where there is a GPU. */
int fixture_n_places(void);

typedef struct fixture {
  device *device;
  stream *stream;
  net *net;
  size_t n_params, n_state;
  float *params, *state, *gradient, *loss; /* device memory */
  float *host;                             /* n_params, the parameters as they are */
} fixture;

/* A net of `g` on a device, with parameters from net_init(seed). Fails the test where anything fails. */
void fixture_open(fixture *f, enum fixture_place place, const graph *g, size_t batch, uint64_t seed);
void fixture_open_with(fixture *f, enum fixture_place place, const graph *g, size_t batch, uint64_t seed,
                       const net_options *options);
void fixture_close(fixture *f);
/* The gradient and loss of one step, copied to the host. */
void fixture_gradient(fixture *f, const data *d, const batch_request *request, float *gradient, float *loss);

/* |is - should_be| / |should_be| over n elements. */
double relative_error(const float *is, const double *should_be, size_t n);

#endif
