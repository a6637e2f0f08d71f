/* Words for refusals: each reason by itself, and the real ones that this machine can show. */
#include "probe/reach/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/prctl.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

enum { NOBODY = 65534, SOMEBODY = 54321 };

static void expect_words(const char *text, const char *wanted)
{
  if (!strstr(text, wanted))
    fail_msg("got \"%s\", wanted \"%s\"", text, wanted);
}

static void each_reason_has_its_words_and_remedy(void **state)
{
  (void)state;
  const struct {
    int error;
    struct explain_facts facts;
    const char *words, *remedy;
  } cases[] = {
      {-ESRCH, {.gone = true}, "has gone", "nothing"},
      {-ESRCH, {.known = true}, "has gone", "nothing"},
      {-EACCES, {.hidden = true}, "hidepid", "gid="},
      {-EPERM,
       {.known = true, .other_user = true, .uid = 1000},
       "another user (uid 1000)",
       "as that user"},
      {-EPERM,
       {.known = true, .undumpable = true, .capabilities = 1},
       "not dumpable",
       "PR_SET_DUMPABLE"},
      {-EPERM, {.known = true, .capabilities = 1, .yama = 1}, "capabilities", "CAP_SYS_PTRACE"},
      {-EPERM, {.known = true, .yama = 1}, "ptrace_scope = 1", "PR_SET_PTRACER"},
      {-EPERM, {.known = true, .yama = 2}, "ptrace_scope = 2", "root"},
      {-EPERM, {.known = true, .yama = 3, .privileged = true}, "ptrace_scope = 3", "reboot"},
      {-EPERM, {.known = true}, "security module or a container", "SYS_PTRACE"},
      {-EPERM,
       {.known = true, .privileged = true, .enters = true, .other_user = true, .yama = 2},
       "even by the privileged",
       "ask"},
      {-EACCES,
       {.known = true, .privileged = true, .other_user = true},
       "another user, whose files",
       "CAP_DAC_READ_SEARCH"},
      {-ENOMEM, {.known = true, .other_user = true}, "Cannot allocate memory", "process 17"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[256];
    explain_words(17, cases[i].error, &cases[i].facts, text, sizeof text);
    expect_words(text, cases[i].words);
    expect_words(text, cases[i].remedy);
    expect_words(text, "process 17");
  }
}

static void words_are_cut_to_the_room(void **state)
{
  (void)state;
  struct explain_facts facts = {.gone = true};
  char text[16];
  memset(text, 'x', sizeof text);
  explain_words(17, -ESRCH, &facts, text, sizeof text);
  assert_string_equal(text, "process 17 has ");
}

static void a_forged_name_is_no_field(void **state)
{
  (void)state;
  const char *status =
      "Name:\tUid: 1 2 3\nState:\tS\nUid:\t7\t8\t9\t9\nCapPrm:\t00000000000000ff\n";
  unsigned ids[3];
  uint64_t capabilities;
  assert_true(explain_status_ids(status, "Uid:", ids));
  assert_true(ids[0] == 7 && ids[1] == 8 && ids[2] == 9);
  assert_true(explain_status_capabilities(status, "CapPrm:", &capabilities));
  assert_true(capabilities == 0xff);
  assert_false(explain_status_ids(status, "Gid:", ids));
  assert_false(explain_status_ids("Name:\tx\nUid:\tx", "Uid:", ids));
}

static void a_dead_process_is_said_to_be_gone(void **state)
{
  (void)state;
  char text[256];
  struct test_child child = test_child_start(NULL, NULL, false);
  test_child_kill(&child);
  reach_explain(child.pid, -ESRCH, text, sizeof text);
  expect_words(text, "has gone");
}

static void become(uid_t uid)
{
  if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
    _exit(1);
}

static void become_nobody(void *dumpable, int in, int out)
{
  (void)in, (void)out;
  become(NOBODY);
  /* Changing the user cleared it. */
  if (prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0) != 0)
    _exit(1);
}

/* Reads the process as `uid` would, and sends the error and its words up. */
struct attempt {
  uid_t uid;
  pid_t pid;
};

static void try_to_read(void *context, int in, int out)
{
  (void)in;
  const struct attempt *attempt = context;
  struct reach_target *target = NULL;
  char answer[256] = "-read", byte;
  become(attempt->uid);
  int error = reach_open(attempt->pid, &target);
  ssize_t got = error ? error : reach_read(target, (uintptr_t)answer & ~(uintptr_t)4095, &byte, 1);
  if (got < 0)
    reach_explain(attempt->pid, (int)got, answer + 1, sizeof answer - 1);
  reach_close(target);
  if (write(out, answer, sizeof answer) != sizeof answer)
    _exit(1);
}

static void read_as(uid_t uid, pid_t pid, char ret_words[255])
{
  struct attempt attempt = {uid, pid};
  struct test_child reader = test_child_start(try_to_read, &attempt, true);
  assert_int_equal(read(reader.from, ret_words, 255), 255);
  test_child_kill(&reader);
}

static void other_users_and_undumpable_processes_are_told_apart(void **state)
{
  (void)state;
  if (geteuid() != 0) {
    print_message("needs root, to become other users\n");
    skip();
  }
  char words[255];
  bool dumpable = true;
  struct test_child open = test_child_start(become_nobody, &dumpable, false);
  struct test_child shut = test_child_start(become_nobody, NULL, false);
  struct test_child root = test_child_start(NULL, NULL, false);

  read_as(SOMEBODY, open.pid, words);
  expect_words(words, "another user (uid 65534)");
  read_as(NOBODY, shut.pid, words);
  expect_words(words, "not dumpable");
  read_as(NOBODY, root.pid, words);
  expect_words(words, "another user (uid 0)");
  read_as(0, open.pid, words);
  assert_string_equal(words, "read");

  test_child_kill(&open);
  test_child_kill(&shut);
  test_child_kill(&root);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_reason_has_its_words_and_remedy),
      cmocka_unit_test(words_are_cut_to_the_room),
      cmocka_unit_test(a_forged_name_is_no_field),
      cmocka_unit_test(a_dead_process_is_said_to_be_gone),
      cmocka_unit_test(other_users_and_undumpable_processes_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
