/*
 * attach.c - see attach.h. Which layout: that of the version; where there is none, those of the nearest versions in
 * turn, until one is found to fit (calibrate.h).
 */
#include "probe/beam/attach/attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "probe/beam/attach/attach_inner.h"
#include "probe/beam/attach/calibrate.h"
#include "probe/beam/attach/elf_file.h"
#include "probe/beam/attach/release.h"
#include "probe/beam/attach/scan.h"
#include "probe/reach/reach.h"

enum {
  DATA_MOST = 64 << 20, /* writable data of the executable */
  NAMES_MOST = 16,
  OTP_FIRST = 24, /* older ones have no layout, and nothing near */
  NEIGHBOURS = 3, /* versions on either side whose layouts are tried */
  LAYOUTS_MOST = 2 * NEIGHBOURS,
  ATTEMPTS = 3, /* of reading a node that is changing fast */
  LIST_ATTEMPTS =
      16, /* of reading the newest table of a node that makes and deletes tables without end */
  /* for so long, what is not there yet may still come: what nothing can be read without, on a slow machine */
  BOOT_SECONDS = 30,
  SETTLE_SECONDS = 5, /* and what a node is of use without */
};

/* What is at hand while a node is attached. */
struct attach {
  struct reach_target *target;
  struct beam_node *node;
  char *reason;
  int exe; /* descriptor of the executable, -1 */
  struct elf_file file;
  struct scan_area area;
  unsigned char *bytes;   /* of the area */
  struct beam_node plain; /* as it was before a layout was tried */
};

/* ---- words -------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(struct attach *attach, int error,
                                                        const char *words, ...)
{
  va_list args;
  va_start(args, words);
  (void)vsnprintf(attach->reason, SOURCE_REASON_BYTES, words, args); /* cut where it is too long */
  va_end(args);
  return error;
}

/* What kept us from reading, in words. */
static int refuse_read(struct attach *attach, int error)
{
  reach_explain(reach_pid(attach->target), error, attach->reason, SOURCE_REASON_BYTES);
  return error;
}

/* The versions that there are layouts of: "24, 25, 27". */
static const char *known_versions(char *text, size_t room)
{
  size_t length = 0;
  text[0] = '\0';
  for (int otp = OTP_FIRST; otp < OTP_FIRST + 64 && length < room; otp++)
    if (beam_layout_for(otp))
      length += (size_t)snprintf(text + length, room - length, "%s%d", length ? ", " : "", otp);
  return text;
}

/* Is the node so young that it may still be booting? */
static bool is_young(const struct reach_target *target, unsigned seconds)
{
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail for this clock */
  uint64_t second = (uint64_t)sysconf(_SC_CLK_TCK);
  return reach_start_ticks(target) / second + seconds >= (uint64_t)now.tv_sec;
}

/* -EPROTO where it is wrong for good, -EAGAIN where time may heal it. */
static int refuse_invariant(struct attach *attach, int error, const char *words,
                            const char *invariant)
{
  char known[64];
  const struct beam_node *node = attach->node;
  if (is_young(attach->target, BOOT_SECONDS))
    error = -EAGAIN;
  if (error == -EAGAIN)
    return refuse(attach, error, "not yet, the node is booting: %s (invariant %s)", words,
                  invariant);
  return refuse(attach, error,
                "refused: %s (invariant %s); impasse knows OTP %s, this node is %d (erts %s)",
                words, invariant, known_versions(known, sizeof known), node->otp, node->erts);
}

/* ---- the executable ----------------------------------------------------------------------------------------------- */

static int read_release(struct attach *attach)
{
  struct release release;
  int error = reach_exe_open(attach->target, &attach->exe);
  if (error)
    return refuse_read(attach, error);
  error = elf_file_init(&attach->file, attach->exe);
  if (!error)
    error = release_find(&attach->file, &release);
  if (error)
    return refuse(attach, -ENOTSUP, "not an Erlang emulator for x86-64");
  attach->node->otp = release.otp;
  memcpy(attach->node->erts, release.erts, sizeof release.erts);
  error = attach_base(attach->target, &attach->file, &attach->node->base);
  if (error == -EPROTO)
    return refuse_invariant(attach, error, "its load address cannot be told", "base");
  return error ? refuse_read(attach, error) : 0;
}

