/*
 * tables_fuzz.c - the ETS tables and locks of a node in damaged memory: whatever stands there, listing ends after
 * bounded reading, every sweep passes sweep_check, and looking at locks gives sums and waiters that are in range.
 *
 * A small node is made by hand for each release: two schedulers with two tables each (plain, with bucket locks, with
 * decentralised counters, a tree of one inner node and two leaves), and locks that both schedulers wait for.
 *
 *    input: release | faults | mutations (test_segments.h)
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "probe/beam/table/lock.h"
#include "probe/beam/table/table.h"
#include "probe/beam/test_segments.h"

enum {
  HEAD_BYTES = 2,
  RELEASES = 4,
  TABLES = 4,
  READS_MOST = 200000,
  BYTES_MOST = 64 << 20,
  BUCKETS = 64
};
#define BASE UINT64_C(0x7f0000000000)

/* Where things stand. */
enum {
  SCHEDULERS = 0,
  STRIDE = 0x20000,
  INFOS = 0x50000, /* ErtsSchedulerSleepInfo */
  EVENTS = 0x51000,
  PROCESSES = 0x52000,
  HEADS = 0x60000,
  REFERENCES = 0x64000,
  COUNTERS = 0x65000,
  LOCKS = 0x66000,
  TREE = 0x6a000,
  EACH = 0x800,
};

static const int RELEASE_NUMBERS[RELEASES] = {24, 25, 27, 29};

struct world {
  struct test_segments image, memory; /* as it was made; as it is read */
  struct beam_node node;
  bool made;
};

static struct world worlds[RELEASES];

static void put(struct world *w, uint64_t place, int32_t offset, uint64_t value, size_t length)
{
  test_segments_put(&w->image, BASE + place + (uint64_t)offset, &value, length);
}

static void put_lock(struct world *w, uint64_t place, uint32_t word, uint64_t queue)
{
  put(w, place, w->node.layout.lk_flgs, word, 4);
  put(w, place, w->node.layout.lk_q, queue, 8);
}

static void put_schedulers(struct world *w)
{
  const struct beam_layout *at = &w->node.layout;
  for (uint64_t i = 0; i < 2; i++) {
    uint64_t scheduler = SCHEDULERS + i * STRIDE, list = HEADS + 2 * i * EACH;
    put(w, scheduler, at->sd_ssi, BASE + INFOS + i * 256, 8);
    put(w, scheduler, at->sd_cur, BASE + PROCESSES + i * 1024, 8);
    put(w, scheduler, at->sd_flxctr, i + 1, 4);
    put(w, scheduler, at->sd_ets_count, 2, 8);
    put(w, scheduler, at->sd_ets_clist, BASE + list, 8);
    put(w, INFOS + i * 256, at->ssi_event, BASE + EVENTS + i * 64, 8);
    put(w, EVENTS + i * 64, at->tse_next, BASE + EVENTS + (1 - i) * 64, 8);
    put(w, EVENTS + i * 64, at->tse_uflgs, UINT32_C(1) << (29 + i), 4);
    put(w, PROCESSES + i * 1024, at->p_id, (i + 7) << 4 | 3, 8);
  }
}

static void put_table(struct world *w, uint64_t i, uint32_t status)
{
  const struct beam_layout *at = &w->node.layout;
  uint64_t head = HEADS + i * EACH, neighbour = HEADS + (i ^ 1) * EACH;
  put(w, head, at->t_all_next, BASE + neighbour, 8);
  put(w, head, at->t_all_prev, BASE + neighbour, 8);
  put(w, head, at->t_status, status | BEAM_TABLE_PUBLIC, 4);
  put(w, head, at->t_owner, (i + 7) << 4 | 3, 8);
  put(w, head, at->t_name, i << 6 | 0x0b, 8);
  put(w, head, at->t_btid, BASE + REFERENCES + i * 256, 8);
  put(w, REFERENCES + i * 256, at->mb_refn, (i + 1) << 32 | i, 8);
  put_lock(w, head + (uint64_t)at->t_rwlock, UINT32_C(0xe0000000), BASE + EVENTS);
}

