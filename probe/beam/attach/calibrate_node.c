/*
 * calibrate_node.c - what is true of an emulator as a whole: its atoms, schedulers, tables, code and name. See
 * calibrate.h; the words complete the sentence "refused: ...".
 */
#include "probe/beam/attach/calibrate_inner.h"

#include <string.h>

#include "probe/beam/attach/scan.h"
#include "probe/beam/term.h"

enum {
  WORD = 8,
  HEAD_MOST = 1024,
  ATOM_BYTES = 64,
  SCHEDULERS_CHECKED = 64,
  TABLES_CHECKED = 32,
  MODULES_CHECKED = 16,
  FUNCTIONS_MOST = 1 << 20,
  KEYPOS_MOST = 1 << 24,
  IMAGE_MOST = 64 << 20, /* of the executable, from its load address */
};

static const enum calibrate_answer ANSWER[] = {CALIBRATE_FAILS, CALIBRATE_HOLDS};

static bool word_at(const struct calibrate *c, uint64_t address, int64_t offset, uint64_t *ret_word)
{
  return scan_is_pointer(address, 1) &&
         beam_memory_word(c->node->memory, address + (uint64_t)offset, ret_word) == 0;
}

static bool half_at(const struct calibrate *c, uint64_t address, int64_t offset, uint32_t *ret_half)
{
  return scan_is_pointer(address, 1) &&
         beam_memory_read(c->node->memory, address + (uint64_t)offset, ret_half,
                          sizeof *ret_half) == 0;
}

/* ---- atoms -------------------------------------------------------------------------------------------------------- */

/* The text of an atom is where a pointer leads, or in a binary term: then this gives its first byte. */
static bool find_text(const struct calibrate *c, uint64_t atom, uint64_t *ret_text)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t term;
  if (layout->atom_name >= 0)
    return word_at(c, atom, layout->atom_name, ret_text);
  if (layout->atom_u < 0 || !word_at(c, atom, layout->atom_u, &term) || !beam_is_boxed(term))
    return false;
  *ret_text = beam_pointer(term) + (uint64_t)layout->hb_data;
  return true;
}

static bool is_atom(const struct calibrate *c, uint64_t index, const char *text)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t pages, page, atom, place;
  uint32_t own, length;
  char bytes[16];
  size_t wanted = strlen(text);
  return word_at(c, c->node->atom_table, layout->it_seg, &pages) && word_at(c, pages, 0, &page) &&
         word_at(c, page, (int64_t)index * WORD, &atom) &&
         half_at(c, atom, layout->atom_ix, &own) && own == index &&
         half_at(c, atom, layout->atom_len, &length) && (length & 0xffff) == wanted &&
         find_text(c, atom, &place) && scan_is_pointer(place, 1) &&
         beam_memory_read(c->node->memory, place, bytes, wanted) == 0 &&
         memcmp(bytes, text, wanted) == 0;
}

/* The emulator's own come first, in an order that no version has changed. */
static enum calibrate_answer check_atoms(const struct calibrate *c)
{
  uint32_t entries;
  return ANSWER[half_at(c, c->node->atom_table, c->node->layout.it_entries, &entries) &&
                entries > 1 && is_atom(c, 0, "false") && is_atom(c, 1, "true")];
}

/* ---- schedulers --------------------------------------------------------------------------------------------------- */

static bool is_run_queue(const struct calibrate *c, uint64_t queue, uint32_t number)
{
  const struct beam_layout *layout = &c->node->layout;
  uint32_t index, length;
  return half_at(c, queue, layout->rq_ix, &index) && index == number &&
         half_at(c, queue, layout->rq_len, &length) && length <= c->node->processes.most;
}

/* What it runs is a process, and what it sleeps on can be found. */
static bool is_at_work(const struct calibrate *c, uint64_t scheduler)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t current, pid, info, event;
  return word_at(c, scheduler, layout->sd_cur, &current) &&
         (current == 0 || (word_at(c, current, layout->p_id, &pid) &&
                           (beam_is_pid(pid) || beam_is_atom(pid) || pid == BEAM_NIL))) &&
         word_at(c, scheduler, layout->sd_ssi, &info) && scan_is_pointer(info, WORD) &&
         word_at(c, info, layout->ssi_event, &event) && scan_is_pointer(event, WORD);
}

static enum calibrate_answer check_schedulers(const struct calibrate *c)
{
  const struct beam_node *node = c->node;
  for (uint32_t i = 0; i < node->scheduler_count && i < SCHEDULERS_CHECKED; i++) {
    uint64_t scheduler = node->schedulers + i * node->scheduler_stride, queue;
    if (!word_at(c, scheduler, node->layout.sd_runq, &queue) || !is_run_queue(c, queue, i) ||
        !is_at_work(c, scheduler))
      return CALIBRATE_FAILS;
  }
  return CALIBRATE_HOLDS;
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

static bool is_table(const struct calibrate *c, const unsigned char *bytes)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t methods = beam_u64(bytes, layout->t_meth);
  uint32_t keypos = beam_u32(bytes, layout->t_keypos);
  uint64_t fixing = beam_u64(bytes, layout->t_fixing), heir = beam_u64(bytes, layout->t_heir);
  return beam_is_pid(beam_u64(bytes, layout->t_owner)) &&
         beam_is_atom(beam_u64(bytes, layout->t_name)) &&
         scan_is_pointer(beam_u64(bytes, layout->t_btid), WORD) && methods > c->node->base &&
         methods - c->node->base < IMAGE_MOST && keypos > 0 && keypos < KEYPOS_MOST &&
         (fixing == 0 || scan_is_pointer(fixing, WORD)) &&
         (beam_is_pid(heir) || beam_is_atom(heir)) && bytes[layout->t_ctr + layout->fc_dec] <= 1 &&
         beam_u32(bytes, layout->t_type) != 0;
}