static int read_area(struct attach *attach)
{
  uint64_t address, length;
  if (elf_file_data(&attach->file, &address, &length) != 0 || length > DATA_MOST)
    return refuse_invariant(attach, -EPROTO, "it has no writable data", "data");
  address += attach->node->base;
  uint64_t skipped = -address % sizeof(uint64_t); /* up to the first word */
  if (length <= skipped)
    return refuse_invariant(attach, -EPROTO, "it has no writable data", "data");
  attach->area = (struct scan_area){address + skipped, length - skipped, NULL};
  if (!attach->bytes)
    attach->bytes = malloc(attach->area.length);
  if (!attach->bytes)
    return refuse(attach, -ENOMEM, "out of memory");
  attach->area.bytes = attach->bytes;
  int error = beam_memory_read(attach->node->memory, attach->area.address, attach->bytes,
                               attach->area.length);
  return error ? refuse_read(attach, error) : 0;
}

/* Address of an exported object in the node; 0 hidden. */
static uint64_t symbol(const struct attach *attach, const char *name)
{
  uint64_t address;
  return elf_file_symbol(&attach->file, name, &address) == 0 ? attach->node->base + address : 0;
}

/* The word at an exported object; 0 hidden or unreadable. */
static uint64_t symbol_word(const struct attach *attach, const char *name)
{
  uint64_t address = symbol(attach, name), word;
  return address && beam_memory_word(attach->node->memory, address, &word) == 0 ? word : 0;
}

/* Exported through OTP 27 by most builds; what is hidden stays 0. */
static void find_by_symbols(struct attach *attach)
{
  struct beam_node *node = attach->node;
  node->processes.address = symbol(attach, "erts_proc");
  node->atom_table = symbol(attach, "erts_atom_table");
  node->active_code_index = symbol(attach, "the_active_code_index");
  node->schedulers = symbol_word(attach, "erts_aligned_scheduler_data");
  node->dirty_cpu_schedulers = symbol_word(attach, "erts_aligned_dirty_cpu_scheduler_data");
  node->dirty_io_schedulers = symbol_word(attach, "erts_aligned_dirty_io_scheduler_data");
  node->this_node = symbol_word(attach, "erts_this_node");
  node->dist_table = symbol(attach, "erts_dist_table");
  node->db_hash = symbol(attach, "db_hash");
  node->db_tree = symbol(attach, "db_tree");
  node->db_catree = symbol(attach, "db_catree");
  node->found_by = node->processes.address ? BEAM_BY_SYMBOLS : BEAM_BY_SCAN;
}

/* ---- its structures ----------------------------------------------------------------------------------------------- */

/* Where the name of a table may stand: the end of a longer text serves, too. */
struct names {
  uint64_t base, addresses[NAMES_MOST];
  size_t count;
};

static int add_name(const struct elf_file *file, uint64_t address, void *context)
{
  struct names *names = context;
  (void)file;
  names->addresses[names->count++] = names->base + address;
  return names->count == NAMES_MOST;
}

static int find_atom_table(struct attach *attach)
{
  static const char name[] = "atom_tab";
  struct names names = {.base = attach->node->base};
  if (attach->node->atom_table)
    return 0;
  (void)elf_file_search(&attach->file, name, sizeof name, add_name, &names); /* .count says */
  return scan_atom_table(&attach->area, attach->node, names.addresses, names.count);
}

static int find_process_table(struct attach *attach)
{
  struct beam_node *node = attach->node;
  return node->processes.address ? scan_read_process_table(node)
                                 : scan_process_table(&attach->area, node);
}

static int find_code_ranges(struct attach *attach)
{
  return scan_code_ranges(&attach->area, attach->node);
}

static int find_schedulers(struct attach *attach)
{
  struct beam_node *node = attach->node;
  int error = node->schedulers ? 0 : scan_schedulers(&attach->area, node);
  return error ? error : scan_scheduler_stride(node);
}

static int find_ets_list(struct attach *attach)
{
  int error = -ENOENT;
  for (int i = 0; error == -ENOENT && i < LIST_ATTEMPTS; i++)
    error = scan_ets_list(attach->node);
  return error;
}

static int find_this_node(struct attach *attach)
{
  struct beam_node *node = attach->node;
  return node->this_node ? 0 : scan_this_node(&attach->area, node);
}

static int find_dist_table(struct attach *attach)
{
  static const char name[] = "dist_table";
  struct names names = {.base = attach->node->base};
  if (attach->node->dist_table)
    return 0;
  (void)elf_file_search(&attach->file, name, sizeof name, add_name, &names); /* .count says */
  return scan_dist_table(&attach->area, attach->node, names.addresses, names.count);
}

static int find_persistent_terms(struct attach *attach)
{
  return scan_persistent_terms(&attach->area, attach->node);
}

