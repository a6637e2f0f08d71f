/* table_list.c - see table_list.h. */
#include "probe/beam/table/table_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/sweep.h"
#include "probe/beam/term.h"

enum {
  HEAD_BYTES = 512, /* no version has a larger DbTable */
  TRIES = 3,        /* of one scheduler's list */
  SLOTS_MOST = 257, /* of decentralised counters: ERTS_MAX_FLXCTR_GROUPS and one */
  SLOT_BYTES_MOST = 128,
  COUNTERS_MOST = 4096, /* arrays of them that are read at once */
  REFERENCE_BYTES = 12,
  COUNTER_ITEMS = 0, /* words of a slot */
  COUNTER_BYTES = 8,
};

struct head {
  uint64_t address;
  bool read;
  unsigned char bytes[HEAD_BYTES];
};

struct heads {
  struct head *at;
  size_t count, room;
};

struct beam_table_list {
  const struct beam_node *node;
  size_t head_bytes;
  struct heads found; /* of this walk, in the order of the lists */
  struct heads known; /* of the last one, by address, read again */
  struct beam_table *tables;
  size_t table_room;
  struct reach_piece *pieces;
  size_t piece_room;
  unsigned char *slots; /* of decentralised counters */
  uint32_t slot_count;
};

struct beam_table_list *beam_table_list_new(const struct beam_node *node)
{
  struct beam_table_list *list = calloc(1, sizeof *list);
  if (!list)
    return NULL;
  list->node = node;
  list->head_bytes = node->layout.sz_dbtab > 0 && node->layout.sz_dbtab <= HEAD_BYTES
                         ? (size_t)node->layout.sz_dbtab
                         : HEAD_BYTES;
  list->slot_count = 1;
  return list;
}

void beam_table_list_free(struct beam_table_list *list)
{
  if (!list)
    return;
  free(list->found.at);
  free(list->known.at);
  free(list->tables);
  free(list->pieces);
  free(list->slots);
  free(list);
}

/* ---- room ---- */

static struct head *heads_add(struct heads *heads)
{
  if (heads->count == heads->room) {
    size_t room = heads->room ? heads->room * 2 : 64;
    struct head *larger = reallocarray(heads->at, room, sizeof *larger);
    if (!larger)
      return NULL;
    heads->at = larger;
    heads->room = room;
  }
  return &heads->at[heads->count++];
}

static bool room_for_pieces(struct beam_table_list *list, size_t count)
{
  if (count <= list->piece_room)
    return true;
  struct reach_piece *larger = reallocarray(list->pieces, count, sizeof *larger);
  if (!larger)
    return false;
  list->pieces = larger;
  list->piece_room = count;
  return true;
}

static bool room_for_tables(struct beam_table_list *list, size_t count)
{
  if (count <= list->table_room)
    return true;
  struct beam_table *larger = reallocarray(list->tables, count, sizeof *larger);
  if (!larger)
    return false;
  list->tables = larger;
  list->table_room = count;
  return true;
}

/* ---- the walk ---- */

static int by_address(const void *a, const void *b)
{
  uint64_t x = ((const struct head *)a)->address, y = ((const struct head *)b)->address;
  return (x > y) - (x < y);
}

/* What the last walk found becomes known, read as it is now. */
static int read_known(struct beam_table_list *list)
{
  struct heads last = list->found;
  list->found = list->known;
  list->found.count = 0;
  list->known = last;
  if (last.count > 0)
    qsort(last.at, last.count, sizeof *last.at, by_address);
  if (!room_for_pieces(list, last.count))
    return -ENOMEM;
  for (size_t i = 0; i < last.count; i++)
    list->pieces[i] =
        (struct reach_piece){last.at[i].address, last.at[i].bytes, list->head_bytes, false};
  int error = beam_memory_pieces(list->node->memory, list->pieces, last.count);
  for (size_t i = 0; i < last.count; i++)
    last.at[i].read = list->pieces[i].read;
  return error;
}