static void put_buckets(struct world *w, uint64_t head)
{
  const struct beam_layout *at = &w->node.layout;
  uint64_t size = at->sz_hl > 0 ? (uint64_t)at->sz_hl : 128;
  put(w, head, at->th_locks, BASE + LOCKS, 8);
  if (at->th_nlocks >= 0)
    put(w, head, at->th_nlocks, BUCKETS, 4);
  for (uint64_t i = 0; i < BUCKETS; i++)
    put_lock(w, LOCKS + i * size + (uint64_t)(at->hl_lck > 0 ? at->hl_lck : 0),
             i == 3 ? UINT32_C(0xc0000000) : 0, i == 3 ? BASE + EVENTS + 64 : 0);
}

static void put_tree(struct world *w, uint64_t head)
{
  const struct beam_layout *at = &w->node.layout;
  put(w, head, at->ct_root, BASE + TREE, 8);
  put(w, TREE, at->cn_left, BASE + TREE + 256, 8);
  put(w, TREE, at->cn_right, BASE + TREE + 512, 8);
  for (uint64_t leaf = TREE + 256; leaf <= TREE + 512; leaf += 256) {
    put(w, leaf, at->cn_isbase, 1, 4);
    put(w, leaf, at->cn_valid, 1, 4);
    put_lock(w, leaf + (uint64_t)at->cn_lock, UINT32_C(0xa0000000), BASE + EVENTS);
  }
}

/* ---- what is tried ---- */

static void check_error(int error)
{
  FUZZ_CHECK(error == 0 || error == -ESRCH || error == -ENOTSUP || error == -EFAULT);
}

/* Two sweeps: the second reads what the first found at once. */
static void try_rows(const struct beam_node *node)
{
  struct beam_atoms *atoms = beam_atoms_new(node);
  struct beam_tables *tables = NULL;
  FUZZ_CHECK(atoms && beam_tables_new(node, atoms, NULL, &tables) == 0);
  for (int i = 0; i < 2; i++) {
    struct sweep *sweep = sweep_new(1, SOURCE_TAG_BEAM, SWEEP_FULL);
    FUZZ_CHECK(sweep);
    int error = beam_tables_read(tables, sweep);
    check_error(error);
    sweep_sort(sweep);
    FUZZ_CHECK(error || sweep_check(sweep) == 0);
    sweep_free(sweep);
  }
  beam_tables_free(tables);
  beam_atoms_free(atoms);
}

static void check_sums(const struct beam_locks *locks)
{
  size_t count, waiting;
  const struct beam_lock_sums *sums = beam_locks_sums(locks, &count);
  const struct beam_lock_waiter *waiters = beam_locks_waiters(locks, &waiting);
  FUZZ_CHECK(waiting <= 2);
  for (size_t i = 0; i < count; i++) {
    FUZZ_CHECK(sums[i].held_ns >= 0 && sums[i].wait_ns >= 0 && sums[i].max_wait_ns >= 0);
    FUZZ_CHECK(sums[i].read_waiters + sums[i].write_waiters <= 2);
    FUZZ_CHECK(i == 0 || sums[i - 1].key < sums[i].key);
  }
  for (size_t i = 0; i < waiting; i++)
    FUZZ_CHECK(waiters[i].pid && waiters[i].since_ns > 0);
}

static void try_locks(const struct beam_node *node)
{
  struct beam_table_list *list = beam_table_list_new(node);
  struct beam_locks *locks = beam_locks_new(node);
  const struct beam_table *tables;
  size_t count;
  bool whole;
  FUZZ_CHECK(list && locks);
  for (uint64_t i = 1; i <= 3; i++) {
    int error = beam_table_list_read(list, &tables, &count, &whole);
    check_error(error);
    if (error)
      break;
    struct beam_lock_plan *plan = beam_lock_plan_new(node, tables, count);
    FUZZ_CHECK(plan && plan->leaf_count <= BEAM_LOCK_LEAVES_MOST);
    FUZZ_CHECK(beam_locks_adopt(locks, plan) == 0);
    error = beam_locks_look(locks);
    check_error(error);
    if (!error)
      beam_locks_count(locks, i * 10000000, 10000000);
    check_sums(locks);
  }
  beam_locks_free(locks);
  beam_table_list_free(list);
}

