/* lock.c - see lock.h. */
#include "probe/beam/table/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  HEAD_BYTES = 512,      /* of a table, from its lock on */
  LOCK_BYTES = 64,       /* of a lock, up to its type */
  SLEEPER_BYTES = 40,    /* of a struct ethr_ts_event */
  PROCESS_BYTES = 1024,  /* of a process, up to what tells its progress */
  BUCKET_BYTES_24 = 128, /* versions whose layout does not tell it */
  SUSPECTS_MOST =
      2048, /* locks that show waiters: no more than threads, and what is freed memory */
};

enum lock_word {
  WORD_HELD_FOR_WRITING = 1u << 31,
  WORD_WRITERS_WAIT = 1u << 30,
  WORD_READERS_WAIT = 1u << 29,
  WORD_WAIT = WORD_WRITERS_WAIT | WORD_READERS_WAIT,
};

/* What an instant showed of a table. */
enum seen { SEEN = 1, SEEN_HELD = 2, SEEN_WAIT = 4, SEEN_WAITER = 8 };

/* A scheduler's thread: it can wait for one lock at a time. */
struct sleeper {
  uint64_t scheduler; /* address of its ErtsSchedulerData */
  uint64_t event;     /* what it sleeps on */
  unsigned char current[8];
  unsigned char bytes[SLEEPER_BYTES];
  unsigned char process[PROCESS_BYTES];
  bool sampled, queued;
  struct beam_lock_waiter now, before; /* pid 0: it waits for no table */
};

/* A lock that shows waiters. */
struct suspect {
  size_t table;
  uint64_t lock, queue;
  unsigned char again[LOCK_BYTES];
};

struct beam_locks {
  const struct beam_node *node;
  struct beam_lock_plan *plan;
  struct beam_lock_sums *sums; /* of each table of the plan */
  unsigned char *seen;         /* of each, enum seen: now */
  unsigned char *seen_before;
  struct reach_piece *pieces;
  size_t piece_count;
  unsigned char *bytes;     /* that the pieces are read into */
  struct sleeper *sleepers; /* by event */
  size_t sleeper_count;
  struct suspect *suspects;
  size_t suspect_count;
  struct reach_piece *more;         /* pieces of the second and third call */
  struct beam_lock_waiter *waiters; /* as they are given: of the instant that was counted last */
  size_t waiter_count;
  size_t head_bytes, wide_head_bytes, bucket_bytes, leaf_bytes, process_bytes;
  int32_t bucket_lock;
};

/* ---- made and freed ---- */

static size_t larger(int32_t a, int32_t b)
{
  return (size_t)(a > b ? a : b);
}

/* How much is read of each struct; 0 where the layout makes no sense. */
static bool measure(struct beam_locks *locks)
{
  const struct beam_layout *at = &locks->node->layout;
  locks->head_bytes = (size_t)(at->t_btid + 8 - at->t_rwlock);
  locks->wide_head_bytes = larger(at->t_btid, at->th_locks) + 8 - (size_t)at->t_rwlock;
  locks->bucket_bytes = at->sz_hl > 0 ? (size_t)at->sz_hl : BUCKET_BYTES_24;
  locks->bucket_lock = at->hl_lck >= 0 ? at->hl_lck : 0;
  locks->leaf_bytes = (size_t)at->cn_valid + 8;
  locks->process_bytes = larger(at->p_reds, at->p_fcalls) + 8;
  return at->t_rwlock >= 0 && at->t_btid > at->t_rwlock && at->lk_q >= 0 &&
         at->lk_type + 4 <= LOCK_BYTES && locks->wide_head_bytes <= HEAD_BYTES &&
         locks->bucket_bytes >= (size_t)locks->bucket_lock + LOCK_BYTES && at->cn_valid > 0 &&
         at->cn_lock + LOCK_BYTES <= at->cn_valid && at->tse_uflgs + 4 <= SLEEPER_BYTES &&
         at->p_fcalls >= 0 && locks->process_bytes <= PROCESS_BYTES;
}

