/*
 * prober.h - asks the sources about some processes, in a thread of its own: one whose looks do not end (an executable on a
 * file system that does not answer, a page of memory that nobody serves) holds up that thread, and no other look.
 *
 *    prober_start -> prober_wait -+-> all were looked at                     -> prober_free
 *                                 '-> held up by looks[ret_done]: the others -> later, once prober_ended: prober_free;
 *                                     go to a new prober                        or at once: prober_leave
 *
 * Not here: what is made of the answers (sampler.c).
 */
#ifndef IMPASSE_COLLECTOR_PROBER_H
#define IMPASSE_COLLECTOR_PROBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/sources.h"
#include "probe/reach/reach.h"

enum { PROBER_LOOKS_MAX = 16 };

/* What was found out about one process; the prober's thread alone writes it until the look is done. */
struct look {
  pid_t pid;
  struct reach_target *target; /* NULL: it could not be opened ... */
  int error;                   /* ... because of this */
  bool wanted;                 /* by pid or command: whatever a source says */
  bool asked[SOURCES_MAX];     /* sources[i] was, and answered */
  int verdicts[SOURCES_MAX];   /* enum source_verdict or -errno */
  char reasons[SOURCES_MAX][SOURCE_REASON_BYTES];
  uint64_t cost_ns;
};

struct prober;

struct prober_setup {
  /* Which sources are to be asked: fills `wanted` and `asked`. On the prober's thread, the process is open. */
  void (*plan)(void *context, struct look *look);
  void (*ended)(void *context); /* the last thing that its thread does; NULL: nobody is told */
  void *context;                /* lives until prober_free */
};

/* 0, -ENOMEM or -EAGAIN. */
int prober_start(const pid_t *pids, size_t count, const struct prober_setup *setup,
                 struct prober **ret_prober);

/* Returns true when all looks are done, and false when one of them took longer than the patience (50 to 500 us are usual,
 * on a machine that is not busy): then those after it are not begun any more. looks[0 .. *ret_done) are done in both
 * cases. */
bool prober_wait(struct prober *prober, uint64_t patience_ns, size_t *ret_done);

struct look *prober_look(struct prober *prober, size_t i); /* one that is done */
bool prober_ended(struct prober *prober); /* looks[0 .. the one that held it up] are done */

/* Once it has ended, or will (this waits). Closes the targets. NULL is fine. */
void prober_free(struct prober *prober);

/* Instead of it, of one that is held up: all of it goes when its looks end, and nobody is told. */
void prober_leave(struct prober *prober);

#endif
