/*
 * test_node.h - real Erlang nodes for the tests of this folder: started from a test, attached, killed
 * at its end. Used by tests only.
 *
 *    struct test_node *node = test_node_start("register(a, spawn(fun() -> receive x -> ok end end))", NULL);
 *    ... node->node, node->memory ...
 *    test_node_stop(node);
 *
 * The Erlang text is run by a process of its own; when it has ended the process stays, and the test goes on. It may
 * print lines (io:format("~p~n", [X])) that the test takes with test_node_line, and take lines that the test gives with
 * test_node_tell (io:get_line("")).
 *
 * $IMPASSE_TEST_ERL names another `erl` than that of the PATH, or a command that runs it (words without quotes).
 * A machine without one ends the test program with 77, which counts as skipped.
 */
#ifndef IMPASSE_PROBE_BEAM_TEST_NODE_H
#define IMPASSE_PROBE_BEAM_TEST_NODE_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/beam/attach/attach.h"
#include "probe/beam/node.h"

enum { TEST_NODE_DEADLINE_MS = 60000, TEST_NODE_ARGS_MOST = 64, TEST_NODE_SKIPPED = 77 };

struct test_node {
  pid_t pid; /* of the emulator */
  int from;  /* what the node prints */
  int to;    /* what it reads */
  struct reach_target *target;
  struct beam_memory memory;
  struct beam_node node; /* filled by test_node_attach */
};

__attribute__((noreturn, format(printf, 1, 2))) static inline void test_node_fail(const char *words,
                                                                                  ...)
{
  va_list args;
  va_start(args, words);
  (void)vfprintf(stderr, words, args);
  va_end(args);
  (void)fputc('\n', stderr);
  exit(1);
}

/* Runs erl; never returns. */
__attribute__((noreturn)) static inline void test_node_exec(int in, int out, const char *text,
                                                            const char *const *args)
{
  const char *argv[TEST_NODE_ARGS_MOST];
  char command[1024];
  const char *erl = getenv("IMPASSE_TEST_ERL");
  size_t n = 0;
  (void)snprintf(command, sizeof command, "%s", erl && *erl ? erl : "erl");
  for (char *word = strtok(command, " "); word && n < TEST_NODE_ARGS_MOST / 4;
       word = strtok(NULL, " "))
    argv[n++] = word;
  for (; args && *args && n < TEST_NODE_ARGS_MOST - 5; args++)
    argv[n++] = *args;
  argv[n++] = "-noshell";
  argv[n++] = "-eval";
  argv[n++] = text;
  argv[n] = NULL;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)setenv("ERL_CRASH_DUMP", "/dev/null", 0);
  if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
    _exit(1);
  (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
  _exit(TEST_NODE_SKIPPED);
}

/* Ends the test as skipped when the node has ended because there is none to run. */
static inline void test_node_skip_absent(const struct test_node *node)
{
  siginfo_t end = {0};
  if (waitid(P_PID, (id_t)node->pid, &end, WEXITED | WNOWAIT) == 0 && end.si_code == CLD_EXITED &&
      end.si_status == TEST_NODE_SKIPPED) {
    (void)fprintf(stderr, "skipped: no such erl on this machine (package erlang-base)\n");
    exit(TEST_NODE_SKIPPED);
  }
}

/* The next line of the node without its newline, or false at its end. */
static inline bool test_node_line(struct test_node *node, char *ret_line, size_t room)
{
  size_t n = 0;
  char c;
  for (;;) {
    struct pollfd ready = {.fd = node->from, .events = POLLIN};
    if (poll(&ready, 1, TEST_NODE_DEADLINE_MS) != 1)
      test_node_fail("the node says nothing for %d s", TEST_NODE_DEADLINE_MS / 1000);
    if (read(node->from, &c, 1) != 1) {
      test_node_skip_absent(node);
      return false;
    }
    if (c == '\n')
      break;
    if (n + 1 < room)
      ret_line[n++] = c;
  }
  ret_line[n] = '\0';
  return true;
}

/* Gives the node a line (without a newline at its end). */
static inline void test_node_tell(struct test_node *node, const char *line)
{
  if (dprintf(node->to, "%s\n", line) < 0)
    test_node_fail("the node takes no line");
}

static inline void test_node_stop(struct test_node *node)
{
  if (!node)
    return;
  (void)kill(node->pid, SIGKILL);
  (void)waitpid(node->pid, NULL, 0);
  (void)close(node->from);
  (void)close(node->to);
  if (node->target)
    beam_memory_done(&node->memory);
  reach_close(node->target);
  free(node);
}

/* Starts a node that runs `text` (Erlang expressions, separated by commas; lines printed before its
 * end are for test_node_line, so such a text must not print without a reader: it says "ready" last)
 * with more arguments of erl, NULL-terminated, or NULL. It is not yet attached, nor has it run: see
 * test_node_start. */
static inline struct test_node *test_node_spawn(const char *text, const char *const *args)
{
  static const char FRAME[] =
      "spawn(fun() -> try begin %s end of _ -> io:format(\"ready~n\"), "
      "timer:sleep(infinity) catch C:R:S -> io:format(\"failed ~0p~n\", [{C, R, S}]), halt(1) "
      "end end).";
  int up[2], down[2];
  struct test_node *node = calloc(1, sizeof *node);
  char *framed = NULL;
  if (!node || asprintf(&framed, FRAME, text) < 0 || pipe(up) != 0 || pipe(down) != 0)
    test_node_fail("cannot start a node");
  node->pid = fork();
  if (node->pid < 0)
    test_node_fail("cannot fork");
  if (node->pid == 0) {
    (void)close(up[0]);
    (void)close(down[1]);
    test_node_exec(down[0], up[1], framed, args);
  }
  free(framed);
  (void)close(up[1]);
  (void)close(down[0]);
  node->from = up[0];
  node->to = down[1];
  return node;
}

/* Waits until the text has been run; lines that it prints before are passed over. */
static inline void test_node_ready(struct test_node *node)
{
  char line[4096];
  int status = 0;
  while (test_node_line(node, line, sizeof line)) {
    if (strcmp(line, "ready") == 0)
      return;
    if (strncmp(line, "failed ", 7) == 0)
      test_node_fail("the node's text failed: %s", line);
  }
  (void)waitpid(node->pid, &status, 0);
  test_node_fail("the node ended with status %d", status);
}

/* Attaches; ends the test where that is refused. */
static inline void test_node_attach(struct test_node *node)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int error = reach_open(node->pid, &node->target);
  if (error)
    test_node_fail("cannot open the node: %d", error);
  beam_memory_init(&node->memory, node->target);
  beam_memory_begin(&node->memory);
  for (int ms = 0; ms < TEST_NODE_DEADLINE_MS; ms++) { /* it may still be loading code */
    error = beam_attach(node->target, &node->memory, &node->node, reason);
    if (error != -EAGAIN)
      break;
    (void)poll(NULL, 0, 1);
  }
  if (error)
    test_node_fail("attach refused: %d, %s", error, reason);
}

/* Spawn, ready, attach. */
static inline struct test_node *test_node_start(const char *text, const char *const *args)
{
  struct test_node *node = test_node_spawn(text, args);
  test_node_ready(node);
  test_node_attach(node);
  return node;
}

#endif