struct beam_locks *beam_locks_new(const struct beam_node *node)
{
  struct beam_locks *locks = calloc(1, sizeof *locks);
  size_t most = (size_t)node->scheduler_count + node->dirty_cpu_count + node->dirty_io_count;
  if (!locks)
    return NULL;
  locks->node = node;
  locks->sleepers = calloc(most + 1, sizeof *locks->sleepers);
  locks->suspects = calloc(SUSPECTS_MOST, sizeof *locks->suspects);
  locks->more = calloc(2 * most + SUSPECTS_MOST, sizeof *locks->more);
  locks->waiters = calloc(most + 1, sizeof *locks->waiters);
  if (!locks->sleepers || !locks->suspects || !locks->more || !locks->waiters || !measure(locks)) {
    beam_locks_free(locks);
    return NULL;
  }
  return locks;
}

void beam_locks_free(struct beam_locks *locks)
{
  if (!locks)
    return;
  beam_lock_plan_free(locks->plan);
  free(locks->sums);
  free(locks->seen);
  free(locks->seen_before);
  free(locks->pieces);
  free(locks->bytes);
  free(locks->sleepers);
  free(locks->suspects);
  free(locks->more);
  free(locks->waiters);
  free(locks);
}

/* ---- whom the threads are ---- */

static int by_event(const void *a, const void *b)
{
  uint64_t x = ((const struct sleeper *)a)->event, y = ((const struct sleeper *)b)->event;
  return (x > y) - (x < y);
}

static void add_sleepers(struct beam_locks *locks, uint64_t schedulers, uint32_t count)
{
  const struct beam_node *node = locks->node;
  for (uint32_t i = 0; i < count && schedulers; i++) {
    uint64_t scheduler = schedulers + i * node->scheduler_stride, info, event;
    if (beam_memory_word(node->memory, scheduler + (uint64_t)node->layout.sd_ssi, &info) == 0 &&
        beam_memory_word(node->memory, info + (uint64_t)node->layout.ssi_event, &event) == 0 &&
        event)
      locks->sleepers[locks->sleeper_count++] =
          (struct sleeper){.scheduler = scheduler, .event = event};
  }
}

/* Threads stay as long as the node, but they set their events only once they run. */
static void find_sleepers(struct beam_locks *locks)
{
  const struct beam_node *node = locks->node;
  size_t most = (size_t)node->scheduler_count + node->dirty_cpu_count + node->dirty_io_count;
  if (locks->sleeper_count == most)
    return;
  locks->sleeper_count = 0;
  add_sleepers(locks, node->schedulers, node->scheduler_count);
  add_sleepers(locks, node->dirty_cpu_schedulers, node->dirty_cpu_count);
  add_sleepers(locks, node->dirty_io_schedulers, node->dirty_io_count);
  qsort(locks->sleepers, locks->sleeper_count, sizeof *locks->sleepers, by_event);
}

static struct sleeper *sleeper_of(struct beam_locks *locks, uint64_t event)
{
  const struct sleeper wanted = {.event = event};
  return bsearch(&wanted, locks->sleepers, locks->sleeper_count, sizeof wanted, by_event);
}

/* ---- a plan ---- */

static uint32_t buckets_of(const struct beam_lock_table *table)
{
  return table->bucket_count < BEAM_LOCK_BUCKETS_MOST ? table->bucket_count
                                                      : BEAM_LOCK_BUCKETS_MOST;
}

static size_t head_bytes_of(const struct beam_locks *locks, const struct beam_lock_table *table)
{
  return table->bucket_count > 0 ? locks->wide_head_bytes : locks->head_bytes;
}

/* Pieces stand in the order of the tables: head, buckets, leaves. */
static void lay_out(struct beam_locks *locks, size_t *ret_count, size_t *ret_bytes)
{
  const struct beam_layout *at = &locks->node->layout;
  const struct beam_lock_plan *plan = locks->plan;
  size_t n = 0, used = 0;
#define PIECE(from, size)                                                                          \
  do {                                                                                             \
    if (locks->pieces)                                                                             \
      locks->pieces[n] = (struct reach_piece){(from), locks->bytes + used, (size), false};         \
    n++;                                                                                           \
    used += (size);                                                                                \
  } while (0)
  for (size_t i = 0; i < plan->count; i++) {
    const struct beam_lock_table *table = &plan->tables[i];
    PIECE(table->address + (uint64_t)at->t_rwlock, head_bytes_of(locks, table));
    if (table->bucket_count > 0)
      PIECE(table->buckets, buckets_of(table) * locks->bucket_bytes);
    for (uint32_t k = 0; k < table->leaf_count; k++)
      PIECE(plan->leaves[table->leaf_first + k], locks->leaf_bytes);
  }
#undef PIECE
  *ret_count = n;
  *ret_bytes = used;
}

