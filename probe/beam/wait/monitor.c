/* monitor.c - see monitor.h. */
#include "probe/beam/wait/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"
#include "probe/beam/wait/wait_gather.h"

enum {
  LEVELS_MOST = 64, /* of a red-black tree with 2^32 nodes */
  BLOCK = 32768,    /* lookups that walk side by side */
  /* a monitor's node with what follows it in the allocation: its key, the key's numbers, a name */
  NODE_BYTES = 192,
  REFERENCE_ARITY_LEAST =
      2, /* an ordinary reference; one that is an alias has its pid in it as well */
  REFERENCE_ARITY_MOST = 3,
};

#define REFERENCE_MARKER UINT32_MAX

bool beam_reference_of_bytes(const void *bytes, struct beam_reference *ret_reference)
{
  uint64_t header = beam_u64(bytes, 0), arity = beam_header_arity(header);
  if (beam_header_kind(header) != BEAM_REFERENCE || arity < REFERENCE_ARITY_LEAST ||
      arity > REFERENCE_ARITY_MOST || beam_u32(bytes, 8) != REFERENCE_MARKER)
    return false;
  memcpy(ret_reference->number, (const char *)bytes + 12, sizeof ret_reference->number);
  return true;
}

/* Where one lookup stands. */
struct walk {
  struct beam_monitor_lookup *lookup;
  uint64_t at;
  uint8_t bytes[NODE_BYTES];
  size_t length; /* of bytes that were read */
};

struct walks {
  const struct beam_node *node;
  struct walk *walk;
  struct reach_piece *pieces;
};

static bool plausible(uint64_t address)
{
  return address != 0 && address < UINT64_C(1) << 56 && address % 8 == 0;
}

/* The end of a mapping may cut a node's tail off. */
static void read_short(const struct beam_node *node, struct walk *walk)
{
  ssize_t got = node->memory->read(node->memory, walk->at, walk->bytes, NODE_BYTES);
  walk->length = got > 0 ? (size_t)got : 0;
}

static int read_level(struct walks *walks, const uint16_t *active, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct walk *walk = &walks->walk[active[i]];
    walks->pieces[i] = (struct reach_piece){walk->at, walk->bytes, NODE_BYTES, false};
  }
  int error = beam_wait_gather(walks->node->memory, walks->pieces, count);
  if (error)
    return error;
  for (size_t i = 0; i < count; i++) {
    struct walk *walk = &walks->walk[active[i]];
    walk->length = NODE_BYTES;
    if (!walks->pieces[i].read)
      read_short(walks->node, walk);
  }
  return 0;
}

/* The bytes at an address, out of the node's own where they are there. */
static bool bytes_at(const struct beam_node *node, const struct walk *walk, uint64_t address,
                     void *ret_bytes, size_t length)
{
  uint64_t offset = address - walk->at; /* wraps where it is before it */
  if (offset < walk->length && walk->length - offset >= length) {
    memcpy(ret_bytes, walk->bytes + offset, length);
    return true;
  }
  return plausible(address) && beam_memory_read(node->memory, address, ret_bytes, length) == 0;
}

/* The word of the node's key. Two nodes share an allocation, that of who monitors and that of who is monitored: key_offset
 * counts from the node itself, offset is how far the node lies in the allocation. */
static bool key_word(const struct beam_node *node, const struct walk *walk, uint64_t *ret_key)
{
  uint64_t key = beam_u16(walk->bytes, node->layout.mn_keyoff);
  return key < NODE_BYTES && bytes_at(node, walk, walk->at + key, ret_key, sizeof *ret_key);
}

/* The order of the tree: keys that are no box come first, then references of this node by the bytes of their numbers,
 * then those of others. */
static bool compare(const struct beam_node *node, const struct walk *walk, int *ret_order)
{
  uint8_t box[BEAM_REFERENCE_BYTES];
  struct beam_reference key;
  uint64_t word;
  if (!key_word(node, walk, &word))
    return false;
  if (!beam_is_boxed(word)) {
    *ret_order = 1;
    return true;
  }
  if (!bytes_at(node, walk, beam_pointer(word), box, sizeof box))
    return false;
  *ret_order = beam_reference_of_bytes(box, &key)
                   ? memcmp(walk->lookup->reference.number, key.number, sizeof key.number)
                   : -1;
  return true;
}

