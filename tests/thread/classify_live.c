/*
 * classify_live.c - threads that are blocked for real, read as any target is and compared with what their
 * program says of them (programs/program.h): right holder or no holder, and no other thread accused.
 *
 *   classify_live COMMAND...            all cases of a program, as a table; 1 when one is wrong
 *   classify_live --record NAME COMMAND...   the same as rows of probe/thread/classify/classify_rows.def
 *   classify_live --machine             every process that may be read: an owner that is claimed is a
 *                                       thread of the machine
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/clock.h"
#include "probe/processor/processor.h"
#include "probe/reach/reach.h"
#include "probe/thread/classify/classify.h"
#include "probe/thread/route.h"

enum {
  OUTPUT_BYTES = 16384,
  WORDS_MOST = 16,
  LINES_MOST = 64,
  PATIENCE_MS = 60000,
  CANNOT = 77,
};

static const char *const kind_words[] = {
    [CLASSIFY_NONE] = "none",
    [CLASSIFY_IDLE] = "idle",
    [CLASSIFY_MUTEX] = "mutex",
    [CLASSIFY_ROBUST] = "robust",
    [CLASSIFY_INHERIT] = "inherit",
    [CLASSIFY_RWLOCK_WRITER] = "rwlock_writer",
    [CLASSIFY_RWLOCK_READERS] = "rwlock_readers",
    [CLASSIFY_JOIN] = "join",
};

struct truth {
  int tid, owner;
  char kind[32], flags[8];
};

struct child {
  pid_t pid;
  int output;
  char text[OUTPUT_BYTES];
  size_t length;
};

struct totals {
  unsigned right, wrong, cannot;
};

static void fail(const char *what, int error)
{
  (void)fprintf(stderr, "classify_live: %s: %s\n", what, strerror(error < 0 ? -error : error));
  exit(2);
}

/* ---- the program ---- */

static void child_start(struct child *child, char *const *words, size_t count, const char *name)
{
  const char *arguments[WORDS_MOST + 2];
  int ends[2];
  for (size_t i = 0; i < count; i++)
    arguments[i] = words[i];
  arguments[count] = name;
  arguments[count + 1] = NULL;
  if (pipe(ends) != 0)
    fail("pipe", errno);
  child->length = 0;
  child->text[0] = '\0';
  child->output = ends[0];
  child->pid = fork();
  if (child->pid < 0)
    fail("fork", errno);
  if (child->pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* for programs that cannot say so themselves */
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
  }
  (void)close(ends[1]);
}

/* More of its output. False at the end of it; a program that keeps silent for too long fails all. */
static bool child_read(struct child *child)
{
  struct pollfd ready = {.fd = child->output, .events = POLLIN};
  int polled = poll(&ready, 1, PATIENCE_MS);
  if (polled == 0)
    fail("the program", ETIMEDOUT);
  ssize_t got = read(child->output, child->text + child->length, OUTPUT_BYTES - 1 - child->length);
  if (got <= 0)
    return false;
  child->length += (size_t)got;
  child->text[child->length] = '\0';
  return true;
}