static int make_pieces(struct beam_locks *locks)
{
  size_t count, bytes;
  free(locks->pieces);
  free(locks->bytes);
  locks->pieces = NULL;
  locks->bytes = NULL;
  lay_out(locks, &count, &bytes);
  locks->bytes = malloc(bytes + 1);
  locks->pieces = locks->bytes ? calloc(count + 1, sizeof *locks->pieces) : NULL;
  if (!locks->pieces)
    return -ENOMEM;
  lay_out(locks, &count, &bytes);
  locks->piece_count = count;
  return 0;
}

/* Sums and flags of the tables that were in the last plan as well. */
static void carry(const struct beam_lock_plan *plan, const struct beam_locks *from,
                  struct beam_lock_sums *sums, unsigned char *seen)
{
  size_t old = 0, old_count = from->plan ? from->plan->count : 0;
  for (size_t i = 0; i < plan->count; i++) {
    uint64_t key = plan->tables[i].key;
    while (old < old_count && from->sums[old].key < key)
      old++;
    if (old < old_count && from->sums[old].key == key) {
      sums[i] = from->sums[old];
      seen[i] = from->seen[old];
    }
    sums[i].key = key;
  }
}

int beam_locks_adopt(struct beam_locks *locks, struct beam_lock_plan *plan)
{
  struct beam_lock_sums *sums = calloc(plan->count + 1, sizeof *sums);
  unsigned char *seen = calloc(plan->count + 1, 1), *before = calloc(plan->count + 1, 1);
  if (!sums || !seen || !before) {
    free(sums);
    free(seen);
    free(before);
    beam_lock_plan_free(plan);
    return -ENOMEM;
  }
  carry(plan, locks, sums, seen);
  free(locks->sums);
  free(locks->seen);
  free(locks->seen_before);
  beam_lock_plan_free(locks->plan);
  locks->plan = plan;
  locks->sums = sums;
  locks->seen = seen;
  locks->seen_before = before;
  locks->piece_count = 0;
  find_sleepers(locks);
  return make_pieces(locks);
}

/* ---- an instant: the locks ---- */

static void suspect(struct beam_locks *locks, size_t table, uint64_t lock,
                    const unsigned char *bytes)
{
  uint64_t queue = beam_u64(bytes, locks->node->layout.lk_q);
  if (queue && locks->suspect_count < SUSPECTS_MOST)
    locks->suspects[locks->suspect_count++] =
        (struct suspect){.table = table, .lock = lock, .queue = queue};
}

static void look_at_lock(struct beam_locks *locks, size_t table, uint64_t lock,
                         const unsigned char *bytes)
{
  const struct beam_layout *at = &locks->node->layout;
  uint32_t word = beam_u32(bytes, at->lk_flgs);
  bool frequent_read = beam_u32(bytes, at->lk_type) != 0;
  uint32_t holders = frequent_read ? (uint32_t)WORD_HELD_FOR_WRITING : ~(uint32_t)WORD_WAIT;
  if (word & holders)
    locks->seen[table] |= SEEN_HELD;
  if (word & WORD_WAIT) {
    locks->seen[table] |= SEEN_WAIT;
    suspect(locks, table, lock, bytes);
  }
}

/* The memory is still that table's, and its bucket locks are where they were. */
static bool is_same(const struct beam_locks *locks, const struct beam_lock_table *table,
                    const unsigned char *bytes)
{
  const struct beam_layout *at = &locks->node->layout;
  if (beam_u64(bytes, at->t_btid - at->t_rwlock) != table->btid)
    return false;
  if (table->bucket_count == 0)
    return true;
  return beam_u64(bytes, at->th_locks - at->t_rwlock) == table->buckets &&
         (at->th_nlocks < 0 ||
          beam_u32(bytes, at->th_nlocks - at->t_rwlock) == table->bucket_count);
}

static void look_at_buckets(struct beam_locks *locks, size_t i, const struct reach_piece *piece)
{
  const unsigned char *bytes = piece->bytes;
  for (uint32_t k = 0; k < buckets_of(&locks->plan->tables[i]); k++) {
    size_t offset = k * locks->bucket_bytes + (size_t)locks->bucket_lock;
    look_at_lock(locks, i, piece->address + offset, bytes + offset);
  }
}

