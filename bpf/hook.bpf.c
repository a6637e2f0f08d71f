/*
 * hook.bpf.c - copies of what a hooked program publishes of itself, taken where it changes: each USDT site
 * of libimpasse hands over the address of the slot that has just changed, and the slot's lines are
 * copied from there, in the very thread that changed it. State, not events: a hit that was missed is
 * made good by the next one of the same slot.
 *
 *    specs    site -> where it keeps the address of its slots, filled in by the loader
 *    slots    number of a slot -> its lines
 *    regions  number of a region -> where it is, its header
 *    classes  number of a name class -> its text
 *
 * Two threads may copy the same slot at once, and the one with the older copy may be the last to
 * write. So whoever has written looks again: when the slot is not any more as it was written, it is
 * copied once more. Of two changes the later one's copy therefore stands, or a later one's still.
 * (Without this an ended wait might seem open for ever.)
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "bpf/hook_record.h"
#include "probe/processor/processor.h"

char LICENSE[] SEC("license") = "GPL";

enum { TRIES = 8, WAITS = 4, REGISTER_MOST = PROCESSOR_REGS_BYTES - 8 };

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, HOOK_SITES_MOST);
  __type(key, __u32);
  __type(value, struct hook_site);
} specs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, HOOK_SLOTS_MOST);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct hook_slot);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, HOOK_REGIONS);
  __type(key, __u32);
  __type(value, struct hook_region);
} regions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, HOOK_CLASSES);
  __type(key, __u32);
  __type(value, struct hook_class);
} classes SEC(".maps");

const volatile struct hook_slot none; /* what a new slot is made of */
struct hook_totals totals;

static __always_inline void add(__u64 *counter)
{
  (void)__sync_fetch_and_add(counter, 1);
}

static __always_inline bool copy(void *to, __u32 bytes, __u64 from)
{
  return bpf_probe_read_user(to, bytes, (const void *)from) == 0;
}

static __always_inline bool copy_line(struct hook_slot *slot, enum hook_line line, __u64 hot)
{
  return copy(slot->lines[line], sizeof(slot->lines[line]), hot + (__u64)line * HOOK_STRIDE);
}

/* ---- where things are ---- */

/* The region of a slot that says to be number `number`, if its hot line is where that one's is. The
 * first slot that is seen of a region tells where the region is. */
static __always_inline struct hook_region *region_of(__u64 hot, __u32 number)
{
  __u32 chain = number / HOOK_REGION_SLOTS;
  __u64 base = hot - HOOK_HOT_OFFSET - (__u64)(number % HOOK_REGION_SLOTS) * 8 * HOOK_WORDS;
  struct hook_region *region = bpf_map_lookup_elem(&regions, &chain);

  if (!region || region->base == base)
    return region;
  if (region->base != 0 || !copy(region->head, sizeof(region->head), base) ||
      region->head[0] != HOOK_MAGIC)
    return NULL;
  region->base = base;
  return region;
}

/* No slot but a region's header: the library has stopped. */
static __always_inline int take_head(__u64 at, const __u64 *head)
{
  __u32 chain = (__u32)(head[3] >> 32);
  struct hook_region *region = bpf_map_lookup_elem(&regions, &chain);

  if (region && (region->base == 0 || region->base == at) &&
      copy(region->head, sizeof(region->head), at))
    region->base = at;
  return 0;
}

static __noinline int take_class(__u32 id)
{
  __u32 first = 0, index = id - 1;
  struct hook_region *region = bpf_map_lookup_elem(&regions, &first);
  struct hook_class *class = bpf_map_lookup_elem(&classes, &index);

  if (region && region->base && class && class->state != HOOK_CLASS_READY)
    (void)copy(class, sizeof(*class), region->base + HOOK_CLASSES_OFFSET + index * sizeof(*class));
  return 0;
}

/* ---- one slot ---- */

static __always_inline struct hook_slot *slot_of(__u32 number)
{
  struct hook_slot *slot = bpf_map_lookup_elem(&slots, &number);

  if (slot)
    return slot;
  /* Another thread may have made it. */
  (void)bpf_map_update_elem(&slots, &number, (const void *)&none, BPF_NOEXIST);
  return bpf_map_lookup_elem(&slots, &number);
}

/* Lines WAIT to HELD: of a service or list, which keeps references there, all; of a table its sums; of
 * others those that are in use. */
static __always_inline bool copy_waits(struct hook_slot *slot, const struct hook_hot *hot, __u64 at)
{
  bool list = hot->kind == HOOK_SERVICE || hot->kind == HOOK_LIST, fine = true;
  __u32 mask = list ? 0x1f : hot->kind == HOOK_TABLE ? 1 : hot->wait_mask & 0x0f;

  if (hot->held_mask)
    mask |= 1 << WAITS;
#pragma unroll
  for (int i = 0; i <= WAITS; i++)
    if (mask >> i & 1)
      fine &= copy_line(slot, HOOK_WAIT + i, at);
  return fine;
}

