/* proof_circle.c - see proof_circle.h. From each link the chain of holders is followed until it meets what was seen: of
 * this walk, then there is a circle; or of an earlier one, then there is nothing new. */
#include "probe/beam/wait/proof_circle.h"

#include <errno.h>
#include <stdlib.h>

enum { NONE = -1 };

struct graph {
  const struct beam_proof_link *links;
  size_t count;
  uint32_t *buckets; /* by waiter: index + 1, 0 empty */
  size_t bucket_count;
  uint32_t *walk; /* in which walk a link was seen, 0 in none */
};

static size_t bucket_of(const struct graph *graph, uint64_t key)
{
  return (key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (graph->bucket_count - 1);
}

static int64_t link_of(const struct graph *graph, uint64_t waiter)
{
  for (size_t i = bucket_of(graph, waiter); graph->buckets[i] != 0;
       i = (i + 1) & (graph->bucket_count - 1))
    if (graph->links[graph->buckets[i] - 1].waiter->key == waiter)
      return graph->buckets[i] - 1;
  return NONE;
}

static int index_links(struct graph *graph)
{
  graph->bucket_count = 16;
  while (graph->bucket_count < graph->count * 2)
    graph->bucket_count *= 2;
  graph->buckets = calloc(graph->bucket_count, sizeof *graph->buckets);
  graph->walk = calloc(graph->count + 1, sizeof *graph->walk);
  if (!graph->buckets || !graph->walk)
    return -ENOMEM;
  for (size_t i = 0; i < graph->count; i++) {
    size_t bucket = bucket_of(graph, graph->links[i].waiter->key);
    while (graph->buckets[bucket] != 0)
      bucket = (bucket + 1) & (graph->bucket_count - 1);
    graph->buckets[bucket] = (uint32_t)(i + 1);
  }
  return 0;
}

int beam_proof_circle_find(const struct beam_proof_link *links, size_t count, uint32_t *ret_links,
                           uint32_t *ret_next, size_t room)
{
  struct graph graph = {.links = links, .count = count};
  size_t found = 0;
  int error = index_links(&graph);
  for (size_t i = 0; !error && i < count; i++) {
    int64_t at = (int64_t)i;
    while (at != NONE && graph.walk[at] == 0) {
      graph.walk[at] = (uint32_t)(i + 1);
      at = link_of(&graph, links[at].holder);
    }
    if (at == NONE || graph.walk[at] != i + 1)
      continue;
    int64_t first = at;
    do {
      int64_t next = link_of(&graph, links[at].holder);
      if (found < room) {
        ret_links[found] = (uint32_t)at;
        ret_next[found++] = (uint32_t)next;
      }
      at = next;
    } while (at != first);
  }
  free(graph.buckets);
  free(graph.walk);
  return error ? error : (int)found;
}
