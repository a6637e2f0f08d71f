/* Bursts on a real process: what is counted, who ends them, and that nothing stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "bpf/shapes.h"
#include "bpf/test_subject.h"

enum { PID_OFFSET = 8, MOST_MS = 300, TELL_MS = 20 };

/* As erts_send_message and erts_do_exit_process. */
TEST_SUBJECT_PROBED void subject_send(const uint64_t *sender, const uint64_t *receiver, void *locks,
                                      uint64_t message)
{
  __asm__ volatile("" ::"r"(sender), "r"(receiver), "r"(locks), "r"(message) : "memory");
}

TEST_SUBJECT_PROBED void subject_exit(const uint64_t *process, uint64_t reason)
{
  __asm__ volatile("" ::"r"(process), "r"(reason) : "memory");
}

#define ATOM(n) ((uint64_t)(n) << 6 | 0x0b)
#define SMALL(n) ((uint64_t)(n) << 4 | 0x0f)
#define PID(n) ((uint64_t)(n) << 4 | 0x03)
#define ARITY(n) ((uint64_t)(n) << 6)
#define SLOT_TUPLE(n) ((uint64_t)(n) << SHAPE_KIND_BITS | SHAPE_TUPLE)

static uint64_t boxed(const uint64_t *words)
{
  return (uint64_t)(uintptr_t)words | 2;
}

static uint64_t first_sender[] = {0, PID(11)}, second_sender[] = {0, PID(22)};
static uint64_t receiver[1], other_receiver[1];
static uint64_t request[3] = {ARITY(2), ATOM(7)};
static uint64_t call[4] = {ARITY(3), ATOM(8), PID(11)};

static void pause_ns(long ns)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* In each round 6 casts of one sender, 3 atoms of the other, one for somebody else: a few thousand a second. */
static void send_politely(void *context)
{
  (void)context;
  request[2] = SMALL(5);
  call[3] = boxed(request);
  for (uint64_t i = 0;; i++) {
    request[2] = SMALL(i);
    for (int k = 0; k < 6; k++)
      subject_send(first_sender, receiver, NULL, boxed(call));
    for (int k = 0; k < 3; k++)
      subject_send(second_sender, receiver, NULL, ATOM(9));
    subject_send(second_sender, other_receiver, NULL, ATOM(9));
    pause_ns(1000000);
  }
}

static void send_flat_out(void *context)
{
  (void)context;
  for (;;)
    subject_send(first_sender, receiver, NULL, ATOM(9));
}

static void exit_for_reasons(void *context)
{
  static uint64_t badmatch[3] = {ARITY(2), ATOM(3), SMALL(1)};
  static uint64_t deep[3] = {ARITY(2), 0, 0x3b};
  (void)context;
  deep[1] = boxed(badmatch);
  for (;;) {
    subject_exit(first_sender, ATOM(1));
    subject_exit(first_sender, boxed(deep));
    subject_exit(first_sender, (uint64_t)1 << 62 | 2); /* a box where nothing is */
    pause_ns(1000000);
  }
}

static struct shapes_burst burst_at(enum shapes_at at, pid_t pid)
{
  const void *function = at == SHAPES_AT_SEND ? (const void *)(uintptr_t)subject_send
                                              : (const void *)(uintptr_t)subject_exit;
  return (struct shapes_burst){.at = at,
                               .site = test_subject_site(pid, function),
                               .pidfd = test_subject_pidfd(pid),
                               .receiver = (uint64_t)(uintptr_t)receiver,
                               .pid_offset = PID_OFFSET,
                               .most_hits = 20000,
                               .most_ms = MOST_MS};
}

static struct shapes run(struct shapes_burst *burst)
{
  struct shapes shapes = {0};
  int error = shapes_run(burst, &shapes);

  assert_int_equal(error, 0);
  (void)close(burst->site.exe_fd);
  (void)close(burst->pidfd);
  return shapes;
}