static int find_head(struct beam_table_list *list, uint64_t address, bool afresh, struct head *head)
{
  const struct head wanted = {.address = address};
  const struct head *known = NULL;
  if (!afresh && list->known.count > 0)
    known = bsearch(&wanted, list->known.at, list->known.count, sizeof wanted, by_address);
  if (known && known->read) {
    *head = *known;
    return 0;
  }
  head->address = address;
  head->read = true;
  return beam_memory_read(list->node->memory, address, head->bytes, list->head_bytes);
}

/* Bits that contradict each other, or a name that is none: no table, or one half made. */
static bool is_table(const struct beam_node *node, const struct head *head)
{
  const uint32_t kinds = BEAM_TABLE_SET | BEAM_TABLE_BAG | BEAM_TABLE_DUPLICATE_BAG |
                         BEAM_TABLE_ORDERED_SET | BEAM_TABLE_CONCURRENT_ORDERED_SET;
  const struct beam_layout *at = &node->layout;
  uint32_t status = beam_u32(head->bytes, at->t_status);
  return (status & kinds) != 0 && beam_is_atom(beam_u64(head->bytes, at->t_name)) &&
         beam_is_pid(beam_u64(head->bytes, at->t_owner)) && beam_u64(head->bytes, at->t_btid) != 0;
}

/* One scheduler's list from its begin to its begin. -EAGAIN: its links contradict each other. */
static int walk(struct beam_table_list *list, uint64_t scheduler, bool afresh)
{
  const struct beam_layout *at = &list->node->layout;
  const int32_t count_offset = list->node->ets_list_offset - (at->sd_ets_clist - at->sd_ets_count);
  unsigned char anchor[16];
  uint64_t previous = 0;
  int error = beam_memory_read(list->node->memory, scheduler + (uint64_t)count_offset, anchor,
                               sizeof anchor);
  if (error)
    return error == -EFAULT ? -EAGAIN : error;
  uint64_t count = beam_u64(anchor, 0), first = beam_u64(anchor, 8), next = first;
  for (uint64_t n = 0; n < count && next; n++) {
    struct head *head = list->found.count < BEAM_TABLES_MOST ? heads_add(&list->found) : NULL;
    if (!head)
      return list->found.count < BEAM_TABLES_MOST ? -ENOMEM : -EAGAIN;
    error = find_head(list, next, afresh, head);
    if (error)
      return error == -EFAULT ? -EAGAIN : error;
    if ((previous && beam_u64(head->bytes, at->t_all_prev) != previous) ||
        !is_table(list->node, head))
      return -EAGAIN;
    previous = next;
    next = beam_u64(head->bytes, at->t_all_next);
    if (next == first)
      return n + 1 == count ? 0 : -EAGAIN;
  }
  return count == 0 || !first ? 0 : -EAGAIN;
}

/* What the last try found stays, as far as it came. */
static int walk_until_whole(struct beam_table_list *list, uint64_t scheduler, bool *ret_whole)
{
  size_t before = list->found.count;
  int error = -EAGAIN;
  for (int i = 0; i < TRIES && error == -EAGAIN; i++) {
    list->found.count = before;
    error = walk(list, scheduler, i > 0);
  }
  if (error != -EAGAIN)
    return error;
  if (list->found.count > before && !is_table(list->node, &list->found.at[list->found.count - 1]))
    list->found.count--;
  *ret_whole = false;
  return 0;
}

static int walk_all(struct beam_table_list *list, bool *ret_whole)
{
  const struct beam_node *node = list->node;
  int error = read_known(list);
  *ret_whole = true;
  for (uint32_t i = 0; i < node->scheduler_count && !error; i++)
    error = walk_until_whole(list, node->schedulers + i * node->scheduler_stride, ret_whole);
  return error;
}

/* ---- what is in the heads ---- */

