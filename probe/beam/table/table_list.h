/*
 * table_list.h - which ETS tables a node has, and what stands in the head of each.
 *
 *    ErtsSchedulerData 1..n --> count, first --> DbTable <--> DbTable <--> ... (back to the first)
 *                                                  |  btid --> the table's reference: its identity
 *                                                  `- counters --> one slot a scheduler, where decentralised
 *
 * The heads that the last list found are read again in one go, so that walking costs a read of its own only for
 * tables that are new. Tables come and go while they are listed: a list whose links do not agree with each other is
 * walked again, and in the end told to be incomplete. Not here: locks (lock.h) and rows (table.c).
 */
#ifndef IMPASSE_PROBE_BEAM_TABLE_LIST_H
#define IMPASSE_PROBE_BEAM_TABLE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

/* Bits of DbTableCommon.status, the same in OTP 24 to 29 (erl_db_util.h). */
enum beam_table_bits {
  BEAM_TABLE_PRIVATE = 1 << 0,
  BEAM_TABLE_PROTECTED = 1 << 1,
  BEAM_TABLE_PUBLIC = 1 << 2,
  BEAM_TABLE_DELETED = 1 << 3,
  BEAM_TABLE_SET = 1 << 4,
  BEAM_TABLE_BAG = 1 << 5,
  BEAM_TABLE_DUPLICATE_BAG = 1 << 6,
  BEAM_TABLE_ORDERED_SET = 1 << 7,
  BEAM_TABLE_CONCURRENT_ORDERED_SET = 1 << 8,
  BEAM_TABLE_FINE_LOCKED = 1 << 9,
  BEAM_TABLE_READ_CONCURRENCY = 1 << 10,
  BEAM_TABLE_NAMED = 1 << 11,
  BEAM_TABLE_FINE_LOCKED_AUTO = 1 << 14,
};

enum { BEAM_TABLES_MOST = 1 << 18 };

struct beam_table {
  uint64_t address;   /* of its struct DbTable */
  uint64_t key;       /* of its row: made of its reference, which the node never gives again */
  uint64_t owner;     /* pid word */
  uint64_t name;      /* atom */
  uint64_t btid;      /* address of its reference's binary */
  uint32_t number[3]; /* of its reference, printed as #Ref<0.[2].[1].[0]> */
  uint32_t status;    /* enum beam_table_bits */
  int64_t items;      /* VALUE_UNKNOWN where they could not be read */
  int64_t bytes;
  uint64_t buckets; /* address of the locks of its buckets, 0 none */
  uint32_t bucket_count;
  uint64_t root; /* of a tree with write_concurrency, 0 none */
  bool compressed, decentralised;
};

struct beam_table_list;

struct beam_table_list *beam_table_list_new(const struct beam_node *node); /* NULL without memory */
void beam_table_list_free(struct beam_table_list *list);

/* Lists them, by key, without those that are being deleted; valid until the next call. *ret_whole is
 * false when some list changed too fast to be followed. 0, -ENOMEM, -EPERM, -ESRCH, -ENOTSUP (the node's lists were
 * not found). */
int beam_table_list_read(struct beam_table_list *list, const struct beam_table **ret_tables,
                         size_t *ret_count, bool *ret_whole);

#endif
