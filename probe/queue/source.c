/*
 * source.c - the source `queue`: mailboxes that the kernel keeps. Accept queues of listening sockets, POSIX message
 * queues, and sockets to which datagrams are sent are rows for as long as they are there; connections and pipes while
 * they hold something. Each is an actor of kind queue, and its owner is the target: of several processes that share a
 * listening socket (workers of a web server) each has the row.
 *
 * Two routes to one record (bpf/file_record.h): the kernel's iterator over the files of the process, where programs can
 * be loaded; else the links of /proc/PID/fd with lists of sockets. The second knows neither pipes, nor how many datagrams
 * a Unix socket holds, nor capacities in other network namespaces.
 *
 * Not the kernel's iterators over the sockets of a namespace (iter/tcp, iter/unix): they do not tell whose a socket is,
 * stop at the namespace of who reads, and cost per socket what one over files costs per file.
 *
 * It reads beside other sources: whose runtime is read as a whole (an Erlang node) has an accept queue all the same.
 */
#include "probe/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/files.h"
#include "probe/clock.h"
#include "probe/queue/descriptors.h"
#include "probe/queue/rows.h"
#include "probe/reach/broker.h"
#include "probe/reach/reach.h"

struct session {
  const struct reach_target *target;
  uint64_t target_key;
  struct files *files; /* NULL: without programs */
};

/* We and our broker are left out: our queues are filled by watching. */
static int source_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES])
{
  if (reach_pid(target) == getpid() || reach_pid(target) == broker_pid())
    return SOURCE_NOT_MINE;
  int answer = descriptors_any(target);
  if (answer < 0)
    reach_explain(reach_pid(target), answer, reason, SOURCE_REASON_BYTES);
  else
    answer = answer ? SOURCE_MINE : SOURCE_NOT_MINE;
  return answer;
}

static int source_open(struct reach_target *target, void **ret_session,
                       char reason[SOURCE_REASON_BYTES])
{
  struct session *session = calloc(1, sizeof *session);
  if (!session)
    return -ENOMEM;
  session->target = target;
  session->target_key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  /* Refused: the other route needs nothing. `doctor` tells why. */
  (void)files_open(reach_pid(target), &session->files, reason, SOURCE_REASON_BYTES);
  reason[0] = '\0';
  *ret_session = session;
  return 0;
}

static void source_close(void *context)
{
  struct session *session = context;
  if (!session)
    return;
  files_close(session->files);
  free(session);
}

/* ---- sweeps ---- */

static int read_files(struct files *files, struct records *records)
{
  const struct file_record *list;
  size_t count;
  int error = files_read(files, RECORDS_MOST, &list, &count);
  for (size_t i = 0; i < count && !error; i++)
    error = records_add(records, &list[i]);
  return error;
}

static int read_queues(const struct session *session, struct sweep *sweep)
{
  struct records records = {0};
  bool cut = false;
  int error = session->files ? read_files(session->files, &records)
                             : descriptors_read(session->target, &records, &cut);
  if (!error)
    error = rows_add(&records, sweep);
  records_done(&records);
  struct sweep_gap *gap = cut && !error ? sweep_add_gap(sweep) : NULL;
  if (gap) {
    static const char words[] = "it has more descriptors than are looked at";
    gap->reason = sweep_add_text(sweep, words, strlen(words));
  }
  return error;
}

static struct sweep *begin(const struct session *session, enum sweep_kind kind)
{
  static const char name[] = "queue";
  struct sweep *sweep = sweep_new(session->target_key, SOURCE_TAG_QUEUE, kind);
  if (!sweep)
    return NULL;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.runtime = sweep_add_text(sweep, name, strlen(name));
  return sweep;
}

static void say(struct sweep *sweep, enum target_state state, const char *reason)
{
  sweep->target.state = (uint8_t)state;
  sweep->target.reason = sweep_add_text(sweep, reason, strlen(reason));
}

static struct sweep *failed(const struct session *session, int error)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int status;
  struct sweep *sweep = begin(session, SWEEP_FAILED);
  if (!sweep)
    return NULL;
  if (reach_alive(session->target)) {
    reach_explain(reach_pid(session->target), error, reason, sizeof reason);
    say(sweep, TARGET_UNREADABLE, reason[0] ? reason : strerror(-error));
    return sweep;
  }
  bool known = reach_ending(session->target, &status) == 0;
  sweep->target.crashed = known && status != 0;
  say(sweep, TARGET_GONE, known && status == 0 ? "exited in order" : "it has ended");
  return sweep;
}

static int source_sweep(void *context, struct sweep **ret_sweep)
{
  struct session *session = context;
  struct sweep *sweep = begin(session, SWEEP_FULL);
  int error = sweep ? read_queues(session, sweep) : -ENOMEM;
  if (!error && !reach_alive(session->target))
    error = -ESRCH;
  if (error) {
    sweep_free(sweep);
    sweep = error == -ENOMEM ? NULL : failed(session, error);
  }
  if (!sweep)
    return -ENOMEM;
  sweep->end_ns = clock_mono_ns();
  *ret_sweep = sweep;
  return 0;
}

/* Queues do not wait. */
static int source_round(void *context, struct sweep **ret_sweep)
{
  struct sweep *sweep = begin(context, SWEEP_ROUND);
  if (!sweep)
    return -ENOMEM;
  *ret_sweep = sweep;
  return 0;
}

/* Neither who sent what is in a queue nor what it is can be told without taking it. */
static int source_ask(void *context, uint64_t actor, enum feed_question question, char **ret_text)
{
  (void)context;
  (void)actor;
  (void)question;
  (void)ret_text;
  return -EOPNOTSUPP;
}

extern const struct source source_queue;
const struct source source_queue = {
    .name = "queue",
    .tag = SOURCE_TAG_QUEUE,
    .help = "Mailboxes that the kernel keeps: accept and receive queues of sockets, POSIX message "
            "queues, pipes (these with eBPF only).",
    .otherwise = "holds no listening socket and no message queue",
    .probe = source_probe,
    .open = source_open,
    .sweep = source_sweep,
    .round = source_round,
    .ask = source_ask,
    .close = source_close,
};