/* The table's bucket locks. Versions without a count of them have 64. */
static void decode_buckets(const struct beam_layout *at, const unsigned char *bytes,
                           struct beam_table *table)
{
  enum { BUCKET_LOCKS_24 = 64, BUCKET_LOCKS_MOST = 1 << 16 };
  if (table->status & (BEAM_TABLE_ORDERED_SET | BEAM_TABLE_CONCURRENT_ORDERED_SET))
    return;
  uint32_t count = at->th_nlocks >= 0 ? beam_u32(bytes, at->th_nlocks) : BUCKET_LOCKS_24;
  table->buckets = beam_u64(bytes, at->th_locks);
  table->bucket_count = count <= BUCKET_LOCKS_MOST ? count : 0;
  if (table->buckets == 0 || table->bucket_count == 0 || !(table->status & BEAM_TABLE_FINE_LOCKED))
    table->buckets = table->bucket_count = 0;
}

static void decode(const struct beam_node *node, const struct head *head,
                   struct beam_table *ret_table)
{
  const struct beam_layout *at = &node->layout;
  const unsigned char *bytes = head->bytes;
  *ret_table = (struct beam_table){
      .address = head->address,
      .owner = beam_u64(bytes, at->t_owner),
      .name = beam_u64(bytes, at->t_name),
      .btid = beam_u64(bytes, at->t_btid),
      .status = beam_u32(bytes, at->t_status),
      .compressed = (bytes[at->t_compress] & 1) != 0,
      .decentralised = bytes[at->t_ctr + at->fc_dec] != 0, /* one byte in newer releases */
      .items = (int64_t)beam_u64(bytes, at->t_ctr + at->fc_u + COUNTER_ITEMS),
      .bytes = (int64_t)beam_u64(bytes, at->t_ctr + at->fc_u + COUNTER_BYTES),
  };
  decode_buckets(at, bytes, ret_table);
  if (ret_table->status & BEAM_TABLE_CONCURRENT_ORDERED_SET)
    ret_table->root = beam_u64(bytes, at->ct_root);
}

/* Identity of a table, from the three numbers of its reference: a count of 64 bits that each thread of the node has,
 * and the thread (erts_set_ref_numbers in erl_bif_unique.h). 51 bits of the count last a thread for seventy years of
 * a million references a second. */
static uint64_t key_of(const uint32_t number[3])
{
  enum { LOW_BITS = 18, THREAD_BITS = 12, KEY_BITS = 63 };
  const uint32_t low = (1u << LOW_BITS) - 1;
  uint64_t count = (uint64_t)number[2] << 32 | (number[1] & ~low) | (number[0] & low);
  uint64_t thread = number[1] & ((1u << THREAD_BITS) - 1);
  return (count << THREAD_BITS | thread) & ((UINT64_C(1) << KEY_BITS) - 1);
}

static int read_references(struct beam_table_list *list, size_t count)
{
  if (!room_for_pieces(list, count))
    return -ENOMEM;
  for (size_t i = 0; i < count; i++)
    list->pieces[i] =
        (struct reach_piece){list->tables[i].btid + (uint64_t)list->node->layout.mb_refn,
                             list->tables[i].number, REFERENCE_BYTES, false};
  int error = beam_memory_pieces(list->node->memory, list->pieces, count);
  for (size_t i = 0; i < count && !error; i++)
    list->tables[i].key = list->pieces[i].read ? key_of(list->tables[i].number) : 0;
  return error;
}

/* ---- decentralised counters ---- */

/* Schedulers add to the slot of their group; slot 0 belongs to all. The groups are fixed when the node starts; how many
 * there are is known from the slots that its schedulers have. */
static int count_slots(struct beam_table_list *list)
{
  const struct beam_node *node = list->node;
  for (uint32_t i = 0; i < node->scheduler_count; i++) {
    uint32_t slot = 0;
    int error = beam_memory_read(node->memory,
                                 node->schedulers + i * node->scheduler_stride +
                                     (uint64_t)node->layout.sd_flxctr,
                                 &slot, sizeof slot);
    if (error && error != -EFAULT)
      return error;
    if (!error && slot < SLOTS_MOST && slot >= list->slot_count)
      list->slot_count = slot + 1;
  }
  return 0;
}

