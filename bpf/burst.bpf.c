/*
 * burst.bpf.c - counts Erlang terms by shape at a function of a node: messages by sender at
 * erts_send_message(sender, receiver, locks, message), reasons at erts_do_exit_process(process,
 * reason). Signatures: erts/emulator/beam/erl_message.h and erl_process.h, the same in OTP 24 to 27.
 *
 * Each hit counts, whether it is of the receiver that was asked for or not: what the target pays is
 * for the hit. After `most_hits` nothing is read any more; detaching is the loader's (burst.c).
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/burst_key.h"
#include "bpf/call_registers.h"

char LICENSE[] SEC("license") = "GPL";

enum { KEYS_MOST = 4096, THREADS_MOST = 4096 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, KEYS_MOST);
  __type(key, struct burst_key);
  __type(value, __u64);
} counts SEC(".maps");

struct { /* thread -> who sent last in it */
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, THREADS_MOST);
  __type(key, __u32);
  __type(value, __u64);
} last_sender SEC(".maps");

const volatile __u64 receiver;   /* address of its struct process */
const volatile __u32 pid_offset; /* of the pid's word in a struct process */
const volatile __u64 most_hits;  /* then nothing more is counted */
struct burst_totals totals;

static __always_inline __u64 word_at(__u64 address)
{
  __u64 word = 0;

  if (bpf_probe_read_user(&word, sizeof(word), (const void *)address) != 0)
    return 0; /* what is not there has the slot 0 */
  return word;
}

static __always_inline bool is_tuple(__u64 slot)
{
  return (slot & 0xff) == BURST_TUPLE;
}

static __always_inline __u64 slot_of(__u64 term)
{
  __u64 header;

  switch (term & 3) {
  case 1:
    return 1;
  case 2:
    header = word_at(term & ~3ULL);
    if ((header & 0x3f) == 0) /* an arity value: a tuple */
      return (header >> 6) << BURST_KIND_BITS | BURST_TUPLE;
    return (header & 0x3f) << BURST_KIND_BITS | BURST_BOX;
  case 3:
    if ((term & 0xf) != 0xb)
      return term & 0xf;
    return (term & 0x3f) == 0x0b ? term : term & 0x3f;
  default:
    return 0;
  }
}

static __always_inline void shape_of(__u64 term, struct burst_key *key)
{
  __u64 tuple = term & ~3ULL, element;

  key->top = slot_of(term);
  if (!is_tuple(key->top))
    return;
#pragma unroll
  for (int i = 0; i < BURST_ELEMENTS; i++) {
    if ((key->top >> BURST_KIND_BITS) <= (__u64)i)
      break;
    element = word_at(tuple + 8 * (__u64)(i + 1));
    key->element[i] = slot_of(element);
    if (is_tuple(key->element[i]) && key->element[i] >> BURST_KIND_BITS > 0)
      key->inner[i] = slot_of(word_at((element & ~3ULL) + 8));
  }
}

/* Counts a hit; false above the budget. */
static __always_inline bool hit(void)
{
  __u64 before = __sync_fetch_and_add(&totals.hits, 1);

  if (before == 0)
    totals.first_ns = bpf_ktime_get_ns();
  if (before + 1 == most_hits)
    totals.full_ns = bpf_ktime_get_ns();
  return before < most_hits;
}

static __always_inline void count(const struct burst_key *key)
{
  __u64 one = 1, *value;

  (void)__sync_fetch_and_add(&totals.matched, 1);
  value = bpf_map_lookup_elem(&counts, key);
  if (!value && bpf_map_update_elem(&counts, key, &one, BPF_NOEXIST) == 0)
    return;
  if (!value) /* another processor made it, or there is no room */
    value = bpf_map_lookup_elem(&counts, key);
  if (value)
    (void)__sync_fetch_and_add(value, 1);
  else
    (void)__sync_fetch_and_add(&totals.uncounted, 1);
}

static __always_inline void count_turn(__u64 who)
{
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  __u64 *last = bpf_map_lookup_elem(&last_sender, &tid);

  if (last && *last == who)
    return;
  if (last)
    *last = who;
  else
    (void)bpf_map_update_elem(&last_sender, &tid, &who, BPF_ANY); /* no room: a turn each time */
  (void)__sync_fetch_and_add(&totals.turns, 1);
}

SEC("uprobe")
int count_send(struct pt_regs *ctx)
{
  struct burst_key key = {};

  if (!hit() || (__u64)PT_REGS_PARM2(ctx) != receiver)
    return 0;
  key.who = word_at((__u64)PT_REGS_PARM1(ctx) + pid_offset);
  count_turn(key.who);
  shape_of((__u64)PT_REGS_PARM4(ctx), &key);
  count(&key);
  return 0;
}

SEC("uprobe")
int count_exit(struct pt_regs *ctx)
{
  struct burst_key key = {};

  if (!hit())
    return 0;
  shape_of((__u64)PT_REGS_PARM2(ctx), &key);
  count(&key);
  return 0;
}