static const struct step {
  const char *invariant, *words;
  int (*find)(struct attach *attach);
  bool optional; /* without it a node is still of use */
} STEPS[] = {
    {"process-table", "nothing has the shape of a table of processes", find_process_table, false},
    {"atom-table", "nothing has the shape of the table of atoms", find_atom_table, false},
    {"schedulers", "nothing has the shape of its schedulers", find_schedulers, false},
    {"code-ranges", "nothing has the shape of the ranges of loaded code", find_code_ranges, false},
    {"ets-list", "no scheduler has a list of ETS tables", find_ets_list, false},
    {"this-node", "nothing has the shape of its own name", find_this_node, true},
    {"connections", "nothing has the shape of its table of connections", find_dist_table, true},
    {"persistent-terms", "nothing has the shape of its persistent terms", find_persistent_terms,
     true},
};

static int find_all(struct attach *attach)
{
  find_by_symbols(attach);
  for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
    int error = STEPS[i].find(attach);
    if (error == -ENOENT && STEPS[i].optional && !is_young(attach->target, SETTLE_SECONDS))
      continue;
    if (error == -ENOENT)
      return refuse_invariant(attach, -EPROTO, STEPS[i].words, STEPS[i].invariant);
    if (error)
      return refuse_read(attach, error);
  }
  return 0;
}

static int try_layout(struct attach *attach, const struct beam_layout *layout)
{
  struct calibrate_failure failure;
  struct beam_node *node = attach->node;
  *node = attach->plain;
  node->layout = *layout;
  node->calibrated = layout->major != node->otp;
  int error = find_all(attach);
  if (error)
    return error;
  error = calibrate_node(node, &failure);
  if (error == -EPROTO || error == -EAGAIN)
    return refuse_invariant(attach, error, failure.words, failure.invariant);
  return error ? refuse_read(attach, error) : 0;
}

/* The layout of the very version, or those of its neighbours: the older one first, as it has nothing that came later. */
static size_t choose_layouts(int otp, const struct beam_layout *ret_layouts[LAYOUTS_MOST])
{
  size_t count = 0;
  ret_layouts[0] = beam_layout_for(otp);
  if (ret_layouts[0])
    return 1;
  for (int distance = 1; distance <= NEIGHBOURS; distance++)
    for (int sign = -1; sign <= 1; sign += 2) {
      const struct beam_layout *layout = beam_layout_for(otp + sign * distance);
      if (layout)
        ret_layouts[count++] = layout;
    }
  return count;
}

static int try_layouts(struct attach *attach, const struct beam_layout *const *layouts,
                       size_t layout_count)
{
  char known[64];
  int error = refuse(attach, -ENOTSUP, "impasse knows OTP %s, this node is %d (erts %s)",
                     known_versions(known, sizeof known), attach->node->otp, attach->node->erts);
  for (size_t i = 0; i < layout_count && (error == -ENOTSUP || error == -EPROTO); i++)
    error = try_layout(attach, layouts[i]);
  return error;
}

/* A node that loads code or makes tables is torn in what is read of it: it is refused only where it is so again and
 * again. */
static int try_again(struct attach *attach, const struct beam_layout *const *layouts,
                     size_t layout_count)
{
  int error = -EPROTO;
  for (int i = 0; i < ATTEMPTS && (error == -EPROTO || error == -EAGAIN); i++) {
    *attach->node = attach->plain;
    error = read_area(attach);
    if (!error)
      error = try_layouts(attach, layouts, layout_count);
  }
  return error;
}

/* With no layouts given, chooses them. */
static int attach_node(struct attach *attach, const struct beam_layout *const *layouts,
                       size_t layout_count)
{
  const struct beam_layout *chosen[LAYOUTS_MOST];
  int error = read_release(attach);
  if (error)
    return error;
  beam_memory_begin(attach->node->memory);
  attach->plain = *attach->node;
  if (layouts)
    return try_again(attach, layouts, layout_count);
  layout_count = choose_layouts(attach->node->otp, chosen);
  return try_again(attach, chosen, layout_count);
}

int attach_with(struct reach_target *target, struct beam_memory *memory,
                const struct beam_layout *const *layouts, size_t layout_count,
                struct beam_node *ret_node, char reason[SOURCE_REASON_BYTES])
{
  struct beam_node node = {.memory = memory, .ets_list_offset = -1};
  struct attach attach = {.target = target, .node = &node, .reason = reason, .exe = -1};
  int error = attach_node(&attach, layouts, layout_count);
  if (!error) {
    *ret_node = node;
    reason[0] = '\0';
  }
  if (attach.exe >= 0)
    (void)close(attach.exe); /* only read */
  free(attach.bytes);
  return error;
}

int beam_attach(struct reach_target *target, struct beam_memory *memory, struct beam_node *ret_node,
                char reason[SOURCE_REASON_BYTES])
{
  return attach_with(target, memory, NULL, 0, ret_node, reason);
}