static void sum_slots(const struct beam_table_list *list, const unsigned char *slots,
                      struct beam_table *table)
{
  uint64_t items = 0, bytes = 0; /* slots may be negative, sums wrap around to what they are */
  for (uint32_t i = 0; i < list->slot_count; i++) {
    const unsigned char *slot = slots + (size_t)i * (size_t)list->node->layout.sz_fa;
    items += beam_u64(slot, COUNTER_ITEMS);
    bytes += beam_u64(slot, COUNTER_BYTES);
  }
  table->items = (int64_t)items;
  table->bytes = (int64_t)bytes;
}

/* Up to COUNTERS_MOST of the tables from *first on. */
static int read_counters(struct beam_table_list *list, size_t *first, size_t count)
{
  const struct beam_layout *at = &list->node->layout;
  size_t each = (size_t)list->slot_count * (size_t)at->sz_fa, n = 0, i;
  size_t *of = NULL;
  int error = -ENOMEM;
  if (!room_for_pieces(list, COUNTERS_MOST) || !(of = calloc(COUNTERS_MOST, sizeof *of)))
    goto out;
  unsigned char *larger = realloc(list->slots, each * COUNTERS_MOST);
  if (!larger)
    goto out;
  list->slots = larger;
  for (i = *first; i < count && n < COUNTERS_MOST; i++)
    if (list->tables[i].decentralised) {
      /* What would be its first counter is the address of the array. */
      uint64_t array = (uint64_t)list->tables[i].items + (uint64_t)at->fa_array;
      of[n] = i;
      list->pieces[n] = (struct reach_piece){array, list->slots + n * each, each, false};
      n++;
    }
  *first = i;
  error = beam_memory_pieces(list->node->memory, list->pieces, n);
  for (size_t k = 0; k < n; k++) {
    struct beam_table *table = &list->tables[of[k]];
    table->items = table->bytes = VALUE_UNKNOWN;
    if (list->pieces[k].read)
      sum_slots(list, list->slots + k * each, table);
  }
out:
  free(of);
  return error;
}

static int read_all_counters(struct beam_table_list *list, size_t count)
{
  int error = 0;
  size_t first = 0;
  while (first < count && !list->tables[first].decentralised)
    first++;
  if (first == count)
    return 0;
  if (list->node->layout.sz_fa < COUNTER_BYTES + 8 || list->node->layout.sz_fa > SLOT_BYTES_MOST)
    return -ENOTSUP;
  error = count_slots(list);
  while (first < count && !error)
    error = read_counters(list, &first, count);
  return error;
}

/* ---- all together ---- */

static int by_key(const void *a, const void *b)
{
  uint64_t x = ((const struct beam_table *)a)->key, y = ((const struct beam_table *)b)->key;
  return (x > y) - (x < y);
}

/* A count that is none belongs to a table that went, or was never one. */
static int64_t sane(int64_t count)
{
  return count >= 0 ? count : VALUE_UNKNOWN;
}

/* Sorts, and leaves out what has no identity or stands there twice. */
static size_t tidy(struct beam_table *tables, size_t count)
{
  size_t kept = 0;
  qsort(tables, count, sizeof *tables, by_key);
  for (size_t i = 0; i < count; i++) {
    if (tables[i].key == 0 || (kept > 0 && tables[i].key == tables[kept - 1].key))
      continue;
    tables[kept] = tables[i];
    tables[kept].items = sane(tables[kept].items);
    tables[kept].bytes = sane(tables[kept].bytes);
    kept++;
  }
  return kept;
}

int beam_table_list_read(struct beam_table_list *list, const struct beam_table **ret_tables,
                         size_t *ret_count, bool *ret_whole)
{
  size_t count = 0;
  if (list->node->ets_list_offset < 0)
    return -ENOTSUP;
  int error = walk_all(list, ret_whole);
  if (error)
    return error;
  if (!room_for_tables(list, list->found.count + 1))
    return -ENOMEM;
  for (size_t i = 0; i < list->found.count; i++) {
    decode(list->node, &list->found.at[i], &list->tables[count]);
    count += !(list->tables[count].status & BEAM_TABLE_DELETED);
  }
  error = read_references(list, count);
  if (!error)
    error = read_all_counters(list, count);
  if (error)
    return error;
  *ret_tables = list->tables;
  *ret_count = tidy(list->tables, count);
  return 0;
}
