/*
 * source.c - the source `beam`: Erlang nodes as they are, with no cookie, no code in the node and
 * no probe. It attaches, puts the readers of this folder together into sweeps, and tells apart how
 * a node came to an end.
 *
 *    what is seen                                         what is told
 *    the process table where it was                       rows, also of a stopped node
 *    the process lives, its table is not there any more   unreadable: exec'd, or swapped out
 *    the process is gone                                  gone
 *
 * Not here: finding the tables (attach.c), processes (sweep.c), calls (wait.c), ETS (table.c).
 */
#include "probe/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "probe/beam/atom.h"
#include "probe/beam/attach/attach.h"
#include "probe/beam/code.h"
#include "probe/beam/exact/exact.h"
#include "probe/beam/exact/exits.h"
#include "probe/beam/exact/senders.h"
#include "probe/beam/mailbox/mailbox.h"
#include "probe/beam/names.h"
#include "probe/beam/sweep.h"
#include "probe/beam/sweep_facts.h"
#include "probe/beam/table/table.h"
#include "probe/beam/wait/wait.h"
#include "probe/clock.h"
#include "probe/process/process.h"
#include "probe/reach/reach.h"

enum { STAT_BYTES = 4096, EXE_BYTES = 512 };

struct session {
  struct reach_target *target;
  uint64_t target_key;
  uint64_t network;    /* namespace; 0 unknown */
  char exe[EXE_BYTES]; /* its executable, "" unknown */
  struct beam_memory memory;
  struct beam_node node;
  struct beam_atoms *atoms;
  struct beam_code *code;
  struct beam_names *names;
  struct beam_sweep *rows;
  struct beam_waits *waits;
  struct beam_tables *tables;
  struct sweep_facts facts;
  struct beam_exact *exact;                /* NULL: waits for tables are sampled */
  char exact_stopped[SOURCE_REASON_BYTES]; /* why, when that was not asked for */
  int64_t lost_told;                       /* of beam_sweep_lost, in gaps */
};

/* ---- sessions ---- */

static void source_close(void *context)
{
  struct session *session = context;
  if (!session)
    return;
  beam_tables_free(session->tables);
  beam_exact_close(session->exact);
  beam_waits_free(session->waits);
  beam_sweep_free(session->rows);
  beam_names_free(session->names);
  beam_code_free(session->code);
  beam_atoms_free(session->atoms);
  beam_memory_done(&session->memory);
  free(session);
}

static int make_readers(struct session *session)
{
  const struct beam_node *node = &session->node;
  session->atoms = beam_atoms_new(node);
  session->code = beam_code_new(node);
  if (!session->atoms || !session->code)
    return -ENOMEM;
  session->names = beam_names_new(node, session->atoms, session->code);
  if (!session->names)
    return -ENOMEM;
  session->rows = beam_sweep_new(node, session->names);
  session->waits = beam_waits_new(node, session->atoms, session->code);
  sweep_facts_init(&session->facts, node);
  if (!session->rows || !session->waits)
    return -ENOMEM;
  return beam_tables_new(node, session->atoms, session->target, &session->tables);
}

/* "net:[4026531840]" */
static uint64_t network_of(const struct reach_target *target)
{
  static const char begin[] = "net:[";
  char text[64];
  if (reach_link(target, "ns/net", text, sizeof text) != 0 ||
      strncmp(text, begin, strlen(begin)) != 0)
    return 0;
  return strtoull(text + strlen(begin), NULL, 10);
}

static int source_open(struct reach_target *target, void **ret_session,
                       char reason[SOURCE_REASON_BYTES])
{
  struct session *session = calloc(1, sizeof *session);
  if (!session)
    return -ENOMEM;
  session->target = target;
  session->target_key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  session->network = network_of(target);
  if (reach_link(target, "exe", session->exe, sizeof session->exe) != 0)
    session->exe[0] = '\0';
  beam_memory_init(&session->memory, target);
  int error = beam_attach(target, &session->memory, &session->node, reason);
  if (!error)
    error = make_readers(session);
  if (error) {
    source_close(session);
    return error;
  }
  *ret_session = session;
  return 0;
}

/* ---- what became of the node ---- */

static void say(struct sweep *sweep, enum target_state state, const char *reason)
{
  sweep->target.state = (uint8_t)state;
  sweep->target.reason = sweep_add_text(sweep, reason, strlen(reason));
}

/* The program that the process has become. */
static void say_execed(const struct session *session, struct sweep *sweep)
{
  char *text = NULL, reason[SOURCE_REASON_BYTES];
  struct process_stat stat = {.comm = "another program"};
  if (reach_file(session->target, "stat", STAT_BYTES, &text, NULL) == 0)
    (void)process_parse_stat(text, &stat); /* untouched where it cannot be told */
  free(text);
  (void)snprintf(reason, sizeof reason, "exec'd into %s: the node is gone", stat.comm);
  say(sweep, TARGET_UNREADABLE, reason);
}

