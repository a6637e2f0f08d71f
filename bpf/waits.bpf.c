/*
 * waits.bpf.c - exact times of waits for locks: one function of the target is where all its threads
 * wait for a lock, and its first argument is the lock. Entry and return are probed, and the times are
 * added up here: by lock, and by lock and who waited.
 *
 *    waiting  thread -> {lock, who, since}          between entry and return
 *    locks    lock -> {queue, some_ns, ...}         queue = since << 12 | waiters, changed as one word, so that the
 *                                                   time with at least one waiter is exact
 *    waiters  {lock, who} -> {count, sum, max}      one thread at a time, so plain stores do
 *    threads  second argument -> address of a pointer to the struct of who runs in that thread; filled in by the
 *                                                   user, so that `who` is an actor and not a thread
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/call_registers.h"
#include "bpf/wait_key.h"
#include "bpf/wait_queue.h"

char LICENSE[] SEC("license") = "GPL";

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH); /* threads that die in a wait leave by themselves */
  __uint(max_entries, 4096);
  __type(key, __u32);
  __type(value, struct wait_begun);
} waiting SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, WAIT_LOCKS_MOST);
  __type(key, __u64);
  __type(value, struct wait_lock);
} locks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, WAIT_WAITERS_MOST);
  __type(key, struct wait_key);
  __type(value, struct wait_sum);
} waiters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, WAIT_THREADS_MOST);
  __type(key, __u64);
  __type(value, __u64);
} threads SEC(".maps");

const volatile __u32 who_offset; /* of the word that identifies who runs, in its struct */
struct wait_totals totals;

static __always_inline __u64 word_at(__u64 address)
{
  __u64 word = 0;

  if (bpf_probe_read_user(&word, sizeof(word), (const void *)address) != 0)
    return 0;
  return word;
}

static __always_inline __u64 who_runs(__u64 thread, __u32 tid)
{
  __u64 *place = bpf_map_lookup_elem(&threads, &thread);
  __u64 runs = place ? word_at(*place) : 0;
  __u64 who = runs ? word_at(runs + who_offset) : 0;

  return who ? who : WAIT_THREAD(tid);
}

static __always_inline void queue_change(struct wait_lock *lock, bool enters, __u64 now_ns)
{
  if (!wait_queue_change(&lock->queue, &lock->some_ns, enters, now_ns))
    (void)__sync_fetch_and_add(&totals.lost, 1);
}

SEC("uprobe")
int wait_begin(struct pt_regs *ctx)
{
  struct wait_begun begun = {.lock = (__u64)PT_REGS_PARM1(ctx), .since_ns = bpf_ktime_get_ns()};
  struct wait_lock none = {}, *lock;
  __u32 tid = (__u32)bpf_get_current_pid_tgid();

  (void)__sync_fetch_and_add(&totals.hits, 1);
  if (!totals.open)
    return 0;
  begun.who = who_runs((__u64)PT_REGS_PARM2(ctx), tid);
  lock = bpf_map_lookup_elem(&locks, &begun.lock);
  if (!lock) {
    (void)bpf_map_update_elem(&locks, &begun.lock, &none,
                              BPF_NOEXIST); /* another may have made it */
    lock = bpf_map_lookup_elem(&locks, &begun.lock);
  }
  if (!lock || bpf_map_update_elem(&waiting, &tid, &begun, BPF_ANY) != 0) {
    (void)__sync_fetch_and_add(&totals.lost, 1);
    return 0;
  }
  queue_change(lock, true, begun.since_ns);
  return 0;
}

static __always_inline void sum_add(const struct wait_begun *begun, __u64 waited_ns)
{
  struct wait_key key = {begun->lock, begun->who};
  struct wait_sum first = {1, waited_ns, waited_ns}, *sum = bpf_map_lookup_elem(&waiters, &key);

  if (sum) {
    sum->count++;
    sum->total_ns += waited_ns;
    if (waited_ns > sum->max_ns)
      sum->max_ns = waited_ns;
  } else if (bpf_map_update_elem(&waiters, &key, &first, BPF_ANY) != 0) {
    (void)__sync_fetch_and_add(&totals.lost, 1);
  }
}

SEC("uretprobe")
int wait_end(struct pt_regs *ctx)
{
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  struct wait_begun *found = bpf_map_lookup_elem(&waiting, &tid), begun;
  struct wait_lock *lock;
  __u64 now_ns = bpf_ktime_get_ns(), waited_ns;

  (void)ctx;
  (void)__sync_fetch_and_add(&totals.hits, 1);
  if (!found)
    return 0; /* it began before the probe */
  begun = *found;
  (void)bpf_map_delete_elem(&waiting, &tid);
  waited_ns = now_ns - begun.since_ns;
  lock = bpf_map_lookup_elem(&locks, &begun.lock);
  if (!lock)
    return 0;
  queue_change(lock, false, now_ns);
  (void)__sync_fetch_and_add(&lock->count, 1);
  (void)__sync_fetch_and_add(&lock->total_ns, waited_ns);
  if (waited_ns >
      lock->max_ns) /* two at once: the smaller may win, by less than what both waited */
    lock->max_ns = waited_ns;
  sum_add(&begun, waited_ns);
  return 0;
}
