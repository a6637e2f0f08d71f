/*
 * hook_record.h - what hook.bpf.c keeps in its maps and what it is told of sites, for both sides and for
 * whoever uses hook.h. The shapes are those of the shared memory of hooked programs, as
 * probe/hook/region.h has them and probe/hook/told.c asserts; what they mean is not known here.
 */
#ifndef IMPASSE_BPF_HOOK_RECORD_H
#define IMPASSE_BPF_HOOK_RECORD_H

#include <linux/types.h>

enum {
  HOOK_SITES_MOST = 8192,
  HOOK_SLOTS_MOST = 65536, /* seen of one program */
  HOOK_WORDS = 8,          /* of 8 bytes in a line */
  HOOK_LINES = 9,          /* of a slot: hot, cold, box, wait 0 to 3, held, text */
  HOOK_REGION_SLOTS = 65536,
  HOOK_REGIONS = 256,
  HOOK_CLASSES = 4096,
  HOOK_CLASS_READY = 2,
  HOOK_HEAD_BYTES = 336, /* of a region's header, what is ever written */
  HOOK_HOT_OFFSET = 270336,
  HOOK_CLASSES_OFFSET = 8192,
  HOOK_STRIDE = 65537 * 64, /* from a line of a slot to its next */
};
#define HOOK_MAGIC 0x3045535341504d49ULL

enum hook_line { HOOK_HOT, HOOK_COLD, HOOK_BOX, HOOK_WAIT, HOOK_HELD = HOOK_WAIT + 4, HOOK_TEXT };
enum hook_kind { HOOK_SERVICE = 4, HOOK_PROMISE = 5, HOOK_TABLE = 7, HOOK_LIST = 8 };

struct hook_hot {
  __u32 generation, sequence;
  __u64 run, taken, runs, calls, memory;
  __u32 number, function;
  __u8 kind, wait_mask, waits_unseen, held_mask;
  __u32 reserved;
};

/* A copy of it is whole where `ended` equals `begun`: it is taken from the front to the back, and who
 * changes it counts in `begun` first and in `ended` last. */
struct hook_slot {
  __u64 ended;
  __u64 lines[HOOK_LINES][HOOK_WORDS]; /* [enum hook_line] */
  __u64 begun;
};

struct hook_region {
  __u64 base; /* where the target maps it; 0 none of its slots was seen */
  __u64 head[HOOK_HEAD_BYTES / 8];
};

struct hook_class {
  __u32 state, length;
  __u64 text[HOOK_WORDS - 1];
};

/* Where a site keeps the address of a slot's hot line. Offsets of registers are those in struct
 * pt_regs. */
enum hook_place {
  HOOK_NOWHERE,
  HOOK_CONSTANT, /* `offset` */
  HOOK_REGISTER, /* the register and `offset` */
  HOOK_MEMORY,   /* what lies at the address register + index * scale + offset */
  HOOK_PLACES
};
struct hook_argument {
  __u8 place; /* enum hook_place */
  __u8 scale; /* of the index, 0 none */
  __u16 register_offset, index_offset;
  __u16 unused;
  __s64 offset;
};

enum { HOOK_ARGUMENTS = 2 };
struct hook_site {
  __u64 offset; /* in its file */
  __u32 file;   /* number of it among those of the order */
  __u32 unused;
  struct hook_argument slots[HOOK_ARGUMENTS];
};

struct hook_totals {
  __u64 hits;    /* that began */
  __u64 done;    /* that have copied all: where both are the same, nothing is being copied */
  __u64 lost;    /* slots that found no room */
  __u64 unread;  /* hits whose slot could not be read, or is none */
  __u64 hurried; /* hits whose slot changed faster than it was copied */
};

#endif
