/*
 * source.h - what a source is: foreign bytes in, struct sweep out, for one runtime.
 *
 * To add one: probe/NAME/source.c with `const struct source source_NAME`, and one row in
 * collector/sources.c.
 *
 * Threads: one worker thread per open target calls sweep, round, ask and close of a session, never
 * two at once. `probe` may be called from another thread at any time and must be cheap. A source
 * reads only through reach.h; it never writes to, stops or blocks a target, never prints, and
 * validates every byte that it read.
 */
#ifndef IMPASSE_PROBE_SOURCE_H
#define IMPASSE_PROBE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/feed.h"
#include "model/sweep.h"

struct reach_target; /* probe/reach/reach.h */

enum { SOURCE_REASON_BYTES = 256 };

/* What `probe` answers; -errno where it could not tell. */
enum source_verdict {
  SOURCE_NOT_MINE,
  SOURCE_MINE,
  /* by all that everybody may see of it it is one (its command line); but reading it is refused: it
   * gets a row of its own as `unreadable`, with the reason and the remedy */
  SOURCE_MINE_UNREADABLE,
};

struct source {
  const char *name;    /* "hook": column targets.runtime */
  enum source_tag tag; /* top byte of its actors' keys */
  const char *help;    /* one sentence for `doctor` and the manual */
  /* What is to be said of a process that is none of its: "is no Erlang node". NULL: nothing. */
  const char *otherwise;

  /* Processor time that one target may cost, in permille of a core; 0 = the default of cadence.h. */
  unsigned budget_permille;

  /* Its actors are all that runs in the target, and the threads below them mean nothing to who asks. */
  bool whole;
  /* It reads what lies below the actors of others: not where a source that is `whole` reads. */
  bool beneath;

  /* Its targets name themselves (an Erlang node), so a wish like `--target rabbit@host` can only be
   * judged once they are read. */
  bool names_itself;

  /* Is this process one of mine? enum source_verdict, or -errno (with the reason and the remedy in
   * words). */
  int (*probe)(struct reach_target *target, char reason[SOURCE_REASON_BYTES]);

  /* Attach. The target outlives the session. On failure -errno and the reason in words that name
   * the check that failed and what to do; -EAGAIN where it is only too early (it is just starting): it
   * is tried again sooner than after other failures. */
  int (*open)(struct reach_target *target, void **ret_session, char reason[SOURCE_REASON_BYTES]);

  /* One full read. Always gives a sweep when it returns 0, of kind FULL or FAILED (target stopped,
   * gone, torn: with target.state and target.reason). -ENOMEM gives none. The caller has the
   * process facts (cpu, rss, uid, ...) filled in by process_fill(). */
  int (*sweep)(void *session, struct sweep **ret_sweep);

  /* Between two full sweeps of a target that is too large to be read at each tick: gives a sweep of
   * kind PART with the hot actors and the facts of the target. NULL: the source has none. */
  int (*part)(void *session, struct sweep **ret_sweep);

  /* Re-reads only what the last sweep or round saw blocked. Gives a sweep of kind ROUND (perhaps
   * with no rows). */
  int (*round)(void *session, struct sweep **ret_sweep);

  /* Attaches (or detaches) probes that count exactly what sweeps can only sample (--exact). They cost
   * the target something: `reason` says what and how much, or on failure why not. NULL: the source
   * has no probes. They detach by themselves above their budget; sweeps then tell so in a gap. */
  int (*exact)(void *session, bool on, char reason[SOURCE_REASON_BYTES]);

  /* One question about one actor (0: about the whole target); on success a malloc'ed text, one item a
   * line. -EOPNOTSUPP where it cannot know. Other failures may give a malloc'ed text as well, which
   * says why and what to do. */
  int (*ask)(void *session, uint64_t actor, enum feed_question question, char **ret_text);

  void (*close)(void *session);
};

#endif
