/*
 * senders.c - see senders.h. The function is erts_send_message(sender, receiver, locks, message)
 * (erts/emulator/beam/erl_message.h, OTP 24 to 27): every send of a process of this node to another
 * comes by, but for messages of timers, ports and other nodes.
 */
#include "probe/beam/exact/senders.h"

#include <errno.h>

#include "probe/beam/exact/exact_burst.h"
#include "probe/beam/exact/exact_text.h"
#include "probe/beam/term.h"

enum { BURST_MS = 300, SENDERS_WHO_BYTES = 320 };

/* Every sender is a process: else this is not the function that we know. */
static bool plausible(const struct burst_counts *counts)
{
  for (size_t i = 0; i < counts->count; i++)
    if (!beam_is_pid(counts->list[i].key.who))
      return false;
  return true;
}

static bool still_there(const struct beam_node *node, const struct beam_proc *proc)
{
  uint64_t word;
  return beam_memory_word(node->memory, proc->address + (uint64_t)node->layout.p_id, &word) == 0 &&
         word == proc->word;
}

static void write_totals(const struct beam_node *node, struct beam_atoms *atoms,
                         const struct beam_proc *proc, const struct burst_counts *counts,
                         unsigned hit_ns, FILE *text)
{
  char who[SENDERS_WHO_BYTES];
  struct print_text name;
  double seconds = (double)counts->duration_ns / 1e9;
  print_text_init(&name, who, sizeof who);
  exact_text_who(node, atoms, proc->word, &name);
  (void)print_text_end(&name);
  (void)fprintf(text, "%s: %llu messages in %.0f ms (%.0f/s)", who,
                (unsigned long long)counts->matched, seconds * 1e3,
                seconds > 0 ? (double)counts->matched / seconds : 0);
  exact_text_cost(counts, hit_ns, "sends", text);
  if (counts->matched == 0)
    (void)fputs(
        "nobody of this node sent to it (messages of timers, ports and other nodes are not seen)\n",
        text);
}

static int write_answer(const struct beam_node *node, struct beam_atoms *atoms,
                        const struct beam_proc *proc, const struct burst_counts *counts,
                        unsigned hit_ns, FILE *text)
{
  if (!plausible(counts)) {
    (void)fputs("erts_send_message of this emulator takes other arguments than those known of OTP "
                "24 to 27\n",
                text);
    return -ENOTSUP;
  }
  write_totals(node, atoms, proc, counts, hit_ns, text);
  if (!still_there(node, proc))
    (void)fputs("the process ended meanwhile\n", text);
  return exact_text_counts(node, atoms, counts, "messages", text);
}

int beam_senders_write(const struct beam_node *node, struct beam_atoms *atoms,
                       const struct reach_target *target, const struct beam_proc *proc, FILE *text)
{
  struct burst burst = {
      .at = BURST_AT_SEND,
      .receiver = proc->address,
      .pid_offset = (uint32_t)node->layout.p_id,
      .most_ms = BURST_MS,
  };
  struct burst_counts counts;
  unsigned hit_ns;
  int error = beam_exact_burst(target, "erts_send_message", &burst, &counts, &hit_ns, text);
  if (error)
    return error;
  error = write_answer(node, atoms, proc, &counts, hit_ns, text);
  burst_counts_done(&counts);
  return error;
}
