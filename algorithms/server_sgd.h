/* Compressed SGD with servers, for methods that take one gradient a round and hold one replica: Mem-SGD, EF-signSGD,
 * QSGD, DoubleSqueeze. What a worker compresses is
 *   memory none      g_w                                    x <- x - gamma_t result
 *   memory gradient  g_w + e_w                              x <- x - gamma_t result
 *   memory update    gamma_t g_w + e_w                      x <- x - result
 * and `result` what servers.h makes of it. Outside the step size, momentum, weight decay and clipping act on the
 * result; a residual in gradient units is applied with the step size of the round in which it is sent. Inside there is
 * none to rescale, and the method is defined for plain SGD. */
#ifndef TERSE_ALGORITHMS_SERVER_SGD_H
#define TERSE_ALGORITHMS_SERVER_SGD_H

#include "algorithms/error_feedback.h"
#include "algorithms/replica.h"
#include "algorithms/servers.h"

enum server_memory { MEMORY_NONE, MEMORY_GRADIENT, MEMORY_UPDATE };

typedef struct server_sgd {
  const method_env *env;
  replica replica;
  error_feedback feedback;
  servers *servers;
  float **vectors; /* n_local: the gradients' buffers */
  bool step_inside;
  bool rescale; /* residuals in gradient units keep what they mean to add to x when the step size changes */
} server_sgd;

/* Fills zeroed *s; a method's create. */
enum status server_sgd_create(server_sgd *s, const method_env *env, const servers_spec *spec,
                              enum server_memory memory) WARN_UNUSED;
/* A method's skip where memory is `update`; and the rest, where the state is a server_sgd. */
const char *server_sgd_plain_only(const method_env *env);
enum status server_sgd_round(void *state, uint64_t round) WARN_UNUSED;
enum status server_sgd_iterate(void *state, int w, float *x) WARN_UNUSED;
enum status server_sgd_probe(void *state, const probe_sink *sink) WARN_UNUSED;
enum status server_sgd_archive(void *state, archive *a) WARN_UNUSED;
void server_sgd_destroy(void *state);

#endif