static void take(const struct beam_node *node, const struct walk *walk)
{
  const struct beam_layout *layout = &node->layout;
  struct beam_monitor_lookup *lookup = walk->lookup;
  uint64_t name = 0, connection = 0;
  uint64_t begin = walk->at - beam_u16(walk->bytes, layout->mn_offset);
  lookup->found = true;
  lookup->address = walk->at;
  lookup->other = beam_u64(walk->bytes, layout->mn_other);
  if (!beam_is_atom(lookup->other) ||
      !bytes_at(node, walk, begin + (uint64_t)layout->mde_name, &name, sizeof name) ||
      !beam_is_atom(name))
    return;
  lookup->name = name;
  if (layout->mde_dist >= 0 &&
      bytes_at(node, walk, begin + (uint64_t)layout->mde_dist, &connection, sizeof connection))
    lookup->connection = connection;
}

/* Looks at the node that was read and goes down. False when the walk is over. */
static bool step(const struct beam_node *node, struct walk *walk)
{
  int order;
  if (walk->length < (size_t)node->layout.sz_monnode || !compare(node, walk, &order)) {
    walk->lookup->unreadable = true;
    return false;
  }
  if (order == 0) {
    take(node, walk);
    return false;
  }
  walk->at = beam_u64(walk->bytes, order < 0 ? node->layout.mn_left : node->layout.mn_right);
  if (walk->at == 0)
    return false;
  walk->lookup->unreadable = !plausible(walk->at);
  return !walk->lookup->unreadable;
}

static int find_block(struct walks *walks, struct beam_monitor_lookup *lookups, size_t count)
{
  uint16_t active[BLOCK];
  size_t left = 0;
  for (size_t i = 0; i < count; i++) {
    lookups[i].found = lookups[i].unreadable = false;
    lookups[i].address = lookups[i].other = lookups[i].name = 0;
    lookups[i].connection = 0;
    walks->walk[i].lookup = &lookups[i];
    walks->walk[i].at = lookups[i].root;
    if (plausible(lookups[i].root))
      active[left++] = (uint16_t)i;
  }
  for (int level = 0; left > 0 && level < LEVELS_MOST; level++) {
    int error = read_level(walks, active, left);
    if (error)
      return error;
    size_t kept = 0;
    for (size_t i = 0; i < left; i++)
      if (step(walks->node, &walks->walk[active[i]]))
        active[kept++] = active[i];
    left = kept;
  }
  for (size_t i = 0; i < left; i++)
    walks->walk[active[i]].lookup->unreadable = true;
  return 0;
}

int beam_monitor_find(const struct beam_node *node, struct beam_monitor_lookup *lookups,
                      size_t count)
{
  size_t room = count < BLOCK ? count : BLOCK;
  struct walks walks = {node, calloc(room + 1, sizeof *walks.walk),
                        calloc(room + 1, sizeof *walks.pieces)};
  int error = walks.walk && walks.pieces ? 0 : -ENOMEM;
  for (size_t done = 0; !error && done < count; done += BLOCK)
    error = find_block(&walks, lookups + done, count - done < BLOCK ? count - done : BLOCK);
  free(walks.walk);
  free(walks.pieces);
  return error;
}

/* Links to processes of this node come first, in the order of their words; then those to ports and to other nodes. */
bool beam_link_has(const struct beam_node *node, uint64_t root, uint64_t pid_word)
{
  unsigned char bytes[NODE_BYTES];
  size_t length = (size_t)node->layout.sz_monnode;
  uint64_t at = root;
  for (int level = 0; level < LEVELS_MOST && plausible(at) && length <= NODE_BYTES; level++) {
    if (beam_memory_read(node->memory, at, bytes, length) != 0)
      return false;
    uint64_t other = beam_u64(bytes, node->layout.mn_other);
    if (other == pid_word)
      return true;
    bool left = !beam_is_pid(other) || pid_word < other;
    at = beam_u64(bytes, left ? node->layout.mn_left : node->layout.mn_right);
  }
  return false;
}
