/*
 * source.c - the source `hook`: programs that link libimpasse. It attaches to a target's regions,
 * sweeps them, and tells apart how a target ended.
 *
 *    what is seen                                what is told
 *    pidfd alive, region mapped                  rows
 *    pidfd alive, region not mapped any more     unreadable: exec'd into NAME
 *    pidfd alive, region marked closed           unreadable: stopped publishing, or exits
 *    pidfd dead, region marked closed            gone: exited in order
 *    pidfd dead, region not marked               gone: crashed or killed (crashed = true)
 * After death one last sweep is made from the mapping that we keep: the kernel frees the memory
 * only after us. Where the target had closed its descriptor there is no such mapping and nothing
 * more to be read.
 *
 * Where its memory may not be read, but the kernel tells us that it maps a region, it is unreadable
 * until probes are wanted (--exact): then those tell of it (probed.h), and the table above holds with
 * what they have told last.
 *
 * Not here: regions (reader_region.c), slots and rows (reader_sweep.c and its kin).
 */
#include "probe/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/clock.h"
#include "probe/hook/probed.h"
#include "probe/hook/reader.h"
#include "probe/process/process.h"
#include "probe/reach/reach.h"

enum { STAT_BYTES = 4096 };

struct session {
  const struct reach_target *target;
  struct reader reader;
  struct probed *probed;            /* its memory may not be read; else NULL */
  bool last_given;                  /* the sweep after death */
  bool crashed;                     /* how it ended */
  char ending[SOURCE_REASON_BYTES]; /* in words */
  char complaint
      [READER_REASON_BYTES]; /* of a region that was refused; told once. Of one that is probed: why */
  char probe_words[READER_REASON_BYTES];
};

static int source_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES])
{
  int answer = reader_regions_probe(target);
  if ((answer == -EACCES || answer == -EPERM) && probed_find(target) == 1)
    return SOURCE_MINE;
  if (answer < 0)
    reach_explain(reach_pid(target), answer, reason, SOURCE_REASON_BYTES);
  return answer;
}

static int source_open(struct reach_target *target, void **ret_session,
                       char reason[SOURCE_REASON_BYTES])
{
  struct session *session = calloc(1, sizeof *session);
  if (!session)
    return -ENOMEM;
  session->target = target;
  session->reader.target = target;
  session->reader.target_key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  session->reader.same_clock = reader_regions_same_clock(target);
  int error = reader_regions_find(target, &session->reader.regions, session->complaint);
  if ((error == -EACCES || error == -EPERM) && probed_find(target) == 1)
    error = probed_open(target, &session->probed, session->probe_words);
  if (error) {
    memcpy(reason, session->probe_words[0] ? session->probe_words : session->complaint,
           SOURCE_REASON_BYTES);
    reader_done(&session->reader);
    free(session);
    return error;
  }
  *ret_session = session;
  return 0;
}
_Static_assert((int)READER_REASON_BYTES == (int)SOURCE_REASON_BYTES,
               "copied from one to the other");

static void source_close(void *context)
{
  struct session *session = context;
  if (!session)
    return;
  probed_close(session->probed,
               &session->reader.regions); /* they are its own, of reader_done's no more */
  reader_done(&session->reader);
  free(session);
}

/* ---- what became of the target ---- */

static struct reader_region *head(const struct session *session)
{
  return session->reader.regions.chain[0];
}

/* The mark that the library leaves; of a copied region as it was when it was copied last. */
static uint32_t region_state(const struct session *session)
{
  const struct impasse_header *header = (const void *)head(session)->first;
  return __atomic_load_n(&header->state, __ATOMIC_ACQUIRE);
}

