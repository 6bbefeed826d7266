/* A server that nobody is (`execution: free`): all of it is memory in a window at the rank it would live on. There lie
 * its model as it was when last brought up to date, and the messages that have come since, encoded as they were sent.
 * A worker that synchronises reads both, takes the messages and its own into its copy of the model, and appends its own
 * to the queue: what crosses is its encoded message on the way up, and the model with the queue on the way down. The
 * worker at the memory's rank brings the model up to date whenever it synchronises, at no cost; whoever finds no room
 * in the queue does it with the dense model it has made, which then crosses instead of its message. Nobody waits but
 * for others at the same memory. */
#ifndef TERSE_ALGORITHMS_FREE_SERVER_H
#define TERSE_ALGORITHMS_FREE_SERVER_H

#include "algorithms/method.h"
#include "algorithms/pipeline.h"
#include "core/comm_window.h"

typedef struct free_server {
  const method_env *env;
  pipeline *up;         /* of the workers' messages; lent */
  comm_window *window;  /* NULL: the server is simulated */
  size_t capacity;      /* bytes of the queue */
  unsigned char *image; /* host: what was read */
  float *sum;           /* device, n_params: scratch */
} free_server;

/* Where is_free: a window with env->initial as the model and room for two messages of every worker. Collective. After a
 * failure too *out is in a state for free_server_destroy. */
enum status free_server_create(const method_env *env, bool is_free, pipeline *up, free_server *out) WARN_UNUSED;
void free_server_destroy(free_server *f); /* a zeroed one is ignored */

/* This worker's message, acquired from comm's pool and sealed; it is given back. x (device, n_params) = the server's
 * model with everything that has come, the message included: x <- x - (1/M) sum of messages. */
enum status free_server_sync(free_server *f, uint64_t round, message *own, float *x) WARN_UNUSED;
/* Ends the round's account; every round, synchronised or not. */
enum status free_server_account(free_server *f) WARN_UNUSED;

/* The shared section "x": the server's model, up to date. `x`: device memory for it at the server's rank, NULL
 * elsewhere. All workers have ended their round. Collective. */
enum status free_server_archive(free_server *f, archive *a, float *x) WARN_UNUSED;

#endif