/* Bytes of a table that is_table looks at; 0 where the layout makes no sense. */
static size_t table_head(const struct beam_layout *layout)
{
  const int32_t offsets[] = {layout->t_meth,
                             layout->t_keypos,
                             layout->t_fixing,
                             layout->t_heir,
                             layout->t_ctr + layout->fc_dec,
                             layout->t_type,
                             layout->t_owner,
                             layout->t_name,
                             layout->t_btid,
                             layout->t_all_next};
  int32_t end = 0;
  for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
    if (offsets[i] < 0)
      return 0;
    if (offsets[i] > end)
      end = offsets[i];
  }
  return end + WORD <= HEAD_MOST ? (size_t)end + WORD : 0;
}

/* Does the next one in the list know it still? */
static bool is_listed(const struct calibrate *c, const unsigned char *bytes, uint64_t table)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t back;
  return word_at(c, beam_u64(bytes, layout->t_all_next), layout->t_all_prev, &back) &&
         back == table;
}

static enum calibrate_answer check_tables(const struct calibrate *c)
{
  const struct beam_node *node = c->node;
  unsigned char bytes[HEAD_MOST];
  size_t size = table_head(&node->layout), seen = 0, right = 0;
  for (uint32_t i = 0; size && i < node->scheduler_count && i < SCHEDULERS_CHECKED; i++) {
    uint64_t first, table;
    if (!word_at(c, node->schedulers + i * node->scheduler_stride, node->ets_list_offset, &first))
      return CALIBRATE_FAILS;
    table = first;
    for (uint32_t steps = 0; table && steps < TABLES_CHECKED && seen < TABLES_CHECKED; steps++) {
      if (beam_memory_read(node->memory, table, bytes, size) != 0 || !is_listed(c, bytes, table))
        break; /* it was deleted meanwhile */
      seen++;
      right += is_table(c, bytes);
      table = beam_u64(bytes, node->layout.t_all_next);
      if (table == first)
        break;
    }
  }
  return seen == 0 ? CALIBRATE_SILENT : ANSWER[right * 10 >= seen * 9];
}

/* ---- code --------------------------------------------------------------------------------------------------------- */

/* Function `number` of the module whose code begins at `header`: its module's name. */
static bool read_function(const struct calibrate *c, const uint64_t range[2], uint64_t number,
                          uint64_t *ret_module)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t info, words[3];
  if (!word_at(c, range[0], layout->ch_funs + (int64_t)number * WORD, &info) || info <= range[0] ||
      info >= range[1] ||
      beam_memory_read(c->node->memory, info + (uint64_t)layout->ci_mfa, words, sizeof words) != 0)
    return false;
  *ret_module = words[0];
  return beam_is_atom(words[0]) && beam_is_atom(words[1]) && words[2] <= 255;
}

static enum calibrate_answer check_code(const struct calibrate *c)
{
  const struct beam_layout *layout = &c->node->layout;
  size_t step = c->code_count / MODULES_CHECKED + 1, seen = 0, right = 0;
  for (size_t i = 0; i < c->code_count; i += step, seen++) {
    uint64_t count, first, last;
    right += word_at(c, c->code[2 * i], layout->ch_nfun, &count) && count > 0 &&
             count <= FUNCTIONS_MOST && read_function(c, c->code + 2 * i, 0, &first) &&
             read_function(c, c->code + 2 * i, count - 1, &last) && first == last;
  }
  return seen == 0 ? CALIBRATE_SILENT : ANSWER[right * 10 >= seen * 9];
}

/* ---- its own name ------------------------------------------------------------------------------------------------- */

static enum calibrate_answer check_this_node(const struct calibrate *c)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t name, connection, same;
  if (!c->node->this_node)
    return CALIBRATE_SILENT;
  return ANSWER[word_at(c, c->node->this_node, layout->n_sysname, &name) && beam_is_atom(name) &&
                word_at(c, c->node->this_node, layout->n_dist, &connection) &&
                word_at(c, connection, layout->de_sysname, &same) && same == name];
}

const struct calibrate_node_invariant CALIBRATE_NODE_INVARIANTS[] = {
    {"atoms", "its first atoms are not those of every emulator", check_atoms, true},
    {"run-queues", "a run queue does not know its number, or a scheduler what it sleeps on",
     check_schedulers, true},
    {"tables", "an ETS table has no owner, name, reference or methods", check_tables, true},
    {"functions", "the functions of a module are not where they should be", check_code, true},
    {"node-name", "the node and its connection record have different names", check_this_node,
     false},
};
const size_t CALIBRATE_NODE_INVARIANT_COUNT =
    sizeof CALIBRATE_NODE_INVARIANTS / sizeof *CALIBRATE_NODE_INVARIANTS;