/* A sweep of kind FAILED that says why; NULL without memory. */
static struct sweep *failed(const struct session *session, enum target_state state,
                            const char *reason)
{
  static const char runtime[] = "hook";
  struct sweep *sweep = sweep_new(session->reader.target_key, SOURCE_TAG_HOOK, SWEEP_FAILED);
  if (!sweep)
    return NULL;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.runtime = sweep_add_text(sweep, runtime, strlen(runtime));
  sweep->target.state = (uint8_t)state;
  sweep->target.reason = sweep_add_text(sweep, reason, strlen(reason));
  sweep->target.crashed = state == TARGET_GONE && session->crashed;
  sweep->target.lost_count = session->reader.lost_count;
  return sweep;
}

static int give(struct sweep *sweep, struct sweep **ret_sweep)
{
  if (!sweep)
    return -ENOMEM;
  *ret_sweep = sweep;
  return 0;
}

/* The program that the process has become. */
static int give_execed(const struct session *session, struct sweep **ret_sweep)
{
  char *text = NULL, reason[SOURCE_REASON_BYTES];
  struct process_stat stat = {.comm = "another program"};
  if (reach_file(session->target, "stat", STAT_BYTES, &text, NULL) == 0)
    (void)process_parse_stat(text, &stat); /* untouched where it cannot be told */
  free(text);
  (void)snprintf(reason, sizeof reason, "exec'd into %s: what it had published is gone", stat.comm);
  return give(failed(session, TARGET_UNREADABLE, reason), ret_sweep);
}

static int give_closed(const struct session *session, struct sweep **ret_sweep)
{
  return give(failed(session, TARGET_UNREADABLE,
                     "stopped publishing: the program is exiting, or has called impasse_stop"),
              ret_sweep);
}

/* How it ended, once it has. */
static void find_ending(struct session *session)
{
  bool closed = region_state(session) == IMPASSE_REGION_CLOSED;
  uint64_t torn = session->reader.torn_count;
  session->crashed = !closed && !head(session)->copied;
  if (closed)
    (void)snprintf(session->ending, sizeof session->ending, "exited in order");
  else if (head(session)->copied)
    (void)snprintf(session->ending, sizeof session->ending,
                   "ended; how cannot be told, since it had closed the descriptor of its region");
  else if (torn > 0)
    (void)snprintf(session->ending, sizeof session->ending,
                   "crashed or was killed, in the middle of an update of %llu of its actors",
                   (unsigned long long)torn);
  else
    (void)snprintf(session->ending, sizeof session->ending, "crashed or was killed");
}

/* One last look at what it left; after that, only that it is gone. */
static int give_last(struct session *session, struct sweep **ret_sweep)
{
  struct sweep *sweep = NULL;
  bool readable = !head(session)->copied && !session->last_given;
  if (readable) {
    int error = reader_sweep(&session->reader, true, &sweep);
    if (error)
      return error;
  }
  if (!session->last_given)
    find_ending(session);
  session->last_given = true;
  if (!readable)
    return give(failed(session, TARGET_GONE, session->ending), ret_sweep);
  sweep->target.state = TARGET_GONE;
  sweep->target.crashed = session->crashed;
  sweep->target.reason = sweep_add_text(sweep, session->ending, strlen(session->ending));
  *ret_sweep = sweep;
  return 0;
}

/* ---- sweeps ---- */

/* The chain has grown: the new regions are in the maps. */
static void follow_chain(struct session *session)
{
  char words[READER_REASON_BYTES];
  const struct impasse_header *header = (const void *)head(session)->first;
  uint32_t made = __atomic_load_n(&header->region_count, __ATOMIC_ACQUIRE);
  if (made <= session->reader.regions.count || session->reader.regions.count == READER_REGIONS_MOST)
    return;
  /* What cannot be attached now is looked for again in the next sweep. */
  if (reader_regions_find(session->target, &session->reader.regions, words) == 0 && words[0])
    memcpy(session->complaint, words, sizeof words);
}

static void tell_complaint(struct session *session, struct sweep *sweep)
{
  struct sweep_gap *gap = session->complaint[0] ? sweep_add_gap(sweep) : NULL;
  if (!gap)
    return;
  gap->reason = sweep_add_text(sweep, session->complaint, strlen(session->complaint));
  gap->count = VALUE_UNKNOWN;
  session->complaint[0] = '\0';
}

