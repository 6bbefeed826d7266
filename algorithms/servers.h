/* Servers between the workers: vectors go up compressed, are averaged there, and the average comes down, compressed or
 * not, to all. With residuals at the workers alone it is what Mem-SGD and Qsparse-local-SGD exchange, with residuals at
 * both ends what DoubleSqueeze does (Tang et al., ICML 2019, Algorithm 1):
 *   worker w:  u_w = g_w + e_w;  sends C_up(u_w);  e_w = u_w - C_up(u_w);
 *   server:    v = (1/M) sum_w C_up(u_w) + d;  sends C_down(v);  d = v - C_down(v);
 *   all:       result = C_down(v).
 * So that, whatever the compressors,  result + d_new + mean_w e_w,new = mean_w g_w + d + mean_w e_w.
 *
 * Either one server, participant M, hears and answers all (comm_gather and comm_broadcast, up and down); or every
 * worker is also the server of its stretch of the vector (shards.h), with its own scale and residual: a transfer of
 * every worker to every other, then an all-gather, all of it between peers. */
#ifndef TERSE_ALGORITHMS_SERVERS_H
#define TERSE_ALGORITHMS_SERVERS_H

#include "algorithms/method.h"
#include "algorithms/pipeline.h"

typedef struct servers_spec {
  pipeline_spec up, down;
  bool is_sharded; /* else the method's n_servers is 1 */
  bool memory;     /* the servers keep residuals */
  bool is_sum;     /* v is the sum over workers, and not the mean */
} servers_spec;

typedef struct servers servers;

/* n_servers of a method with one server. */
int servers_one(const args *a);

enum status servers_create(const method_env *env, const servers_spec *spec, servers **out) WARN_UNUSED;
void servers_destroy(servers *s); /* NULL is ignored */

/* g[i], e[i] (n_params floats, device): local worker i's vector, not changed, and its residual, updated; e NULL: u = g.
 * result: n_params floats, device, the same on every rank; overlaps none of them. Collective; ends with comm_release.
 */
enum status servers_exchange(servers *s, uint64_t round, float *const *g, float *const *e, float *result) WARN_UNUSED;

/* Multiplies the servers' residuals by a. */
void servers_rescale(servers *s, float a);
/* Section "server_residual": shared, or of each worker its own. */
enum status servers_archive(servers *s, archive *a) WARN_UNUSED;
/* "server_residual_norm2": |d|^2, shared or of each worker's. */
enum status servers_probe(const servers *s, const probe_sink *sink) WARN_UNUSED;

/* The pipeline that sends everything as it is, and the one that sends what is not zero, for links that lose nothing. */
extern const pipeline_spec servers_dense;
pipeline_spec servers_nonzero(enum index_coding indices);

#endif
