/*
 * tasks.bpf.c - the kernel's iterator over tasks writes a struct task_record of each thread of a process
 * that still lives. It runs in whoever reads, and may sleep: the target's pages are brought in like those
 * of a process_vm_readv.
 *
 *    asleep? -> registers -> bytes around the futex word -> still asleep, and not run meanwhile?
 *
 * If it did run the record says so and nothing else: an owner that was read belongs to the wait that was
 * seen, or is not told.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/task_clock.h"
#include "bpf/task_record.h"
#include "bpf/task_types.h"

char LICENSE[] SEC("license") = "GPL";

enum { PIECE = 4, PIECES = TASK_LOCK_BYTES / PIECE, NS_PER_S = 1000000000, WISH_STEPS = 10 };
_Static_assert(TASK_WISH_MOST < 1 << WISH_STEPS, "a search ends");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TASK_READERS_MOST);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct task_wish);
} wishes SEC(".maps");

/* Of the only process that is read, in the pid namespace of who reads; 0: whatever the link walks over. */
const volatile __u32 only_tgid;

static __always_inline bool number_at(struct pid *pid, unsigned level, struct upid *ret_number)
{
  return level <= PID_LEVELS_MOST &&
         bpf_probe_read_kernel(ret_number, sizeof(*ret_number), &pid->numbers[0] + level) == 0;
}

/* The number of a task in the pid namespace of who reads, where that has the number `reader`, `level` deep;
 * 0: it is not in there. */
static __always_inline __u32 number_here(struct task_struct *task, const struct upid *reader,
                                         unsigned level)
{
  struct pid *pid = task->thread_pid;
  struct upid number;

  if (!pid || pid->level < level || !number_at(pid, level, &number) || number.ns != reader->ns)
    return 0;
  return (__u32)number.nr;
}

static __always_inline __u32 number_inside(struct task_struct *task)
{
  struct pid *pid = task->thread_pid;
  struct upid number;

  return pid && number_at(pid, pid->level, &number) ? (__u32)number.nr : 0;
}

static __always_inline bool is_wanted(__u32 reader, __u32 tid)
{
  struct task_wish *wish = bpf_map_lookup_elem(&wishes, &reader);
  __u32 low = 0, high;

  if (!wish)
    return true;
  high = wish->count;
  for (int i = 0; i < WISH_STEPS && low < high; i++) {
    __u32 middle = (low + high) / 2;

    if (middle >= TASK_WISH_MOST || wish->tid[middle] == tid)
      return true;
    if (wish->tid[middle] < tid)
      low = middle + 1;
    else
      high = middle;
  }
  return false;
}

static __always_inline __u64 nanoseconds(const struct timespec64 *time)
{
  return (__u64)time->tv_sec * NS_PER_S + (__u64)time->tv_nsec;
}

/* Adds what the time namespace of who reads has its clocks set off by. */
static __always_inline void to_our_time(struct task_record *record)
{
  struct nsproxy *proxy = bpf_get_current_task_btf()->nsproxy;

  if (!proxy || !bpf_core_field_exists(proxy->time_ns))
    return;
  record->start_ns += nanoseconds(&proxy->time_ns->offsets.boottime);
  record->clock_ns += (__s64)nanoseconds(&proxy->time_ns->offsets.monotonic);
}

static __always_inline __u64 switches(struct task_struct *task)
{
  return (__u64)task->nvcsw + task->nivcsw;
}

static __always_inline void read_registers(struct task_struct *task, struct task_record *record)
{
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

  record->call = (__s64)regs->PROCESSOR_REG_CALL;
  record->arguments[0] = regs->PROCESSOR_REG_ARG0;
  record->arguments[1] = regs->PROCESSOR_REG_ARG1;
  record->arguments[2] = regs->PROCESSOR_REG_ARG2;
  record->arguments[3] = regs->PROCESSOR_REG_ARG3;
  record->arguments[4] = regs->PROCESSOR_REG_ARG4;
  record->arguments[5] = regs->PROCESSOR_REG_ARG5;
  record->sp = regs->PROCESSOR_REG_SP;
  record->pc = regs->PROCESSOR_REG_PC;
  record->frame = regs->PROCESSOR_REG_FRAME;
}

/* All at once, or, where a part of it is not mapped, in pieces of which none crosses a page. */
static __always_inline void read_lock(struct task_struct *task, struct task_record *record)
{
  __u64 from = record->arguments[0] - TASK_WORD;

  if (bpf_copy_from_user_task(record->lock, sizeof(record->lock), (const void *)from, task, 0) ==
      0) {
    record->lock_read = 1;
    return;
  }
#pragma unroll
  for (int i = 0; i < PIECES; i++) {
    bool read = bpf_copy_from_user_task(&record->lock[i * PIECE], PIECE,
                                        (const void *)(from + (__u64)i * PIECE), task, 0) == 0;
    if (i == TASK_WORD / PIECE)
      record->lock_read = read;
  }
}

static __always_inline void read_sleeper(struct task_struct *task, struct task_record *record)
{
  record->activity = TASK_SLEEPS;
  record->since_ns = task_asleep_since(task);
  if (task->flags & TASK_FLAG_INNER)
    return; /* what lies where others have registers is none */
  read_registers(task, record);
  if (record->call < 0)
    return;
  record->activity = TASK_CALLS;
  if (record->call == PROCESSOR_CALL_FUTEX)
    read_lock(task, record);
}

/* Everything that is known of a thread whether it sleeps or not. */
static __always_inline void read_identity(struct task_struct *task, struct task_record *record)
{
  record->tid_inside = number_inside(task);
  record->start_ns = task->start_boottime;
  record->run_count = switches(task);
  record->clock_ns = task_clock_ns();
  to_our_time(record);
  (void)bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), task->comm);
}

SEC("iter.s/task")
int walk(struct bpf_iter__task *ctx)
{
  struct task_struct *task = ctx->task;
  struct pid *own = bpf_get_current_task_btf()->thread_pid;
  struct task_record record = {.call = -1, .activity = TASK_RUNS};
  struct upid reader;

  if (!task || task->exit_state || task->__state & TASK_STATE_DEAD ||
      !number_at(own, own->level, &reader))
    return 0;
  record.tid = number_here(task, &reader, own->level);
  if (record.tid == 0 || !is_wanted((__u32)reader.nr, record.tid))
    return 0;
  record.tgid = number_here(task->group_leader, &reader, own->level);
  if (only_tgid && record.tgid != only_tgid)
    return 0;
  read_identity(task, &record);
  if (task_is_asleep(task))
    read_sleeper(task, &record);
  if (record.activity != TASK_RUNS && (!task_is_asleep(task) || switches(task) != record.run_count))
    record.activity = TASK_RUNS;
  (void)bpf_seq_write(ctx->meta->seq, &record, sizeof(record)); /* where full it is asked again */
  return 0;
}
