/*
 * proof.h - circles of calls: which of their links nobody but the callee can end. Such a link is `exclusive`; a circle of
 * nothing else is a proven deadlock, and needs no seconds of watching.
 *
 * A call ends when somebody sends an answer, and an answer needs the reference of the call. So a link is exclusive when
 * the reference is with nobody but the caller and the callee:
 *
 *   linked   the caller starts the callee and waits for its first word, which has the callee's pid and which nobody else
 *            has a reason to send.
 *   unread   the request lies in the callee's mailbox: nobody has taken the reference out of it.
 *   alone    the callee has taken it, and it might have given it to a helper that will answer (a deferred reply). What
 *            stands on the callee's stack tells nothing of that. All writable memory of the node is searched for the
 *            numbers of the reference, as they lie in heaps and as they are encoded; a link is alone when each place lies
 *            in the memory of the caller, the callee, or the monitor between them. The node runs meanwhile, and terms
 *            move: the search goes upwards and then downwards, so that what moves would have to pass it twice. A node
 *            that talks to others may have sent the reference to one of them: there, no link is alone.
 *
 * Any other place spoils it, and there are two kinds of those:
 *
 *   third    a process that is not exiting, and that does not wait in one of the circles itself, holds the reference: it
 *            lies in its memory and can be reached from its stack, registers, dictionary or mailbox, or the process runs.
 *            Whoever can answer may answer, so the circle is none: the link is open, which frees it in the graph. A copy
 *            that its process cannot reach any more (it has logged the request, or called first) is garbage and no third:
 *            it spoils the proof, not the deadlock.
 *   shared   everything else: garbage, freed memory, an ETS table, an encoded copy, a process too large to be looked
 *            through. The link is not exclusive, the circle only confirmed.
 *
 * A verdict is kept for as long as the caller waits with the same reference and the callee with the same one of its own:
 * a callee that has not left its wait has executed none of its code, so it cannot have given the reference away since.
 * For the same reason a search may go on over several readings. A third may end or give the reference on, and garbage is
 * overwritten: those two are searched for again, after 5 readings, then 10 ... 1280.
 *
 * The search takes BEAM_PROOF_BYTES a reading, and nodes with more than BEAM_PROOF_MEMORY are not searched at all.
 * A circle is confirmed when it has lasted two seconds: of nodes that the search is not through with by then the alert may
 * come first and be taken back. Memory that was never touched is read as zeros; that costs the node page tables, a 512th
 * of it.
 *
 * Not here: whether a circle is a deadlock (the model), waits with several holders, of other nodes, or with a timeout,
 * which is never proven.
 */
#ifndef IMPASSE_PROBE_BEAM_PROOF_H
#define IMPASSE_PROBE_BEAM_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/proc.h"
#include "probe/beam/wait/monitor.h"

enum {
  BEAM_PROOF_BYTES = 32 << 20,
  BEAM_PROOF_LINKS = 1024, /* of all circles; further ones are not exclusive */
};

#define BEAM_PROOF_MEMORY (UINT64_C(8) << 30)

/* A process that waits for one other of the same node, without a timeout, in a function that sends its reference to
 * nobody but the callee. */
struct beam_proof_link {
  const struct beam_proc *waiter;
  uint64_t holder; /* key */
  struct beam_reference reference;
  uint64_t monitor; /* address of its node */
  bool sure;        /* in: it is exclusive, whoever has what reference */
  bool exclusive;   /* out */
  bool open;        /* out: another process holds the reference and may answer */
};

struct beam_proof;

struct beam_proof *beam_proof_new(const struct beam_node *node); /* NULL without memory */
void beam_proof_free(struct beam_proof *proof);

/* Finds the circles among all links of a reading and sets `exclusive` where it is proven, `open` where there is a third.
 * `alone`: the node is known to talk to no other. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_proof_judge(struct beam_proof *proof, struct beam_proof_link *links, size_t count,
                     bool alone);

/* Did the last judgement search memory? That costs much, and ends. */
bool beam_proof_searches(const struct beam_proof *proof);

#endif
