/* The undirected graphs behind topology.h, as adjacency. */
#ifndef TERSE_ALGORITHMS_TOPOLOGY_GRAPH_H
#define TERSE_ALGORITHMS_TOPOLOGY_GRAPH_H

#include <stdint.h>

#include "core/module.h"
#include "core/status.h"

typedef struct adjacency {
  int n;
  unsigned char *linked; /* n x n, symmetric, zero diagonal */
} adjacency;

/* Shifts of the exponential graphs: ceil(log2 n). */
int exponential_shifts(int n);
/* Why there is no graph of this kind with n workers (static storage), or NULL. */
const char *graph_obstacle(const char *kind, int n, int degree);
/* Links the workers as TOPOLOGY_PARAMS say; g->linked is zero before. STATUS_BAD_INPUT as topology_create. */
enum status graph_link(adjacency *g, const args *a, uint64_t seed) WARN_UNUSED;

#endif
