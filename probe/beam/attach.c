/* attach.c - see attach.h. */
#include "probe/beam/attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/beam/calibrate.h"
#include "probe/beam/elf_file.h"
#include "probe/beam/release.h"
#include "probe/beam/scan.h"
#include "probe/reach/reach.h"

enum {
  AUXV_BYTES = 4096,
  PAGE = 4096,
  DATA_MOST = 64 << 20, /* writable data of the executable */
  NAMES_MOST = 16,
};

/* What is at hand while a node is attached. */
struct attach {
  struct reach_target *target;
  struct beam_node *node;
  char *reason;
  int exe; /* descriptor of the executable, -1 */
  struct elf_file file;
  struct scan_area area;
  unsigned char *bytes; /* of the area */
};

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

/* "refused: WORDS (invariant NAME)", or for what time may heal "not yet: ...". */
static int refuse_invariant(struct attach *attach, int error, const char *words,
                            const char *invariant)
{
  const struct beam_node *node = attach->node;
  return refuse(attach, error, "%s: %s (invariant %s, Erlang/OTP %d, erts %s)",
                error == -EAGAIN ? "not yet" : "refused", words, invariant, node->otp, node->erts);
}

/* The address at which the kernel put the executable: where it was entered, less where the file says. */
static int find_base(struct attach *attach)
{
  char *bytes = NULL;
  size_t length = 0;
  uint64_t entry = 0;
  int error = reach_file(attach->target, "auxv", AUXV_BYTES, &bytes, &length);
  if (error)
    return refuse_read(attach, error);
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= length; at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t value;
    memcpy(&value, bytes + at, sizeof value);
    if (value.a_type == AT_ENTRY)
      entry = value.a_un.a_val;
  }
  free(bytes);
  attach->node->base = entry - attach->file.entry;
  if (entry == 0 || attach->node->base % PAGE != 0)
    return refuse(attach, -EPROTO, "refused: its load address cannot be told (invariant base)");
  return 0;
}

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
  const struct beam_layout *layout = beam_layout_for(release.otp);
  if (!layout)
    return refuse(attach, -ENOTSUP, "no layout for Erlang/OTP %d", release.otp);
  attach->node->layout = *layout;
  return 0;
}

static int read_area(struct attach *attach)
{
  uint64_t address, length;
  if (elf_file_data(&attach->file, &address, &length) != 0 || length > DATA_MOST)
    return refuse(attach, -EPROTO, "refused: it has no writable data (invariant data)");
  attach->bytes = malloc(length);
  if (!attach->bytes)
    return refuse(attach, -ENOMEM, "out of memory");
  attach->area = (struct scan_area){attach->node->base + address, length, attach->bytes};
  int error = beam_memory_read(attach->node->memory, attach->area.address, attach->bytes, length);
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
  node->db_hash = symbol(attach, "db_hash");
  node->db_tree = symbol(attach, "db_tree");
  node->db_catree = symbol(attach, "db_catree");
  node->found_by = node->processes.address ? BEAM_BY_SYMBOLS : BEAM_BY_SCAN;
}

/* Where the name of the table of atoms may stand: the end of a longer text serves, too. */
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
  (void)elf_file_search(&attach->file, name, sizeof name, add_name,
                        &names); /* counts what it finds */
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
  return scan_ets_list(attach->node);
}

/* What a node has from its first instant on, and what comes while it boots. */
static const struct step {
  const char *invariant, *words;
  int error;
  int (*find)(struct attach *attach);
} STEPS[] = {
    {"process-table", "its table of processes is not where it should be", -EPROTO,
     find_process_table},
    {"atom-table", "its table of atoms is not where it should be", -EPROTO, find_atom_table},
    {"schedulers", "its schedulers are not where they should be", -EPROTO, find_schedulers},
    {"code-ranges", "it has loaded no code yet", -EAGAIN, find_code_ranges},
    {"ets-list", "it has no ETS table yet", -EAGAIN, find_ets_list},
};

static int find_all(struct attach *attach)
{
  struct beam_node *node = attach->node;
  find_by_symbols(attach);
  for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
    int error = STEPS[i].find(attach);
    if (error == -ENOENT)
      return refuse_invariant(attach, STEPS[i].error, STEPS[i].words, STEPS[i].invariant);
    if (error)
      return refuse_read(attach, error);
  }
  /* Without these a node is still of use: they stay 0. */
  if (!node->this_node)
    (void)scan_this_node(&attach->area, node);
  (void)scan_persistent_terms(&attach->area, node);
  return 0;
}

static int calibrate(struct attach *attach)
{
  struct calibrate_failure failure;
  int error = calibrate_node(attach->node, &failure);
  if (error == -EPROTO || error == -EAGAIN)
    return refuse_invariant(attach, error, failure.words, failure.invariant);
  if (error)
    return refuse_read(attach, error);
  return 0;
}

int beam_attach(struct reach_target *target, struct beam_memory *memory, struct beam_node *ret_node,
                char reason[SOURCE_REASON_BYTES])
{
  struct beam_node node = {.memory = memory, .ets_list_offset = -1};
  struct attach attach = {.target = target, .node = &node, .reason = reason, .exe = -1};
  int error = read_release(&attach);
  if (!error)
    error = find_base(&attach);
  if (!error)
    error = read_area(&attach);
  if (error)
    goto out;
  error = find_all(&attach);
  if (!error)
    error = calibrate(&attach);
  if (!error)
    *ret_node = node;
out:
  if (attach.exe >= 0)
    (void)close(attach.exe); /* only read */
  free(attach.bytes);
  return error;
}

int beam_attach_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES])
{
  struct elf_file file;
  struct release release;
  int fd;
  int verdict = SOURCE_NOT_MINE;
  int error = reach_exe_open(target, &fd);
  if (error) {
    reach_explain(reach_pid(target), error, reason, SOURCE_REASON_BYTES);
    return error;
  }
  if (elf_file_init(&file, fd) == 0 && release_is_possible(&file) &&
      release_find(&file, &release) == 0)
    verdict = SOURCE_MINE;
  (void)close(fd); /* only read */
  return verdict;
}