/* A leaf that was split or joined is marked invalid before it is freed; what is there afterwards may be anything. */
static void look_at_leaf(struct beam_locks *locks, size_t i, const struct reach_piece *piece)
{
  const struct beam_layout *at = &locks->node->layout;
  const unsigned char *bytes = piece->bytes;
  if (bytes[at->cn_isbase] == 1 && bytes[at->cn_valid] == 1)
    look_at_lock(locks, i, piece->address + (uint64_t)at->cn_lock, bytes + at->cn_lock);
}

static const struct reach_piece *look_at_table(struct beam_locks *locks, size_t i,
                                               const struct reach_piece *piece)
{
  const struct beam_lock_table *table = &locks->plan->tables[i];
  const struct reach_piece *end = piece + 1 + (table->bucket_count > 0 ? 1 : 0) + table->leaf_count;
  locks->seen[i] = 0;
  if (!piece->read || !is_same(locks, table, piece->bytes))
    return end;
  locks->seen[i] = SEEN;
  look_at_lock(locks, i, piece->address, piece->bytes);
  piece++;
  if (table->bucket_count > 0) {
    if (piece->read)
      look_at_buckets(locks, i, piece);
    piece++;
  }
  for (; piece < end; piece++)
    if (piece->read)
      look_at_leaf(locks, i, piece);
  return end;
}

/* ---- an instant: who waits ---- */

/* Schedulers and the locks in question, in this order: a lock that still has the same queue had it while they were
 * read. */
static int read_sleepers(struct beam_locks *locks)
{
  const struct beam_layout *at = &locks->node->layout;
  size_t n = 0;
  for (size_t i = 0; i < locks->sleeper_count; i++) {
    struct sleeper *s = &locks->sleepers[i];
    locks->more[n++] = (struct reach_piece){s->scheduler + (uint64_t)at->sd_cur, s->current,
                                            sizeof s->current, false};
    locks->more[n++] = (struct reach_piece){s->event, s->bytes, sizeof s->bytes, false};
  }
  for (size_t i = 0; i < locks->suspect_count; i++)
    locks->more[n++] =
        (struct reach_piece){locks->suspects[i].lock, locks->suspects[i].again, LOCK_BYTES, false};
  int error = beam_memory_pieces(locks->node->memory, locks->more, n);
  for (size_t i = 0; i < locks->sleeper_count; i++)
    locks->sleepers[i].sampled = locks->more[2 * i].read && locks->more[2 * i + 1].read;
  for (size_t i = 0; i < locks->suspect_count; i++)
    if (!locks->more[2 * locks->sleeper_count + i].read)
      memset(locks->suspects[i].again, 0, LOCK_BYTES);
  return error;
}

/* Follows the queue as far as it leads through schedulers, once around at most. */
static void walk_queue(struct beam_locks *locks, const struct suspect *suspect)
{
  const struct beam_layout *at = &locks->node->layout;
  uint64_t event = suspect->queue;
  if (!(beam_u32(suspect->again, at->lk_flgs) & WORD_WAIT) ||
      beam_u64(suspect->again, at->lk_q) != suspect->queue)
    return;
  for (size_t n = 0; n < locks->sleeper_count; n++) {
    struct sleeper *s = sleeper_of(locks, event);
    if (!s || !s->sampled || s->queued)
      return;
    s->queued = true;
    s->now = (struct beam_lock_waiter){
        .table = locks->plan->tables[suspect->table].key,
        .lock = suspect->lock,
        .writes = (beam_u32(s->bytes, at->tse_uflgs) & WORD_WRITERS_WAIT) != 0,
    };
    locks->seen[suspect->table] |= SEEN_WAITER;
    event = beam_u64(s->bytes, at->tse_next);
    if (event == suspect->queue)
      return;
  }
}

static int read_processes(struct beam_locks *locks)
{
  const struct beam_layout *at = &locks->node->layout;
  size_t n = 0, k = 0;
  for (size_t i = 0; i < locks->sleeper_count; i++) {
    struct sleeper *s = &locks->sleepers[i];
    uint64_t process = beam_u64(s->current, 0);
    if (s->queued && process)
      locks->more[n++] = (struct reach_piece){process, s->process, locks->process_bytes, false};
  }
  int error = beam_memory_pieces(locks->node->memory, locks->more, n);
  for (size_t i = 0; i < locks->sleeper_count && !error; i++) {
    struct sleeper *s = &locks->sleepers[i];
    if (!s->queued || !beam_u64(s->current, 0))
      continue;
    uint64_t pid = beam_u64(s->process, at->p_id);
    if (locks->more[k++].read && beam_is_pid(pid)) {
      s->now.pid = pid;
      s->now.run = beam_u64(s->process, at->p_reds) * UINT64_C(0x9e3779b97f4a7c15) +
                   beam_u32(s->process, at->p_fcalls);
    }
  }
  return error;
}

