/*
 * test_exact.h - for the tests of what probes a node: its processes by their printed pids, answers as
 * text, and whether a probe is still attached. Used by tests only.
 */
#ifndef IMPASSE_PROBE_BEAM_TEST_EXACT_H
#define IMPASSE_PROBE_BEAM_TEST_EXACT_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bpf/ladder.h"
#include "probe/beam/exact/senders.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"
#include "probe/reach/reach.h"

/* Ends the program as skipped where the kernel refuses probes. */
static inline void test_exact_need_probes(void)
{
  char words[SOURCE_REASON_BYTES];
  if (ladder_try(words, sizeof words) == 0)
    return;
  (void)fprintf(stderr, "skipped: %s\n", words);
  exit(TEST_NODE_SKIPPED);
}

/* Releases that export no function. */
static inline bool test_exact_hidden(const struct test_node *node)
{
  return node->node.otp >= 29;
}

static inline struct beam_proc test_exact_find(const struct beam_node *node, unsigned number)
{
  for (uint32_t slot = 0; slot < node->processes.most; slot++) {
    uint64_t address, word;
    if (beam_memory_word(node->memory, node->processes.slots + 8 * (uint64_t)slot, &address) == 0 &&
        address != 0 &&
        beam_memory_word(node->memory, address + (uint64_t)node->layout.p_id, &word) == 0 &&
        beam_is_pid(word) && beam_node_pid(node, word).number == number)
      return (struct beam_proc){.address = address, .word = word, .slot = slot};
  }
  test_node_fail("no process <0.%u.0>", number);
}

/* The process whose pid the node prints in its first line; waits until it is ready and attaches. */
static inline struct beam_proc test_exact_proc(struct test_node *node)
{
  char line[256];
  unsigned number;
  if (!test_node_line(node, line, sizeof line)) {
    test_node_ready(node); /* says why, or skips */
    test_node_fail("the node says nothing");
  }
  if (sscanf(line, "<0.%u.", &number) != 1)
    test_node_fail("no pid: %s", line);
  test_node_ready(node);
  test_node_attach(node);
  return test_exact_find(&node->node, number);
}

static inline int test_exact_senders(struct test_node *node, struct beam_atoms *atoms,
                                     const struct beam_proc *proc, char **ret_text)
{
  size_t length;
  FILE *text = open_memstream(ret_text, &length);
  int error = beam_senders_write(&node->node, atoms, node->target, proc, text);
  (void)fclose(text);
  return error;
}

/* The percent of the line that begins with `who` and has `what`. */
static inline double test_exact_share(const char *text, const char *who, const char *what)
{
  for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
    const char *end = strchr(line, '\n'), *found = strstr(line, what), *open;
    if (strncmp(line, who, strlen(who)) != 0 || !found || !end || found > end)
      continue;
    open = strchr(found + strlen(what), '(');
    return open ? strtod(open + 1, NULL) : -1;
  }
  return -1;
}

/* Does that process hold a descriptor of that kind? */
static inline bool test_exact_holds(pid_t pid, const char *what)
{
  char path[320], link[64];
  bool found = false;
  struct dirent *entry;
  DIR *fds;
  (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
  fds = opendir(path);
  while (fds && (entry = readdir(fds)) != NULL) {
    ssize_t length;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, entry->d_name);
    length = readlink(path, link, sizeof link - 1);
    link[length > 0 ? length : 0] = '\0';
    found |= strstr(link, what) != NULL;
  }
  if (fds)
    (void)closedir(fds);
  return found;
}

static inline bool test_exact_probed(void)
{
  return test_exact_holds(getpid(), "perf_event") || test_exact_holds(getpid(), "bpf");
}

/* A child that kills `victim` as soon as this process has a probe attached. */
static inline pid_t test_exact_kill_once_probed(pid_t victim)
{
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (!test_exact_holds(getppid(), "perf_event") && !test_exact_holds(getppid(), "bpf_link"))
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  (void)kill(victim, SIGKILL);
  _exit(0);
}

#endif
