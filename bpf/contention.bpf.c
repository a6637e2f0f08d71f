/*
 * contention.bpf.c - exact times of waits for futexes, taken at context switches: a thread of a watched
 * process that leaves its processor asleep in a futex call begins a wait, and ends it when it gets a
 * processor again.
 *
 *    watches  tgid -> {number, lost}      whose threads count
 *    begun    tid -> {word, since}        who sleeps; whoever is killed gets a processor to die, so none stays
 *    sums     {watch, word} -> {...}      what is collected
 *
 * Everything is preallocated: this runs with a run queue locked, where nothing may be allocated.
 *
 * `seed` is walked over a process once, when its watch begins: it makes the watch, and begins the waits that
 * began before. A thread may wake while it is being seeded; so a switch away without a new wait takes away
 * what the thread still has begun, without counting it.
 */
#include <linux/bpf.h>
#include <linux/futex.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/contention_key.h"
#include "bpf/task_clock.h"
#include "bpf/task_types.h"
#include "bpf/wait_queue.h"

char LICENSE[] SEC("license") = "GPL";

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CONTENTION_PROCESSES_MOST);
  __type(key, __u32);
  __type(value, struct contention_watch);
} watches SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CONTENTION_SLEEPERS_MOST);
  __type(key, __u32);
  __type(value, struct contention_begun);
} begun SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CONTENTION_WORDS_MOST);
  __type(key, struct contention_key);
  __type(value, struct contention_sum);
} sums SEC(".maps");

/* Too large for the stack, and only ever copied from. */
static const struct contention_sum NOTHING;

struct contention_seed seeding;

/* Is the thread in a futex call that waits? */
static __always_inline bool futex_wait(struct task_struct *task, __u64 *ret_word,
                                       struct contention_call *ret_call)
{
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 operation = (__u32)regs->PROCESSOR_REG_ARG1, command = operation & FUTEX_CMD_MASK;

  if ((int)regs->PROCESSOR_REG_CALL != PROCESSOR_CALL_FUTEX)
    return false;
  if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI &&
      command != FUTEX_LOCK_PI2 && command != FUTEX_WAIT_REQUEUE_PI)
    return false;
  *ret_word = regs->PROCESSOR_REG_ARG0;
  *ret_call = (struct contention_call){operation, (__u32)regs->PROCESSOR_REG_ARG2,
                                       regs->PROCESSOR_REG_ARG3};
  return true;
}

static __always_inline struct contention_sum *sum_of(const struct contention_key *key)
{
  struct contention_sum *sum = bpf_map_lookup_elem(&sums, key);

  if (sum)
    return sum;
  (void)bpf_map_update_elem(&sums, key, &NOTHING, BPF_NOEXIST); /* another may have made it */
  return bpf_map_lookup_elem(&sums, key);
}

static __always_inline void begin(struct task_struct *task, struct contention_watch *watch,
                                  __u64 since_ns, __u64 now_ns)
{
  struct contention_begun sleep = {.since_ns = since_ns, .watch = watch->number};
  struct contention_key key = {.watch = watch->number};
  struct contention_call call;
  struct contention_sum *sum;
  __u32 tid = (__u32)task->pid;

  if (!futex_wait(task, &sleep.word, &call))
    return;
  key.word = sleep.word;
  sum = sum_of(&key);
  if (sum) {
    sum->call = call;
    sleep.queued = wait_queue_change(&sum->queue, &sum->some_ns, true, now_ns);
    if (bpf_map_update_elem(&begun, &tid, &sleep, BPF_NOEXIST) == 0)
      return;
    if (sleep.queued)
      (void)wait_queue_change(&sum->queue, &sum->some_ns, false, now_ns);
  }
  (void)__sync_fetch_and_add(&watch->lost, 1);
}