/* ---- sweeps of what probes tell ---- */

/* Nothing is known of it but that, and why. A full sweep all the same: it is read as far as it may be. */
static int give_untold(const struct session *session, const char *words, struct sweep **ret_sweep)
{
  struct sweep *sweep = failed(session, TARGET_UNREADABLE, words);
  if (sweep)
    sweep->kind = SWEEP_FULL;
  return give(sweep, ret_sweep);
}

static int give_unprobed(const struct session *session, struct sweep **ret_sweep)
{
  char words[SOURCE_REASON_BYTES];
  if (probed_state(session->probed) == PROBED_OVER)
    (void)snprintf(words, sizeof words,
                   "probes were taken away: more than %d hits a second would slow it",
                   (int)PROBED_HITS_PER_S);
  else
    (void)snprintf(words, sizeof words, "%.180s; --exact watches it by probes", session->complaint);
  return give_untold(session, words, ret_sweep);
}

static int give_last_told(struct session *session, struct sweep **ret_sweep)
{
  char words[READER_REASON_BYTES];
  bool told = probed_state(session->probed) == PROBED_ON &&
              probed_fill(session->probed, &session->reader.regions, words) == 0;
  if (told || session->last_given)
    return give_last(session, ret_sweep);
  return give(
      failed(session, TARGET_GONE, "ended; how cannot be told, since nothing was read of it"),
      ret_sweep);
}

static int sweep_told(struct session *session, struct sweep **ret_sweep)
{
  char words[READER_REASON_BYTES];
  struct sweep *sweep = NULL;
  if (!reach_alive(session->target))
    return give_last_told(session, ret_sweep);
  if (probed_find(session->target) == 0)
    return reach_alive(session->target) ? give_execed(session, ret_sweep)
                                        : give_last_told(session, ret_sweep);
  if (probed_state(session->probed) != PROBED_ON)
    return give_unprobed(session, ret_sweep);
  int error = probed_fill(session->probed, &session->reader.regions, words);
  if (error == -EPROTO)
    return give_untold(session, words, ret_sweep);
  if (!error && region_state(session) == IMPASSE_REGION_CLOSED)
    return give_closed(session, ret_sweep);
  if (!error)
    error = reader_sweep(&session->reader, false, &sweep);
  if (error)
    return error;
  probed_temper(session->probed, sweep);
  *ret_sweep = sweep;
  return 0;
}

static int round_told(struct session *session, struct sweep **ret_sweep)
{
  char words[READER_REASON_BYTES];
  struct sweep *sweep = NULL;
  int error = probed_state(session->probed) == PROBED_ON
                  ? probed_fill(session->probed, &session->reader.regions, words)
                  : -ENODATA;
  bool current = !error && region_state(session) == IMPASSE_REGION_LIVE;
  if (session->reader.regions.count > 0 && error != -ENOMEM)
    error = reader_round(&session->reader, &sweep);
  else
    sweep = failed(session, TARGET_UNREADABLE, "");
  if (!sweep)
    return error ? error : -ENOMEM;
  sweep->kind = SWEEP_ROUND;
  if (!current || !reach_alive(session->target))
    sweep->actor_count = sweep->wait_count = sweep->holder_count = 0;
  else
    probed_temper(session->probed, sweep);
  *ret_sweep = sweep;
  return 0;
}

static int source_exact(void *context, bool on, char reason[SOURCE_REASON_BYTES])
{
  struct session *session = context;
  if (!session->probed)
    return 0; /* what it publishes is exact: nothing to be done, nothing to be told */
  if (on)
    return probed_attach(session->probed, &session->reader.regions, reason);
  probed_detach(session->probed, &session->reader.regions);
  return 0;
}

