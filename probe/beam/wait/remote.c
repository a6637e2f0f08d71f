/* remote.c - see remote.h. */
#include "probe/beam/wait/remote.h"

#include <errno.h>
#include <stdlib.h>

#include "probe/beam/term.h"

enum {
  BOX_BYTES = 64,
  NODE_BYTES = 128,
  TABLE_BYTES = 256, /* the head of a hash table */
  ENTRY_BYTES = 512, /* a DistEntry, as far as it is looked at */
  BUCKETS_MOST = 4096,
  ENTRIES_MOST = 4096,
};

struct reading {
  uint8_t box[BOX_BYTES];
  uint8_t node[NODE_BYTES];
};

/* Bytes up to the end of the last field that is wanted. */
static size_t box_bytes(const struct beam_layout *layout)
{
  int32_t last = layout->et_num > layout->et_ser ? layout->et_num : layout->et_ser;
  return (size_t)last + sizeof(uint32_t);
}

static size_t node_bytes(const struct beam_layout *layout)
{
  size_t sysname = (size_t)layout->n_sysname + sizeof(uint64_t);
  size_t creation = (size_t)layout->n_creation + sizeof(uint32_t);
  return sysname > creation ? sysname : creation;
}

static bool has_layout(const struct beam_layout *layout)
{
  return layout->et_node >= 0 && layout->et_num >= 0 && layout->et_ser >= 0 &&
         layout->n_sysname >= 0 && layout->n_creation >= 0 && box_bytes(layout) <= BOX_BYTES &&
         node_bytes(layout) <= NODE_BYTES && (size_t)layout->et_node + 8 <= BOX_BYTES;
}

static bool is_external_pid(const struct reading *reading)
{
  return beam_header_kind(beam_u64(reading->box, 0)) == BEAM_EXTERNAL_PID;
}

static void take(const struct beam_layout *layout, const struct reading *reading,
                 struct beam_remote_pid *pid)
{
  pid->node = beam_u64(reading->node, layout->n_sysname);
  pid->creation = beam_u32(reading->node, layout->n_creation);
  pid->known = beam_is_atom(pid->node);
  pid->key = beam_pid_key((struct beam_pid){beam_u32(reading->box, layout->et_num),
                                            beam_u32(reading->box, layout->et_ser)});
}

static int read_boxes(const struct beam_node *node, struct beam_remote_pid *pids, size_t count,
                      struct reading *readings, struct reach_piece *pieces)
{
  for (size_t i = 0; i < count; i++) {
    pids[i].known = false;
    pieces[i] = (struct reach_piece){beam_pointer(pids[i].term), readings[i].box,
                                     box_bytes(&node->layout), false};
  }
  return beam_memory_pieces(node->memory, pieces, count);
}

int beam_remote_pids(const struct beam_node *node, struct beam_remote_pid *pids, size_t count)
{
  const struct beam_layout *layout = &node->layout;
  struct reading *readings = calloc(count + 1, sizeof *readings);
  struct reach_piece *pieces = calloc(count + 1, sizeof *pieces);
  int error = readings && pieces ? 0 : -ENOMEM;
  if (error || count == 0 || !has_layout(layout))
    goto out;
  error = read_boxes(node, pids, count, readings, pieces);
  if (error)
    goto out;
  for (size_t i = 0; i < count; i++) {
    bool external = pieces[i].read && is_external_pid(&readings[i]);
    uint64_t address = external ? beam_u64(readings[i].box, layout->et_node) : 0;
    pids[i].known = external;
    pieces[i] =
        (struct reach_piece){address, readings[i].node, address ? node_bytes(layout) : 0, false};
  }
  error = beam_memory_pieces(node->memory, pieces, count);
  if (error)
    goto out;
  for (size_t i = 0; i < count; i++) {
    pids[i].known = pids[i].known && pieces[i].read && pieces[i].length > 0;
    if (pids[i].known)
      take(layout, &readings[i], &pids[i]);
  }
out:
  free(readings);
  free(pieces);
  return error;
}

int beam_remote_node(const struct beam_node *node, uint64_t address, uint64_t *ret_name,
                     uint32_t *ret_creation)
{
  const struct beam_layout *layout = &node->layout;
  uint8_t bytes[NODE_BYTES];
  if (!has_layout(layout) || address == 0)
    return -EFAULT;
  int error = beam_memory_read(node->memory, address, bytes, node_bytes(layout));
  if (error)
    return error;
  uint64_t name = beam_u64(bytes, layout->n_sysname);
  if (!beam_is_atom(name))
    return -EFAULT;
  *ret_name = name;
  *ret_creation = beam_u32(bytes, layout->n_creation);
  return 0;
}

/* ---- connections ---- */

static bool has_connection_layout(const struct beam_layout *layout)
{
  return layout->h_bucket >= 0 && layout->h_bucket + 8 <= TABLE_BYTES && layout->h_shift >= 0 &&
         layout->h_shift + 4 <= TABLE_BYTES && layout->de_mld >= 0 &&
         layout->de_mld + 8 <= ENTRY_BYTES && layout->de_creation >= 0 &&
         layout->de_creation + 4 <= ENTRY_BYTES;
}

/* The table's buckets: 2^(64 - shift), each the first of a list that is linked by the entries' first words. */
static int read_buckets(const struct beam_node *node, uint64_t *ret_buckets, size_t *ret_count)
{
  unsigned char table[TABLE_BYTES];
  const struct beam_layout *layout = &node->layout;
  if (node->dist_table == 0 || !has_connection_layout(layout))
    return -ENOTSUP;
  if (beam_memory_read(node->memory, node->dist_table, table, sizeof table) != 0)
    return -EFAULT;
  uint32_t shift = beam_u32(table, layout->h_shift);
  if (shift > 63 || shift < 32)
    return -EFAULT;
  size_t count = (size_t)1 << (64 - shift);
  *ret_count = count < BUCKETS_MOST ? count : BUCKETS_MOST;
  return beam_memory_read(node->memory, beam_u64(table, layout->h_bucket), ret_buckets,
                          *ret_count * sizeof *ret_buckets);
}

int beam_remote_connections(const struct beam_node *node,
                            struct beam_remote_connection *ret_connections, size_t room)
{
  const struct beam_layout *layout = &node->layout;
  uint64_t buckets[BUCKETS_MOST];
  unsigned char entry[ENTRY_BYTES];
  size_t count = 0, bucket_count = 0, left = ENTRIES_MOST, found = 0;
  size_t bytes = (size_t)layout->de_mld + 8;
  int error = read_buckets(node, buckets, &bucket_count);
  if (error)
    return error;
  if (bytes < (size_t)layout->de_creation + 4)
    bytes = (size_t)layout->de_creation + 4;
  for (; count < bucket_count; count++)
    for (uint64_t at = buckets[count]; at != 0 && left > 0 && found < room; left--) {
      if (beam_memory_read(node->memory, at, entry, bytes) != 0)
        break; /* it has just gone */
      at = beam_u64(entry, 0);
      uint64_t address = beam_u64(entry, layout->de_mld);
      if (address != 0)
        ret_connections[found++] =
            (struct beam_remote_connection){address, beam_u32(entry, layout->de_creation)};
    }
  return (int)found;
}