int beam_locks_look(struct beam_locks *locks)
{
  const struct reach_piece *piece = locks->pieces;
  if (!locks->plan || !locks->pieces)
    return 0;
  int error = beam_memory_pieces(locks->node->memory, locks->pieces, locks->piece_count);
  if (error)
    return error;
  memcpy(locks->seen_before, locks->seen, locks->plan->count);
  locks->suspect_count = 0;
  for (size_t i = 0; i < locks->plan->count; i++)
    piece = look_at_table(locks, i, piece);
  for (size_t i = 0; i < locks->sleeper_count; i++) {
    struct sleeper *s = &locks->sleepers[i];
    s->before = s->now;
    s->now = (struct beam_lock_waiter){0};
    s->queued = false;
  }
  if (locks->suspect_count == 0)
    return 0;
  error = read_sleepers(locks);
  for (size_t i = 0; i < locks->suspect_count && !error; i++)
    walk_queue(locks, &locks->suspects[i]);
  return error ? error : read_processes(locks);
}

/* ---- sums ---- */

static void count_table(struct beam_locks *locks, size_t i, int64_t span_ns)
{
  struct beam_lock_sums *sums = &locks->sums[i];
  unsigned char seen = locks->seen[i];
  if (!(seen & SEEN))
    return;
  sums->read_waiters = sums->write_waiters = 0;
  if (seen & SEEN_HELD)
    sums->held_ns += span_ns;
  if (seen & SEEN_WAIT)
    sums->wait_ns += span_ns;
  /* Whoever it was had gone when the schedulers were read. */
  if ((seen & SEEN_WAIT) && !(seen & SEEN_WAITER) && !(locks->seen_before[i] & SEEN_WAIT))
    sums->contended_count++;
}

static struct beam_lock_sums *sums_of(struct beam_locks *locks, uint64_t key)
{
  size_t low = 0, high = locks->plan->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (locks->sums[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < locks->plan->count && locks->sums[low].key == key ? &locks->sums[low] : NULL;
}

static bool is_same_wait(const struct beam_lock_waiter *a, const struct beam_lock_waiter *b)
{
  return a->pid && a->pid == b->pid && a->lock == b->lock && a->table == b->table &&
         a->run == b->run && a->writes == b->writes;
}

static void count_waiter(struct beam_locks *locks, struct sleeper *s, uint64_t now_ns)
{
  struct beam_lock_sums *sums = sums_of(locks, s->now.table);
  if (!sums)
    return;
  *(s->now.writes ? &sums->write_waiters : &sums->read_waiters) += 1;
  if (is_same_wait(&s->now, &s->before) && s->before.since_ns <= now_ns) {
    s->now.since_ns = s->before.since_ns;
    int64_t waited = (int64_t)(now_ns - s->now.since_ns);
    if (waited > sums->max_wait_ns)
      sums->max_wait_ns = waited;
  } else {
    s->now.since_ns = now_ns;
    sums->contended_count++;
  }
}

void beam_locks_count(struct beam_locks *locks, uint64_t now_ns, uint64_t span_ns)
{
  if (!locks->plan || !locks->pieces)
    return;
  for (size_t i = 0; i < locks->plan->count; i++)
    count_table(locks, i, (int64_t)span_ns);
  locks->waiter_count = 0;
  for (size_t i = 0; i < locks->sleeper_count; i++) {
    struct sleeper *s = &locks->sleepers[i];
    if (s->queued)
      count_waiter(locks, s, now_ns);
    if (s->queued && s->now.pid)
      locks->waiters[locks->waiter_count++] = s->now;
  }
}

const struct beam_lock_sums *beam_locks_sums(const struct beam_locks *locks, size_t *ret_count)
{
  *ret_count = locks->plan ? locks->plan->count : 0;
  return locks->sums;
}

const struct beam_lock_waiter *beam_locks_waiters(const struct beam_locks *locks, size_t *ret_count)
{
  *ret_count = locks->waiter_count;
  return locks->waiters;
}
