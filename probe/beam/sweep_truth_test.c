/*
 * sweep_truth_test.c - what a sweep says of each process of a real node is what the node itself
 * says: some thousand idle processes of all kinds, every field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>

#include "probe/beam/term.h"
#include "probe/beam/test_node.h"
#include "probe/beam/wait/test_waits.h"
#include "probe/source.h"

extern const struct source source_beam;

enum {
  OF_EACH_KIND = 100,
  LINES_MOST = 8192,
  FIELD_BYTES = 4096,
  ASKING = 4, /* reductions that a question costs which came as a signal, after it was answered */
};

/* A line of truth.erl. */
struct truth {
  uint64_t key, parent; /* parent 0: the node cannot tell */
  char status[32];
  long long depth, heap_words, reductions;
  char function[FIELD_BYTES], name[FIELD_BYTES];
};

static void decode(const char *hex, char *text)
{
  size_t n = 0;
  unsigned byte;
  for (hex++; sscanf(hex, "%2x", &byte) == 1; hex += 2) /* "=" stands before it */
    text[n++] = (char)byte;
  text[n] = '\0';
}

static uint64_t key_of(const char *number)
{
  struct beam_pid pid;
  if (sscanf(number, "%" SCNu32 ".%" SCNu32, &pid.number, &pid.serial) != 2)
    return 0;
  return beam_pid_key(pid);
}

static bool parse(const char *line, struct truth *truth)
{
  static char function[FIELD_BYTES * 2], name[FIELD_BYTES * 2];
  char pid[64], parent[64];
  if (sscanf(line, "%63s %31s %lld %lld %lld %8191s %8191s %63s", pid, truth->status, &truth->depth,
             &truth->heap_words, &truth->reductions, function, name, parent) != 8)
    return false;
  decode(function, truth->function);
  decode(name, truth->name);
  truth->key = key_of(pid);
  truth->parent = key_of(parent);
  return truth->key != 0;
}

/* The lines that it prints until it is ready. */
static struct truth *read_truth(struct test_node *node, size_t *ret_count)
{
  static char line[FIELD_BYTES * 4];
  struct truth *truth = calloc(LINES_MOST, sizeof *truth);
  size_t count = 0;
  assert_non_null(truth);
  while (test_node_line(node, line, sizeof line) && strcmp(line, "ready") != 0) {
    if (strncmp(line, "failed ", 7) == 0)
      test_node_fail("the node's text failed: %s", line);
    if (count < LINES_MOST && parse(line, &truth[count]))
      count++;
  }
  *ret_count = count;
  return truth;
}

static const struct sweep_actor *find(const struct sweep *sweep, uint64_t key)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep->actors[i].key == key)
      return &sweep->actors[i];
  return NULL;
}

/* In the node's words. A blocked process waits, too. */
static const char *status_of(const struct sweep_actor *row)
{
  static const char *const words[] = {
      [ACTOR_RUNNING] = "running", [ACTOR_RUNNABLE] = "runnable",   [ACTOR_RECEIVE] = "waiting",
      [ACTOR_BLOCKED] = "waiting", [ACTOR_SUSPENDED] = "suspended", [ACTOR_EXITING] = "exiting",
  };
  return row->state == ENUM_UNKNOWN ? "unknown" : words[row->state];
}

static void compare(const struct sweep *sweep, const struct truth *truth, int32_t struct_bytes)
{
  const struct sweep_actor *row = find(sweep, truth->key);
  if (!row)
    fail_msg("%s is not in the sweep", truth->name);
  const char *name = sweep_text(sweep, row->name), *function = sweep_text(sweep, row->function);
  if (strcmp(name ? name : "", truth->name) != 0)
    fail_msg("name: got %s, wanted %s", name ? name : "none", truth->name);
  if (!function || strcmp(function, truth->function) != 0)
    fail_msg("%s: function %s, wanted %s", truth->name, function ? function : "none",
             truth->function);
  if (strcmp(status_of(row), truth->status) != 0)
    fail_msg("%s: state %s, wanted %s", truth->name, status_of(row), truth->status);
  if (row->depth != truth->depth || row->depth_is != DEPTH_EXACT)
    fail_msg("%s: depth %lld, wanted %lld", truth->name, (long long)row->depth, truth->depth);
  if (row->work_count < truth->reductions || row->work_count > truth->reductions + ASKING)
    fail_msg("%s: reductions %lld, wanted %lld", truth->name, (long long)row->work_count,
             truth->reductions);
  /* Messages that a process has not looked at belong to its mailbox yet: the node adds them up, one
   * by one. */
  long long memory = truth->heap_words * 8 + struct_bytes;
  if (row->memory_bytes > memory || (row->memory_bytes < memory && truth->depth == 0))
    fail_msg("%s: memory %lld, wanted %lld", truth->name, (long long)row->memory_bytes, memory);
  if (truth->parent && row->parent != truth->parent)
    fail_msg("%s: parent %llx, wanted %llx", truth->name, (unsigned long long)row->parent,
             (unsigned long long)truth->parent);
}

/* The process that the sweep calls so. */
static const struct sweep_actor *find_named(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->actor_count; i++) {
    const char *text = sweep_text(sweep, sweep->actors[i].name);
    if (text && strcmp(text, name) == 0)
      return &sweep->actors[i];
  }
  fail_msg("nobody is called %s", name);
  return NULL;
}

static void every_field_of_every_process_is_what_the_node_says(void **state)
{
  (void)state;
  char *load = test_waits_module("tests/beam/modules/truth.erl"), *text = NULL;
  char reason[SOURCE_REASON_BYTES] = "";
  struct sweep *sweep = NULL;
  void *session = NULL;
  size_t count;
  assert_true(asprintf(&text, "%s, truth:start(%d)", load, OF_EACH_KIND) > 0);
  struct test_node *node = test_node_spawn(text, NULL);
  struct truth *truth = read_truth(node, &count);
  assert_true(count > OF_EACH_KIND * 20);
  test_node_attach(node);
  assert_int_equal(source_beam.open(node->target, &session, reason), 0);
  assert_int_equal(source_beam.sweep(session, &sweep), 0);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep_check(sweep), 0);
  assert_int_equal(sweep->target.lost_count, 0);
  for (size_t i = 0; i < count; i++)
    compare(sweep, &truth[i], node->node.layout.sz_process);
  (void)printf("%zu processes of OTP %d compared\n", count, node->node.otp);

  /* What no process_info tells: who is called by a registered name, and what a mailbox begins with.
   */
  const struct sweep_actor *server = find_named(sweep, "server_7");
  assert_int_equal(server->flags, SWEEP_ACTOR_REGISTERED | SWEEP_ACTOR_NAMED);
  assert_int_equal(server->head, 0);
  sweep_free(sweep);
  source_beam.close(session);
  free(truth);
  free(text);
  free(load);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_every_process_is_what_the_node_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