/* Only the status 0 is an orderly end: an emulator that fails aborts, or halts with another. */
static void say_gone(const struct session *session, struct sweep *sweep)
{
  char reason[SOURCE_REASON_BYTES] = "exited or was killed";
  int status;
  if (reach_ending(session->target, &status) == 0) {
    sweep->target.crashed = status != 0;
    if (WIFSIGNALED(status))
      (void)snprintf(reason, sizeof reason, "ended by signal %d (%s)", WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
    else
      (void)snprintf(reason, sizeof reason, "exited with status %d", WEXITSTATUS(status));
  }
  say(sweep, TARGET_GONE, reason);
}

/* Its memory is not there: because it is another program now, or because it was swapped out. */
static void say_absent(const struct session *session, struct sweep *sweep)
{
  char exe[EXE_BYTES];
  bool same =
      reach_link(session->target, "exe", exe, sizeof exe) == 0 && strcmp(exe, session->exe) == 0;
  if (same)
    say(sweep, TARGET_UNREADABLE, "what is needed to read it was swapped out, and is left there");
  else
    say_execed(session, sweep);
}

/* Is the process table still the one that was attached? It never moves while the node lives. */
static int check_node(const struct session *session)
{
  const struct beam_node *node = &session->node;
  const struct beam_layout *l = &node->layout;
  uint64_t slots;
  uint32_t most;
  int error =
      beam_memory_word(node->memory, node->processes.address + (uint64_t)l->ptab_tab, &slots);
  if (!error)
    error = beam_memory_read(node->memory, node->processes.address + (uint64_t)l->ptab_max, &most,
                             sizeof most);
  if (!error && (slots != node->processes.slots || most != node->processes.most))
    error = -EFAULT;
  return error;
}

/* A sweep that says why there are no rows. */
static struct sweep *failed(const struct session *session, int error)
{
  struct sweep *sweep = sweep_new(session->target_key, SOURCE_TAG_BEAM, SWEEP_FAILED);
  char reason[SOURCE_REASON_BYTES] = "";
  if (!sweep)
    return NULL;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.runtime = sweep_add_text(sweep, "beam", strlen("beam"));
  sweep->target.lost_count = beam_sweep_lost(session->rows);
  if (!reach_alive(session->target)) {
    say_gone(session, sweep);
  } else if (error == -EFAULT) {
    say_absent(session, sweep);
  } else {
    reach_explain(reach_pid(session->target), error, reason, sizeof reason);
    say(sweep, TARGET_UNREADABLE, *reason ? reason : strerror(-error));
  }
  return sweep;
}

/* ---- sweeps ---- */

static void tell_losses(struct session *session, struct sweep *sweep)
{
  static const char reason[] =
      "processes whose record could not be read or was not theirs, or beyond four million";
  int64_t lost = beam_sweep_lost(session->rows);
  struct sweep_gap *gap = lost > session->lost_told ? sweep_add_gap(sweep) : NULL;
  sweep->target.lost_count = lost;
  if (!gap)
    return;
  gap->reason = sweep_add_text(sweep, reason, strlen(reason));
  gap->count = lost - session->lost_told;
  session->lost_told = lost;
}

static uint64_t by_name(void *names, uint64_t atom)
{
  return beam_names_by_name(names, atom);
}

static bool lives(void *names, uint64_t word)
{
  return beam_names_lives(names, word);
}

static int fill_calls(struct session *session, struct sweep *sweep)
{
  const struct beam_waits_world world = {session->names, by_name, lives};
  size_t count;
  const struct beam_proc *candidates = beam_sweep_candidates(session->rows, &count);
  return beam_waits_read(session->waits, candidates, count, &world, sweep);
}

static void end_exact(struct session *session)
{
  (void)beam_tables_exact(session->tables, NULL); /* needs no memory */
  beam_exact_close(session->exact);
  session->exact = NULL;
}

/* Probes that went above their budget have ended; it is told as long as they are wanted. */
static void tell_exact(struct session *session, struct sweep *sweep)
{
  if (session->exact && beam_exact_stopped(session->exact, session->exact_stopped))
    end_exact(session);
  struct sweep_gap *gap = session->exact_stopped[0] ? sweep_add_gap(sweep) : NULL;
  if (gap)
    gap->reason = sweep_add_text(sweep, session->exact_stopped, strlen(session->exact_stopped));
}

static int fill(struct session *session, struct sweep *sweep)
{
  beam_memory_begin(&session->memory);
  sweep->begin_ns = clock_mono_ns();
  int error = check_node(session);
  if (!error)
    error = beam_sweep_rows(session->rows, sweep);
  if (!error)
    error = fill_calls(session, sweep);
  if (!error && sweep->kind == SWEEP_FULL)
    error = beam_tables_read(session->tables, sweep);
  if (!error)
    error = beam_sweep_end(session->rows, sweep);
  if (error)
    return error;
  if (sweep->kind != SWEEP_ROUND) {
    sweep_facts_fill(&session->facts, session->atoms, sweep);
    sweep->target.network = session->network;
    tell_losses(session, sweep);
    tell_exact(session, sweep);
  }
  sweep->end_ns = clock_mono_ns();
  return reach_alive(session->target) ? 0 : -ESRCH; /* else memory of nobody was read */
}

static int make(struct session *session, enum sweep_kind kind, struct sweep **ret_sweep)
{
  struct sweep *sweep = sweep_new(session->target_key, SOURCE_TAG_BEAM, kind);
  if (!sweep)
    return -ENOMEM;
  int error = fill(session, sweep);
  if (error) {
    sweep_free(sweep);
    return error;
  }
  *ret_sweep = sweep;
  return 0;
}

/* With rows, or with the reason why there are none. */
static int make_or_fail(struct session *session, enum sweep_kind kind, struct sweep **ret_sweep)
{
  int error = make(session, kind, ret_sweep);
  if (error == 0 || error == -ENOMEM)
    return error;
  *ret_sweep = failed(session, error);
  return *ret_sweep ? 0 : -ENOMEM;
}

static int source_sweep(void *context, struct sweep **ret_sweep)
{
  return make_or_fail(context, SWEEP_FULL, ret_sweep);
}

static int source_part(void *context, struct sweep **ret_sweep)
{
  return make_or_fail(context, SWEEP_PART, ret_sweep);
}

static int source_round(void *context, struct sweep **ret_sweep)
{
  return make(context, SWEEP_ROUND, ret_sweep);
}

static int source_exact(void *context, bool on, char reason[SOURCE_REASON_BYTES])
{
  struct session *session = context;
  session->exact_stopped[0] = '\0';
  end_exact(session);
  if (!on) {
    reason[0] = '\0';
    return 0;
  }
  int error = beam_exact_open(&session->node, session->target, &session->exact, reason);
  if (!error)
    error = beam_tables_exact(session->tables, session->exact);
  if (error)
    end_exact(session);
  return error;
}

/* ---- questions ---- */

/* The process that is asked about, as it is now. */
static int find(struct session *session, uint64_t actor, struct beam_proc *ret_proc)
{
  struct beam_proc_facts facts;
  int error = check_node(session);
  if (!error)
    error = beam_sweep_find(session->rows, actor, &facts);
  if (!error)
    *ret_proc = facts.proc;
  return error;
}

static int write_messages(struct session *session, uint64_t actor, FILE *text)
{
  struct beam_proc proc;
  int error = find(session, actor, &proc);
  return error ? error : beam_mailbox_write(&session->node, session->atoms, &proc, text);
}

static int write_senders(struct session *session, uint64_t actor, FILE *text)
{
  struct beam_proc proc;
  int error = find(session, actor, &proc);
  return error ? error
               : beam_senders_write(&session->node, session->atoms, session->target, &proc, text);
}

static int write_exits(struct session *session, uint64_t actor, FILE *text)
{
  (void)actor; /* it is asked of the whole node */
  int error = check_node(session);
  return error ? error : beam_exits_write(&session->node, session->atoms, session->target, text);
}

/* Since --exact was asked for, or of a second. */
static int write_locks(struct session *session, uint64_t actor, FILE *text)
{
  (void)actor; /* it is asked of the whole node */
  int error = check_node(session);
  if (error)
    return error;
  return session->exact ? beam_exact_write(session->exact, session->atoms, text)
                        : beam_exact_look(&session->node, session->atoms, session->target, text);
}

/* What a question is answered by; NULL: it cannot be. */
static int (*const answers[])(struct session *session, uint64_t actor, FILE *text) = {
    [FEED_MESSAGES] = write_messages,
    [FEED_SENDERS] = write_senders,
    [FEED_EXITS] = write_exits,
    [FEED_LOCKS] = write_locks,
};

static int source_ask(void *context, uint64_t actor, enum feed_question question, char **ret_text)
{
  struct session *session = context;
  char *text = NULL;
  size_t length;
  if (question >= sizeof answers / sizeof answers[0] || !answers[question])
    return -EOPNOTSUPP;
  FILE *stream = open_memstream(&text, &length);
  if (!stream)
    return -ENOMEM;
  beam_memory_begin(&session->memory);
  int error = answers[question](session, actor, stream);
  if (fclose(stream) != 0 && !error)
    error = -ENOMEM;
  if (error && (!text || !*text)) {
    free(text);
    return error;
  }
  *ret_text = text;
  return error;
}

extern const struct source source_beam;
const struct source source_beam = {
    .name = "beam",
    .tag = SOURCE_TAG_BEAM,
    .help = "Erlang and Elixir nodes as they are: processes, mailboxes, calls and ETS tables, read "
            "from "
            "outside without a cookie or code in the node.",
    .otherwise = "is no Erlang node",
    .budget_permille = 50,
    .whole = true,
    .names_itself = true,
    .probe = beam_attach_probe,
    .open = source_open,
    .sweep = source_sweep,
    .part = source_part,
    .round = source_round,
    .exact = source_exact,
    .ask = source_ask,
    .close = source_close,
};
