/*
 * exits.c - see exits.h. The function is erts_do_exit_process(process, reason)
 * (erts/emulator/beam/erl_process.h, OTP 24 to 27): each process of the node comes by once, when it
 * begins to end.
 */
#include "probe/beam/exact/exits.h"

#include "probe/beam/exact/exact_burst.h"
#include "probe/beam/exact/exact_text.h"

enum { EXITS_MS = 1000 };

static int write_answer(const struct beam_node *node, struct beam_atoms *atoms,
                        const struct burst_counts *counts, unsigned hit_ns, FILE *text)
{
  double seconds = (double)counts->duration_ns / 1e9;
  (void)fprintf(text, "%llu exits in %.0f ms (%.0f/s)", (unsigned long long)counts->matched,
                seconds * 1e3, seconds > 0 ? (double)counts->matched / seconds : 0);
  exact_text_cost(counts, hit_ns, "exits", text);
  return exact_text_counts(node, atoms, counts, "exits", text);
}

int beam_exits_write(const struct beam_node *node, struct beam_atoms *atoms,
                     const struct reach_target *target, FILE *text)
{
  struct burst burst = {.at = BURST_AT_EXIT, .most_ms = EXITS_MS};
  struct burst_counts counts;
  unsigned hit_ns;
  int error = beam_exact_burst(target, "erts_do_exit_process", &burst, &counts, &hit_ns, text);
  if (error)
    return error;
  error = write_answer(node, atoms, &counts, hit_ns, text);
  burst_counts_done(&counts);
  return error;
}
