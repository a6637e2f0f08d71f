/*
 * test_mailbox.h - a process of a test's node by the pid that the node printed, and the messages in its mailbox, one
 * by one. Used by tests only; plain loops, no bounds: the node is our own.
 */
#ifndef IMPASSE_PROBE_BEAM_TEST_MAILBOX_H
#define IMPASSE_PROBE_BEAM_TEST_MAILBOX_H

#include "probe/beam/mailbox/print.h"
#include "probe/beam/proc.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"

enum { TEST_MAILBOX_MOST = 256 };

struct test_mailbox {
  struct print print;
  struct beam_atoms *atoms;
  size_t count;
  uint64_t terms[TEST_MAILBOX_MOST];
};

static inline uint64_t test_word(const struct test_node *node, uint64_t address)
{
  uint64_t word = 0;
  if (beam_memory_word(node->node.memory, address, &word) != 0)
    test_node_fail("cannot read a word");
  return word;
}

/* The process that `pid` ("<0.90.0>") names, which must live. */
static inline struct beam_proc test_proc(const struct test_node *node, const char *pid)
{
  struct beam_pid wanted, is;
  struct beam_proc_facts facts;
  char bytes[4096];
  if (sscanf(pid, "<0.%u.%u>", &wanted.number, &wanted.serial) != 2)
    test_node_fail("not a pid: %s", pid);
  for (uint32_t slot = 0; slot < node->node.processes.most; slot++) {
    uint64_t at = test_word(node, node->node.processes.slots + 8 * (uint64_t)slot);
    if (!at ||
        beam_memory_read(node->node.memory, at, bytes, (size_t)node->node.layout.sz_process) != 0)
      continue;
    if (beam_proc_decode(&node->node, bytes, (struct beam_proc_place){at, slot}, &facts) !=
        BEAM_PROC_READ)
      continue;
    is = beam_node_pid(&node->node, facts.proc.word);
    if (is.number == wanted.number && is.serial == wanted.serial)
      return facts.proc;
  }
  test_node_fail("no process %s", pid);
}

static inline void test_mailbox_list(struct test_mailbox *box, const struct test_node *node,
                                     uint64_t first)
{
  const struct beam_layout *l = &node->node.layout;
  for (uint64_t at = first; at && box->count < TEST_MAILBOX_MOST;
       at = test_word(node, at + (uint64_t)l->m_next)) {
    uint64_t term = test_word(node, at + (uint64_t)l->m_term);
    if (beam_header_kind(term) != BEAM_EXTERNAL_PID)
      box->terms[box->count++] = term;
  }
}

static inline struct test_mailbox *test_mailbox_open(struct test_node *node, const char *pid)
{
  const struct beam_layout *l = &node->node.layout;
  struct test_mailbox *box = calloc(1, sizeof *box);
  uint64_t at = test_proc(node, pid).address;
  if (!box || !(box->atoms = beam_atoms_new(&node->node)))
    test_node_fail("no memory");
  box->print =
      (struct print){&node->node, box->atoms, print_memory_new(node->node.memory, (size_t)1 << 24)};
  test_mailbox_list(box, node, test_word(node, at + (uint64_t)(l->p_sigqs + l->q_first)));
  test_mailbox_list(box, node, test_word(node, at + (uint64_t)(l->p_sigqs + l->q_cont)));
  test_mailbox_list(box, node, test_word(node, at + (uint64_t)(l->p_siginq + l->iq_first)));
  return box;
}

static inline void test_mailbox_close(struct test_mailbox *box)
{
  print_memory_free(box->print.memory);
  beam_atoms_free(box->atoms);
  free(box);
}

#endif