/* ---- entry ---- */

static void make(struct world *w, int release)
{
  test_segments_init(&w->image);
  test_segments_init(&w->memory);
  w->node = (struct beam_node){.memory = &w->memory.memory,
                               .otp = release,
                               .layout = *beam_layout_for(release),
                               .base = BASE,
                               .processes = {.most = 64, .pix_mask = 63},
                               .atom_table = BASE,
                               .schedulers = BASE + SCHEDULERS,
                               .scheduler_stride = STRIDE,
                               .scheduler_count = 2};
  const struct beam_layout *at = &w->node.layout;
  w->node.ets_list_offset = at->sd_ets_clist;
  put_schedulers(w);
  put_table(w, 0, BEAM_TABLE_SET | BEAM_TABLE_NAMED);
  put_table(w, 1, BEAM_TABLE_BAG | BEAM_TABLE_FINE_LOCKED);
  put_buckets(w, HEADS + 1 * EACH);
  put_table(w, 2, BEAM_TABLE_CONCURRENT_ORDERED_SET | BEAM_TABLE_FINE_LOCKED);
  put_tree(w, HEADS + 2 * EACH);
  put_table(w, 3, BEAM_TABLE_ORDERED_SET);
  put(w, HEADS + 3 * EACH, at->t_ctr + at->fc_dec, 1, 4);
  put(w, HEADS + 3 * EACH, at->t_ctr + at->fc_u, BASE + COUNTERS, 8);
  test_segments_follow(&w->memory, &w->image.memory);
  try_rows(&w->node);
  try_locks(&w->node);
  test_segments_freeze(&w->memory);
  w->made = true;
}

/* The world as it was made is read as it is: else nothing behind the first check would be tried. */
static void check_whole(struct world *w)
{
  struct beam_table_list *list = beam_table_list_new(&w->node);
  const struct beam_table *tables;
  size_t count = 0;
  bool whole = false;
  FUZZ_CHECK(list && beam_table_list_read(list, &tables, &count, &whole) == 0);
  FUZZ_CHECK(whole && count == TABLES);
  beam_table_list_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  if (size < HEAD_BYTES)
    return 0;
  struct world *w = &worlds[bytes[0] % RELEASES];
  if (!w->made) {
    make(w, RELEASE_NUMBERS[bytes[0] % RELEASES]);
    check_whole(w);
  }
  test_segments_restore(&w->memory);
  test_segments_mutate(&w->memory, bytes + HEAD_BYTES, size - HEAD_BYTES);
  w->memory.refuse_each = bytes[1] & 1 ? bytes[1] >> 3 : 0;
  w->memory.cut_each = bytes[1] & 2 ? bytes[1] >> 3 : 0;
  w->memory.gone_after = bytes[1] & 4 ? bytes[1] >> 3 : 0;
  try_rows(&w->node);
  try_locks(&w->node);
  FUZZ_CHECK(w->memory.reads < READS_MOST && w->memory.bytes < BYTES_MOST);
  w->memory.refuse_each = w->memory.cut_each = w->memory.gone_after = 0;
  return 0;
}

/* Undamaged, and with more and more mutations. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  uint64_t state = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
  size_t size = HEAD_BYTES + (size_t)TEST_SEGMENTS_MUTATION * (number / RELEASES);
  if (number >= 32 || size > room)
    return 0;
  for (size_t i = 0; i < size; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    ret_bytes[i] = (uint8_t)state;
  }
  ret_bytes[0] = (uint8_t)number;
  ret_bytes[1] = 0;
  return size;
}
