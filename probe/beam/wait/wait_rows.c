/* wait_rows.c - see wait_rows.h. */
#include "probe/beam/wait/wait_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"
#include "probe/beam/wait/remote.h"

enum { CONNECTIONS_MOST = 4096 };

struct rows {
  const struct beam_node *node;
  struct beam_atoms *atoms;
  const struct beam_waits_world *world;
  const struct beam_monitor_lookup *monitors;
  struct sweep *sweep;
  struct beam_remote_pid *remotes; /* of the monitors that have one, in their order */
  size_t remote_count, remote_next;
  uint64_t own_name;                          /* of this node, an atom; 0 unknown */
  struct beam_remote_connection *connections; /* NULL not read yet */
  int connection_count;                       /* or -errno */
};

static bool is_remote(const struct beam_monitor_lookup *monitor)
{
  return beam_is_boxed(monitor->other);
}

static int find_remotes(struct rows *rows, const struct beam_wait_claim *claims, size_t count)
{
  size_t n = 0;
  for (size_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < claims[i].count; k++)
      n += is_remote(&rows->monitors[claims[i].first + k]);
  if (n == 0)
    return 0;
  rows->remotes = calloc(n, sizeof *rows->remotes);
  if (!rows->remotes)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < claims[i].count; k++)
      if (is_remote(&rows->monitors[claims[i].first + k]))
        rows->remotes[rows->remote_count++].term = rows->monitors[claims[i].first + k].other;
  return beam_remote_pids(rows->node, rows->remotes, rows->remote_count);
}

static uint32_t atom_text(const struct rows *rows, uint64_t atom)
{
  size_t length = 0;
  const char *text = beam_atom_text(rows->atoms, atom, &length);
  return text ? sweep_add_text(rows->sweep, text, length) : 0;
}

/* One holder; nothing of it is set where it is not known. */
struct holder {
  uint64_t actor;
  uint64_t peer, name; /* atoms */
  uint32_t creation;
};

/* Who has a name on another node. Nobody who is known, where the connection is no more: word of that is under way. */
static struct holder named_on_node(struct rows *rows, const struct beam_monitor_lookup *monitor)
{
  struct holder holder = {.peer = monitor->other, .name = monitor->name};
  if (!rows->connections) {
    rows->connections = calloc(CONNECTIONS_MOST, sizeof *rows->connections);
    rows->connection_count =
        rows->connections ? beam_remote_connections(rows->node, rows->connections, CONNECTIONS_MOST)
                          : -ENOMEM;
  }
  if (rows->connection_count < 0)
    return holder;
  for (int i = 0; i < rows->connection_count; i++)
    if (rows->connections[i].address == monitor->connection) {
      holder.creation = rows->connections[i].creation;
      return holder;
    }
  return (struct holder){0};
}

static struct holder holder_of(struct rows *rows, const struct beam_monitor_lookup *monitor)
{
  struct holder holder = {0};
  if (beam_is_pid(monitor->other)) {
    if (rows->world->lives(rows->world->context, monitor->other))
      holder.actor = beam_pid_key(beam_node_pid(rows->node, monitor->other));
  } else if (is_remote(monitor)) {
    const struct beam_remote_pid *pid = &rows->remotes[rows->remote_next++];
    if (pid->known)
      holder = (struct holder){.actor = pid->key, .peer = pid->node, .creation = pid->creation};
  } else if (monitor->name != 0 && monitor->other == rows->own_name) {
    holder.actor = rows->world->by_name(rows->world->context, monitor->name);
  } else if (monitor->name != 0) {
    holder = named_on_node(rows, monitor);
  }
  return holder;
}

static int add_holder(struct rows *rows, const struct holder *holder)
{
  uint32_t peer = holder->peer ? atom_text(rows, holder->peer) : 0;
  uint32_t name = holder->name ? atom_text(rows, holder->name) : 0;
  if ((holder->actor == 0 && name == 0) || (holder->peer != 0 && peer == 0))
    return 0; /* unreadable: not known */
  struct sweep_holder *row = sweep_add_holder(rows->sweep);
  if (!row)
    return -ENOMEM;
  row->actor = holder->actor;
  row->peer = peer;
  row->creation = holder->creation;
  row->name = name;
  return 1;
}

/* The numbers of its reference; where there are several, those of all of them mixed into the rest: it is another wait
 * as soon as one of them has been answered. */
static struct wait_id id_of(const struct beam_monitor_lookup *monitors, uint32_t count)
{
  const uint32_t *first = monitors[0].reference.number;
  uint64_t mixed = 0;
  for (uint32_t i = 1; i < count; i++)
    for (int k = 0; k < 3; k++)
      mixed = (mixed ^ monitors[i].reference.number[k]) * UINT64_C(0x9e3779b97f4a7c15);
  return (struct wait_id){(uint64_t)first[2] << 32 | first[1], first[0] | mixed >> 32 << 32};
}

static uint8_t timeout_of(const struct beam_wait_claim *claim)
{
  if (claim->waiter->timer != 0)
    return TIMEOUT_SOME;
  return claim->timer_message ? TIMEOUT_UNKNOWN : TIMEOUT_NONE;
}

static int add_row(struct rows *rows, const struct beam_wait_claim *claim)
{
  const struct beam_monitor_lookup *monitors = rows->monitors + claim->first;
  uint32_t first = (uint32_t)rows->sweep->holder_count, known = 0;
  for (uint32_t i = 0; i < claim->count; i++) {
    struct holder holder = holder_of(rows, &monitors[i]);
    int added = add_holder(rows, &holder);
    if (added < 0)
      return added;
    known += (uint32_t)added;
  }
  struct sweep_wait *wait = sweep_add_wait(rows->sweep);
  if (!wait)
    return -ENOMEM;
  wait->id = id_of(monitors, claim->count);
  wait->waiter = claim->waiter->key;
  wait->holder_first = first;
  wait->holder_count = known;
  wait->object = claim->object;
  wait->via = claim->join ? VIA_JOIN : VIA_CALL;
  wait->needs = claim->needs;
  wait->timeout = timeout_of(claim);
  wait->open = claim->open || known < claim->count;
  return 0;
}

int beam_wait_rows_add(const struct beam_node *node, struct beam_atoms *atoms,
                       const struct beam_waits_world *world, const struct beam_wait_claim *claims,
                       size_t count, const struct beam_monitor_lookup *monitors,
                       struct sweep *sweep)
{
  struct rows rows = {
      .node = node, .atoms = atoms, .world = world, .monitors = monitors, .sweep = sweep};
  uint32_t creation;
  int error = find_remotes(&rows, claims, count);
  if (beam_remote_node(node, node->this_node, &rows.own_name, &creation) != 0)
    rows.own_name = 0; /* unknown */
  for (size_t i = 0; !error && i < count; i++)
    error = add_row(&rows, &claims[i]);
  free(rows.remotes);
  free(rows.connections);
  return error;
}