static __always_inline void copy_names(const struct hook_slot *slot, const struct hook_hot *hot)
{
  __u32 name_class = (__u32)slot->lines[HOOK_COLD][5];

  if (name_class)
    (void)take_class(name_class);
  if (hot->function)
    (void)take_class(hot->function);
#pragma unroll
  for (int i = 0; i < WAITS; i++)
    if (hot->wait_mask >> i & 1 && (__u32)slot->lines[HOOK_WAIT + i][3])
      (void)take_class((__u32)slot->lines[HOOK_WAIT + i][3]);
}

/* Whether memory is still as it was copied: of the hot line all, of the box the messages put. */
static __always_inline bool unchanged(const struct hook_slot *slot, const struct hook_hot *hot,
                                      __u64 at)
{
  const __u64 *was = (const __u64 *)hot;
  __u64 is[HOOK_WORDS], put, changed = 0;

  if (!copy(is, sizeof(is), at) || !copy(&put, sizeof(put), at + HOOK_BOX * HOOK_STRIDE + 8))
    return true; /* nothing more to be had */
#pragma unroll
  for (int i = 0; i < HOOK_WORDS; i++)
    changed |= was[i] ^ is[i];
  return !changed && put == slot->lines[HOOK_BOX][1];
}

/* What the slot is, before the hot line: who reads it then knows the rest to be of the same. */
static __always_inline bool copy_identity(struct hook_slot *slot, const struct hook_hot *hot,
                                          struct hook_region *region, __u64 at)
{
  const struct hook_hot *old = (const struct hook_hot *)slot->lines[HOOK_HOT];
  bool fine = true;

  if (old->generation != hot->generation) {
    fine = copy_line(slot, HOOK_COLD, at) && copy_line(slot, HOOK_TEXT, at);
    (void)copy(region->head, sizeof(region->head), region->base);
  } else if (hot->kind == HOOK_PROMISE || hot->kind == HOOK_SERVICE || hot->kind == HOOK_LIST) {
    fine = copy_line(slot, HOOK_COLD, at);
  }
  return fine;
}

static __always_inline bool copy_slot(struct hook_slot *slot, struct hook_region *region, __u64 at)
{
  struct hook_hot hot;

  for (int i = 0; i < TRIES; i++) {
    if (!copy(&hot, sizeof(hot), at) || !copy_identity(slot, &hot, region, at) ||
        !copy_line(slot, HOOK_BOX, at) || !copy_waits(slot, &hot, at))
      return false;
    __builtin_memcpy(slot->lines[HOOK_HOT], &hot, sizeof(hot));
    copy_names(slot, &hot);
    if (unchanged(slot, &hot, at))
      return true;
  }
  return false;
}

static __noinline int take_slot(__u64 at)
{
  struct hook_hot hot;
  struct hook_region *region;
  struct hook_slot *slot;

  if (at == 0)
    return 0; /* an unknown holder */
  if (!copy(&hot, sizeof(hot), at)) {
    add(&totals.unread);
    return 0;
  }
  if (*(const __u64 *)&hot == HOOK_MAGIC)
    return take_head(at, (const __u64 *)&hot);
  region = region_of(at, hot.number);
  if (!region) {
    add(&totals.unread);
    return 0;
  }
  slot = slot_of(hot.number);
  if (!slot) {
    add(&totals.lost);
    return 0;
  }
  add(&slot->begun);
  if (!copy_slot(slot, region, at))
    add(&totals.hurried);
  add(&slot->ended);
  return 0;
}

/* ---- sites ---- */

static __always_inline __u64 register_at(struct pt_regs *ctx, __u16 offset)
{
  __u64 value = 0;

  if (offset <= REGISTER_MOST)
    (void)bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + offset);
  return value;
}

static __noinline __u64 argument(struct pt_regs *ctx, const struct hook_argument *argument)
{
  __u64 value = (__u64)argument->offset;

  if (argument->place == HOOK_REGISTER || argument->place == HOOK_MEMORY)
    value += register_at(ctx, argument->register_offset);
  if (argument->place == HOOK_MEMORY) {
    if (argument->scale)
      value += register_at(ctx, argument->index_offset) * argument->scale;
    if (!copy(&value, sizeof(value), value))
      return 0;
  }
  return argument->place == HOOK_NOWHERE ? 0 : value;
}

SEC("uprobe")
int at_site(struct pt_regs *ctx)
{
  __u32 index = (__u32)bpf_get_attach_cookie(ctx);
  const struct hook_site *site = bpf_map_lookup_elem(&specs, &index);

  add(&totals.hits);
  if (site)
    (void)take_slot(argument(ctx, &site->slots[0]));
  if (site && site->slots[1].place != HOOK_NOWHERE)
    (void)take_slot(argument(ctx, &site->slots[1]));
  add(&totals.done);
  return 0;
}