/* Position of the highest bit, at most that of the last bucket. */
static __always_inline __u32 bucket(__u64 ns)
{
  __u32 rest = ns >> CONTENTION_HISTOGRAM ? ~0u : (__u32)ns, bit = 0;

#pragma unroll
  for (__u32 step = CONTENTION_HISTOGRAM / 2; step > 0; step /= 2)
    if (rest >> step) {
      rest >>= step;
      bit += step;
    }
  return bit & (CONTENTION_HISTOGRAM - 1);
}

static __always_inline void add(struct contention_sum *sum, __u64 waited_ns)
{
  (void)__sync_fetch_and_add(&sum->count, 1);
  (void)__sync_fetch_and_add(&sum->total_ns, waited_ns);
  (void)__sync_fetch_and_add(&sum->histogram[bucket(waited_ns)], 1);
  if (waited_ns > sum->max_ns) /* two at once: the smaller may win, by less than what both waited */
    sum->max_ns = waited_ns;
}

static __always_inline void end(struct task_struct *task, struct contention_watch *watch,
                                bool counts, __u64 now_ns)
{
  __u32 tid = (__u32)task->pid;
  struct contention_begun *found = bpf_map_lookup_elem(&begun, &tid), sleep;
  struct contention_key key = {};
  struct contention_sum *sum;

  if (!found)
    return;
  sleep = *found;
  (void)bpf_map_delete_elem(&begun, &tid);
  if (sleep.watch != watch->number)
    return; /* of an earlier one */
  key.word = sleep.word;
  key.watch = sleep.watch;
  sum = bpf_map_lookup_elem(&sums, &key);
  if (!sum)
    return;
  if (sleep.queued)
    (void)wait_queue_change(&sum->queue, &sum->some_ns, false, now_ns);
  if (counts && now_ns > sleep.since_ns)
    add(sum, now_ns - sleep.since_ns);
}

static __always_inline struct contention_watch *watch_of(struct task_struct *task)
{
  __u32 tgid = (__u32)task->tgid;

  return bpf_map_lookup_elem(&watches, &tgid);
}

static __always_inline void leaves(struct task_struct *task, bool sleeps)
{
  struct contention_watch *watch = watch_of(task);
  __u64 now_ns;

  if (!watch)
    return;
  now_ns = bpf_ktime_get_ns();
  end(task, watch, false, now_ns); /* only a seed that came too late is still there */
  if (sleeps && !(task->flags & TASK_FLAG_EXITING))
    begin(task, watch, now_ns, now_ns);
}

static __always_inline void enters(struct task_struct *task)
{
  struct contention_watch *watch = watch_of(task);

  if (watch)
    end(task, watch, true, bpf_ktime_get_ns());
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempted, struct task_struct *from, struct task_struct *to,
             unsigned state)
{
  (void)ctx;
  leaves(from, !preempted && state & TASK_STATE_ASLEEP);
  enters(to);
  return 0;
}

/* Gives the tgid of the process when it made the watch. */
SEC("iter/task")
int seed(struct bpf_iter__task *ctx)
{
  struct task_struct *task = ctx->task;
  struct contention_watch fresh = {.number = seeding.watch}, *watch;
  __u64 now_ns = bpf_ktime_get_ns(), since_ns;
  __u32 tgid;

  if (!task || task->exit_state)
    return 0;
  tgid = (__u32)task->tgid;
  if (bpf_map_update_elem(&watches, &tgid, &fresh, BPF_NOEXIST) == 0) {
    seeding.clock_ns = task_clock_ns();
    (void)bpf_seq_write(ctx->meta->seq, &tgid, sizeof(tgid)); /* the first bytes: there is room */
  }
  watch = bpf_map_lookup_elem(&watches, &tgid);
  if (!watch || watch->number != seeding.watch || !task_is_asleep(task) ||
      task->flags & (TASK_FLAG_EXITING | TASK_FLAG_INNER))
    return 0;
  since_ns = task_asleep_since(task) + (__u64)seeding.clock_ns;
  begin(task, watch, since_ns < now_ns ? since_ns : now_ns, now_ns);
  return 0;
}