static void counts_messages_by_sender_and_shape(void **state)
{
  pid_t pid = test_subject_start(send_politely, NULL);
  struct shapes_burst burst = burst_at(SHAPES_AT_SEND, pid);
  struct shapes shapes = run(&burst);
  const struct shape_key *cast, *atom;

  (void)state;
  test_subject_stop(pid);
  assert_int_equal(shapes.end, SHAPES_END_TIME);
  assert_int_equal(shapes.count, 2);
  assert_true(shapes.hits > 100);
  assert_true(shapes.hits == shapes.seen);
  /* a burst begins and ends in the middle of a round */
  assert_in_range(shapes.list[0].count, 2 * shapes.list[1].count - 6, 2 * shapes.list[1].count + 6);
  assert_true(shapes.matched == shapes.list[0].count + shapes.list[1].count);
  assert_in_range(shapes.hits - shapes.matched, shapes.matched / 9 - 1, shapes.matched / 9 + 1);
  cast = &shapes.list[0].key;
  assert_true(cast->who == PID(11));
  assert_true(cast->top == SLOT_TUPLE(3));
  assert_true(cast->element[0] == ATOM(8) && cast->element[1] == 3);
  assert_true(cast->element[2] == SLOT_TUPLE(2));
  assert_true(cast->inner[2] == ATOM(7) && cast->inner[0] == 0);
  atom = &shapes.list[1].key;
  assert_true(atom->who == PID(22) && atom->top == ATOM(9) && atom->element[0] == 0);
  shapes_done(&shapes);
}

static void ends_by_itself_above_its_budget(void **state)
{
  pid_t pid = test_subject_start(send_flat_out, NULL);
  struct shapes_burst burst = burst_at(SHAPES_AT_SEND, pid);
  struct shapes shapes;

  (void)state;
  burst.most_ms = 60000;
  shapes = run(&burst);
  test_subject_stop(pid);
  assert_int_equal(shapes.end, SHAPES_END_HITS);
  assert_true(shapes.seen == burst.most_hits && shapes.matched == burst.most_hits);
  assert_true(shapes.hits >= shapes.seen);
  assert_int_equal(shapes.count, 1);
  assert_true(shapes.list[0].count == burst.most_hits);
  assert_true(shapes.duration_ns > 0);
  shapes_done(&shapes);
}

static void counts_reasons(void **state)
{
  pid_t pid = test_subject_start(exit_for_reasons, NULL);
  struct shapes_burst burst = burst_at(SHAPES_AT_EXIT, pid);
  struct shapes shapes = run(&burst);
  uint64_t atoms = 0, tuples = 0, unreadable = 0;

  (void)state;
  test_subject_stop(pid);
  assert_int_equal(shapes.count, 3);
  for (size_t i = 0; i < shapes.count; i++) {
    const struct shape_key *key = &shapes.list[i].key;
    assert_true(key->who == 0);
    if (key->top == ATOM(1))
      atoms = shapes.list[i].count;
    else if (key->top == SLOT_TUPLE(2) && key->inner[0] == ATOM(3) && key->element[1] == 0x3b)
      tuples = shapes.list[i].count;
    else if (key->element[0] == 0)
      unreadable = shapes.list[i].count;
  }
  assert_true(atoms > 10);
  assert_in_range(tuples, atoms - 1, atoms + 1);
  assert_in_range(unreadable, atoms - 1, atoms + 1);
  shapes_done(&shapes);
}

static void kill_soon(void *context)
{
  const pid_t *victim = context;
  pause_ns(TELL_MS * 1000000L);
  (void)kill(*victim, SIGKILL);
}

static void ends_with_its_target(void **state)
{
  pid_t pid = test_subject_start(send_politely, NULL);
  struct shapes_burst burst = burst_at(SHAPES_AT_SEND, pid);
  pid_t killer = test_subject_start(kill_soon, &pid);
  struct shapes shapes;

  (void)state;
  burst.most_ms = 60000;
  shapes = run(&burst);
  assert_int_equal(shapes.end, SHAPES_END_GONE);
  shapes_done(&shapes);
  test_subject_stop(killer);
  test_subject_stop(pid);
}

static void refuses_an_unprivileged_user(void **state)
{
  int status = 0;
  pid_t pid = fork();

  (void)state;
  if (pid == 0) {
    char words[256] = "";
    struct shapes_burst burst = burst_at(SHAPES_AT_SEND, getpid());
    struct shapes shapes;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
      _exit(2);
    if (shapes_run(&burst, &shapes) != -EPERM)
      _exit(3);
    ladder_explain(-EPERM, words, sizeof(words));
    _exit(strstr(words, "CAP_BPF and CAP_PERFMON") && strstr(words, "run as root") ? 0 : 4);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_messages_by_sender_and_shape),
      cmocka_unit_test(ends_by_itself_above_its_budget),
      cmocka_unit_test(counts_reasons),
      cmocka_unit_test(ends_with_its_target),
      cmocka_unit_test(refuses_an_unprivileged_user),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