/* Its exit code; a killed one -1. */
static int child_end(struct child *child, bool by_force)
{
  int status;
  if (by_force)
    (void)kill(child->pid, SIGKILL);
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  (void)close(child->output);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "ready COUNT" and as many lines; false: not complete yet. */
static bool parse_truth(const char *text, struct truth *ret_list, size_t *ret_count)
{
  unsigned count;
  int used;
  if (sscanf(text, "ready %u\n%n", &count, &used) != 1)
    return false;
  if (count > LINES_MOST)
    fail("too many lines", E2BIG);
  for (unsigned i = 0; i < count; i++) {
    struct truth *line = &ret_list[i];
    text += used;
    if (!strchr(text, '\n') || sscanf(text, "%d %31s %d %7s\n%n", &line->tid, line->kind,
                                      &line->owner, line->flags, &used) != 4)
      return false;
  }
  *ret_count = count;
  return true;
}

/* ---- its threads ---- */

struct reading {
  struct reach_target *target;
  struct route *route;
  const struct thread_state *list;
  size_t count;
};

static int reading_open(struct reading *reading, pid_t pid)
{
  char reason[256];
  uint64_t lost;
  *reading = (struct reading){0};
  int error = reach_open(pid, &reading->target);
  if (!error)
    error = route_proc.open(reading->target, &reading->route, reason, sizeof reason);
  if (!error)
    error = route_proc.read(reading->route, NULL, 0, &reading->list, &reading->count, &lost);
  return error;
}

static void reading_close(struct reading *reading)
{
  if (reading->route)
    route_proc.close(reading->route);
  reach_close(reading->target);
}

static bool lives(const void *context, uint32_t tid)
{
  const struct reading *reading = context;
  for (size_t i = 0; i < reading->count; i++) {
    if ((uint32_t)reading->list[i].tid_inside == tid)
      return true;
  }
  return false;
}

static void flags_of(const struct classify_verdict *verdict, char ret_flags[static 8])
{
  size_t length = 0;
  if (verdict->for_reading)
    ret_flags[length++] = 'r';
  if (verdict->process_shared)
    ret_flags[length++] = 's';
  if (verdict->timed)
    ret_flags[length++] = 't';
  if (verdict->late_owner)
    ret_flags[length++] = 'l';
  if (verdict->between)
    ret_flags[length++] = 'b';
  if (!length)
    ret_flags[length++] = '-';
  ret_flags[length] = '\0';
}

static bool same_flags(const char *one, const char *other)
{
  return strlen(one) == strlen(other) && strspn(one, other) == strlen(one);
}

static bool is_right(const struct truth *truth, const struct classify_verdict *verdict)
{
  char flags[8];
  bool may_prove = truth->owner && !strpbrk(truth->flags, "tl") &&
                   strcmp(truth->kind, kind_words[CLASSIFY_INHERIT]) != 0;
  uint32_t owner = verdict->late_owner ? verdict->late_owner : verdict->owner;
  flags_of(verdict, flags);
  return strcmp(truth->kind, kind_words[verdict->kind]) == 0 && (uint32_t)truth->owner == owner &&
         same_flags(truth->flags, flags) && verdict->proves == may_prove;
}

static void print_row(const char *name, const struct truth *truth,
                      const struct classify_verdict *verdict, bool right)
{
  char flags[8];
  flags_of(verdict, flags);
  (void)printf("%-28s %8d  %-14s %8d %-4s %-14s %8u %-4s %s\n", name, truth->tid, truth->kind,
               truth->owner, truth->flags, kind_words[verdict->kind],
               verdict->late_owner ? verdict->late_owner : verdict->owner, flags,
               right ? "" : "WRONG");
}

/* The same call on the same word as one of those before tells nothing new. */
static bool is_told(const struct reading *reading, size_t number)
{
  const struct thread_state *list = reading->list;
  for (size_t i = 0; i < number; i++) {
    if (memcmp(list[i].arguments, list[number].arguments, 3 * sizeof list->arguments[0]) == 0)
      return true;
  }
  return false;
}

static void record_row(const char *library, const char *name, const struct reading *reading,
                       const struct thread_state *thread, const struct truth *truth)
{
  (void)printf("ROW(\"%s\", \"%s\", 0x%llx, %llu, 0x%llx, %d, %d, %d, \"%s\", %d, \"%s\",\n    \"",
               library, name, (unsigned long long)thread->arguments[0],
               (unsigned long long)thread->arguments[1] & 0xffffffff,
               (unsigned long long)thread->arguments[2] & 0xffffffff, thread->arguments[3] != 0,
               (int)reading->list[0].tid, (int)reading->list[reading->count - 1].tid, truth->kind,
               truth->owner, truth->flags);
  for (size_t i = 0; i < THREAD_LOCK_BYTES; i++)
    (void)printf("%02x%s", thread->lock[i],
                 i % 40 == 39 && i + 1 < THREAD_LOCK_BYTES ? "\"\n    \"" : "");
  (void)printf("\")\n");
}

/* A thread of which the program says nothing waits for nobody. */
static bool is_left_alone(const struct classify_verdict *verdict)
{
  return verdict->kind <= CLASSIFY_IDLE && !verdict->owner && !verdict->late_owner;
}

static void compare(const char *library, const char *name, const struct reading *reading,
                    const struct truth *list, size_t count, struct totals *totals)
{
  static const struct truth nothing = {.kind = "idle", .flags = "-"};
  size_t met = 0;
  for (size_t i = 0; i < reading->count; i++) {
    const struct thread_state *thread = &reading->list[i];
    struct classify_verdict verdict;
    size_t at = 0;
    while (at < count && list[at].tid != thread->tid)
      at++;
    classify(thread, lives, reading, &verdict);
    bool listed = at < count,
         right = listed ? is_right(&list[at], &verdict) : is_left_alone(&verdict);
    met += listed;
    *(right ? &totals->right : &totals->wrong) += 1;
    if (library && listed && !is_told(reading, i))
      record_row(library, name, reading, thread, &list[at]);
    if (!library && (listed || !right)) {
      struct truth other = nothing;
      other.tid = thread->tid;
      print_row(name, listed ? &list[at] : &other, &verdict, right);
    }
  }
  if (met != count) {
    (void)fprintf(stderr, "%s: %zu of %zu threads could not be read\n", name, count - met, count);
    totals->wrong++;
  }
}

static void run_case(const char *library, char *const *words, size_t word_count, const char *name,
                     struct totals *totals)
{
  struct truth list[LINES_MOST];
  struct child child;
  struct reading reading;
  size_t count = 0;
  bool ready = false;
  child_start(&child, words, word_count, name);
  while (!ready && child_read(&child))
    ready = parse_truth(child.text, list, &count);
  if (!ready) {
    int code = child_end(&child, false);
    *(code == CANNOT ? &totals->cannot : &totals->wrong) += 1;
    (void)fprintf(stderr, "%s: %s (%d)\n", name, code == CANNOT ? "not here" : "failed", code);
    return;
  }
  int error = reading_open(&reading, child.pid);
  if (error)
    fail(name, error);
  compare(library, name, &reading, list, count, totals);
  reading_close(&reading);
  (void)child_end(&child, true);
}

static int run_program(const char *library, char *const *words, size_t word_count)
{
  struct totals totals = {0};
  struct child child;
  char *rest = NULL;
  child_start(&child, words, word_count, "list");
  while (child_read(&child))
    continue;
  int code = child_end(&child, false);
  if (code != 0) {
    (void)fprintf(stderr, "%s: cannot list its cases (%d)\n", words[0], code);
    return code == CANNOT ? CANNOT : 2;
  }
  if (!library)
    (void)printf("%-28s %8s  %-14s %8s %-4s %-14s %8s\n", "case", "thread", "is", "owner", "",
                 "told", "owner");
  for (char *name = strtok_r(child.text, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
    run_case(library, words, word_count, name, &totals);
  (void)fprintf(stderr, "%u threads right, %u wrong, %u cases not here\n", totals.right,
                totals.wrong, totals.cannot);
  return totals.wrong || !totals.right;
}

/* ---- all others ---- */

/* Is the tid a thread of the machine? Of another pid namespace that cannot be told: then it is. */
static bool is_there(const struct thread_state *waiter, uint32_t owner)
{
  return waiter->tid != waiter->tid_inside || kill((pid_t)owner, 0) == 0 || errno != ESRCH;
}

/* Returns how many owners are nobody. */
static unsigned look_at(pid_t pid, unsigned *ret_threads, unsigned *ret_claims)
{
  struct reading reading = {0};
  unsigned nobody = 0;
  if (pid != getpid() && reading_open(&reading, pid) == 0) {
    for (size_t i = 0; i < reading.count; i++) {
      struct classify_verdict verdict;
      classify(&reading.list[i], lives, &reading, &verdict);
      (*ret_threads)++;
      if (!verdict.owner)
        continue;
      bool there = is_there(&reading.list[i], verdict.owner);
      (*ret_claims)++;
      nobody += !there;
      (void)printf("%d/%d (%s): %s of %u%s\n", (int)pid, (int)reading.list[i].tid,
                   reading.list[i].comm, kind_words[verdict.kind], verdict.owner,
                   there ? "" : ", who is not there");
    }
  }
  reading_close(&reading);
  return nobody;
}

static int run_machine(void)
{
  unsigned threads = 0, claims = 0, wrong = 0;
  pid_t *pids;
  size_t count;
  int error = reach_pids(&pids, &count);
  if (error)
    fail("/proc", error);
  for (size_t i = 0; i < count; i++)
    for (int again = 0; again < 2;
         again++) { /* an owner may end while it is looked for: not twice */
      unsigned nobody = look_at(pids[i], &threads, &claims);
      wrong += again ? nobody : 0;
      if (!nobody)
        break;
    }
  free(pids);
  (void)printf("%zu processes, %u threads, %u owners, %u wrong\n", count, threads, claims, wrong);
  return wrong || !threads;
}

int main(int argc, char **argv)
{
  const char *library = NULL;
  int first = 1;
  if (argc == 2 && strcmp(argv[1], "--machine") == 0)
    return run_machine();
  if (argc > 2 && strcmp(argv[1], "--record") == 0) {
    library = argv[2];
    first = 3;
  }
  if (argc <= first || argc - first > WORDS_MOST)
    return 2;
  return run_program(library, argv + first, (size_t)(argc - first));
}
