/* exact_burst.c - see exact_burst.h. */
#include "probe/beam/exact/exact_burst.h"

#include <errno.h>

#include "bpf/ladder.h"
#include "probe/beam/exact/exact_site.h"
#include "probe/reach/reach.h"

int beam_exact_burst(const struct reach_target *target, const char *function, struct burst *burst,
                     struct burst_counts *ret_counts, unsigned *ret_hit_ns, FILE *text)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct beam_exact_site at;
  int error = beam_exact_site_function(target, function, &at, reason);
  if (error)
    goto out;
  burst->site = at.site;
  burst->pidfd = reach_pidfd(target);
  burst->most_hits = EXACT_BURST_HITS_MOST * (uint64_t)SITE_HIT_NS / at.hit_ns;
  error = burst_run(burst, ret_counts, reason, sizeof reason);
  if (!error && ret_counts->end == BURST_END_GONE) {
    burst_counts_done(ret_counts);
    error = -ESRCH;
    ladder_explain(error, reason, sizeof reason);
  }
  *ret_hit_ns = at.hit_ns;
  beam_exact_site_done(&at);
out:
  if (error)
    (void)fprintf(text, "%s\n", reason);
  return error;
}