static int source_sweep(void *context, struct sweep **ret_sweep)
{
  struct session *session = context;
  struct sweep *sweep = NULL;
  if (session->probed)
    return sweep_told(session, ret_sweep);
  bool held = reader_region_held(session->target, head(session));
  if (!reach_alive(session->target))
    return give_last(session, ret_sweep);
  if (!held)
    return give_execed(session, ret_sweep);
  follow_chain(session);
  int error = reader_sweep(&session->reader, false, &sweep);
  if (error)
    return error;
  bool alive = reach_alive(session->target);
  if (!alive || region_state(session) == IMPASSE_REGION_CLOSED) {
    sweep_free(sweep); /* it ended while we read */
    return alive ? give_closed(session, ret_sweep) : give_last(session, ret_sweep);
  }
  tell_complaint(session, sweep);
  *ret_sweep = sweep;
  return 0;
}

/* Nobody is blocked in what is dead or has become another program: rows of it would look like
 * waits that last. */
static int source_round(void *context, struct sweep **ret_sweep)
{
  struct session *session = context;
  struct sweep *sweep = NULL;
  if (session->probed)
    return round_told(session, ret_sweep);
  bool held = reader_region_held(session->target, head(session));
  int error = reader_round(&session->reader, &sweep);
  if (error)
    return error;
  if (!held || !reach_alive(session->target) || region_state(session) != IMPASSE_REGION_LIVE)
    sweep->actor_count = sweep->wait_count = sweep->holder_count = 0;
  *ret_sweep = sweep;
  return 0;
}

/* ---- questions ---- */

static bool waits_for(const struct sweep *sweep, const struct sweep_wait *wait, uint64_t actor)
{
  for (uint32_t i = 0; i < wait->holder_count; i++)
    if (sweep->holders[wait->holder_first + i].actor == actor)
      return true;
  return false;
}

static const char *waiter_name(const struct sweep *sweep, uint64_t waiter)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep->actors[i].key == waiter)
      return sweep_text(sweep, sweep->actors[i].name);
  return NULL;
}

/* Who waits for the actor now, one a line, as "name via kind for N ms". */
static int write_senders(const struct sweep *sweep, uint64_t actor, FILE *text)
{
  const struct column *via = &relation_info(RELATION_WAITS)->columns[WAITS_VIA];
  for (size_t i = 0; i < sweep->wait_count; i++) {
    const struct sweep_wait *wait = &sweep->waits[i];
    if (!waits_for(sweep, wait, actor))
      continue;
    const char *name = waiter_name(sweep, wait->waiter);
    int written = fprintf(text, "%s via %s", name ? name : "?", via->values[wait->via]);
    if (written > 0 && wait->since_ns && wait->since_ns <= sweep->end_ns)
      written = fprintf(text, " for %llu ms",
                        (unsigned long long)((sweep->end_ns - wait->since_ns) / 1000000));
    if (written < 0 || fputc('\n', text) == EOF)
      return -ENOMEM;
  }
  return 0;
}

static int source_ask(void *context, uint64_t actor, enum feed_question question, char **ret_text)
{
  struct session *session = context;
  struct sweep *sweep = NULL;
  char *text = NULL;
  size_t length;
  if (question != FEED_SENDERS)
    return -EOPNOTSUPP; /* the library keeps neither messages nor stacks */
  if (session->reader.regions.count == 0)
    return -ENODATA; /* nothing is told of it */
  int error = reader_glance(&session->reader, &sweep);
  if (error)
    return error;
  FILE *stream = open_memstream(&text, &length);
  error = stream ? write_senders(sweep, actor, stream) : -ENOMEM;
  if (stream && fclose(stream) != 0)
    error = -ENOMEM;
  sweep_free(sweep);
  if (error) {
    free(text);
    return error;
  }
  *ret_text = text;
  return 0;
}

extern const struct source source_hook;
const struct source source_hook = {
    .name = "hook",
    .tag = SOURCE_TAG_HOOK,
    .help = "Programs that link libimpasse and publish their actors, mailboxes, calls and tables.",
    .otherwise = "does not use the hook library (libimpasse)",
    .probe = source_probe,
    .open = source_open,
    .sweep = source_sweep,
    .round = source_round,
    .exact = source_exact,
    .ask = source_ask,
    .close = source_close,
};
