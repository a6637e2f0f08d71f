/* Both routes on the same threads: the same identities, calls and bytes of locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "probe/clock.h"
#include "probe/processor/processor.h"
#include "probe/reach/test_child.h"
#include "probe/thread/route.h"

enum { BLOCKED = 40, DEADLINE_MS = 20000, SKIPPED = 77 };

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *lock_held(void *name)
{
  (void)prctl(PR_SET_NAME, name);
  (void)pthread_mutex_lock(&held);
  return NULL;
}

/* In a mutex, in a read and in a pause. */
static void block_many(void *context, int in, int out)
{
  pthread_t thread;
  char name[16];
  (void)context;
  (void)in;
  (void)pthread_mutex_lock(&held);
  for (int i = 0; i < BLOCKED; i++) {
    (void)snprintf(name, sizeof name, "blocked%d", i);
    if (pthread_create(&thread, NULL, lock_held, strdup(name)) != 0)
      _exit(1);
  }
  if (write(out, "r", 1) != 1)
    _exit(1);
}

struct scene {
  struct test_child child;
  struct reach_target *target;
  struct route *proc, *bpf;
};

static int scene_open(void **state)
{
  static struct scene scene;
  char reason[256] = "";
  scene.child = test_child_start(block_many, NULL, true);
  if (reach_open(scene.child.pid, &scene.target) != 0 ||
      route_proc.open(scene.target, &scene.proc, reason, sizeof reason) != 0 ||
      route_bpf.open(scene.target, &scene.bpf, reason, sizeof reason) != 0) {
    print_error("%s\n", reason);
    return -1;
  }
  *state = &scene;
  return 0;
}

static int scene_close(void **state)
{
  struct scene *scene = *state;
  route_proc.close(scene->proc);
  route_bpf.close(scene->bpf);
  reach_close(scene->target);
  test_child_kill(&scene->child);
  return 0;
}

/* Until all who are to be blocked are. */
static size_t read_blocked(struct route *route, const struct thread_state **ret_list)
{
  for (int ms = 0; ms < DEADLINE_MS; ms++) {
    uint64_t lost;
    size_t count, blocked = 0;
    assert_int_equal(route->kind->read(route, NULL, 0, ret_list, &count, &lost), 0);
    for (size_t i = 0; i < count; i++)
      blocked += (*ret_list)[i].activity == THREAD_CALLS && (*ret_list)[i].lock_read;
    if (blocked == BLOCKED && (*ret_list)[0].activity == THREAD_CALLS)
      return count;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  fail_msg("they are never all blocked");
  return 0;
}

static void assert_same(const struct thread_state *left, const struct thread_state *right)
{
  assert_int_equal(left->tid, right->tid);
  assert_int_equal(left->tid_inside, right->tid_inside);
  assert_true(left->start_ticks == right->start_ticks);
  assert_true(thread_key(left) == thread_key(right));
  assert_string_equal(left->comm, right->comm);
  assert_int_equal(left->activity, right->activity);
  assert_int_equal(left->call, right->call);
  assert_memory_equal(left->arguments, right->arguments, sizeof left->arguments);
  assert_true(left->sp == right->sp && left->pc == right->pc);
  assert_int_equal(left->lock_read, right->lock_read);
  assert_memory_equal(left->lock, right->lock, sizeof left->lock);
}

static void tell_the_same(void **state)
{
  struct scene *scene = *state;
  const struct thread_state *by_proc, *by_bpf;
  size_t count = read_blocked(scene->proc, &by_proc);
  uint64_t now_ns;

  assert_int_equal(read_blocked(scene->bpf, &by_bpf), count);
  now_ns = clock_mono_ns();
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(by_proc[i].tid, by_bpf[i].tid);
    if (i > 0 && !by_proc[i].lock_read)
      continue; /* a sanitizer's own, which comes and goes */
    assert_same(&by_proc[i], &by_bpf[i]);
    assert_true(by_bpf[i].since_ns != 0 && by_bpf[i].since_ns <= now_ns);
    assert_true(i == 0 || by_bpf[i - 1].tid < by_bpf[i].tid);
  }
}

static void read_only_who_is_asked_for(void **state)
{
  struct scene *scene = *state;
  struct route *routes[] = {scene->proc, scene->bpf};
  const struct thread_state *list;
  pid_t tids[4];
  uint64_t lost;
  size_t count;

  for (size_t r = 0; r < 2; r++) {
    (void)read_blocked(routes[r], &list);
    for (size_t i = 0; i < 3; i++)
      tids[i] = list[10 * i + 5].tid; /* ascending */
    tids[3] = INT32_MAX;              /* nobody */
    assert_int_equal(routes[r]->kind->read(routes[r], tids, 4, &list, &count, &lost), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
      assert_int_equal(list[i].tid, tids[i]);
    assert_int_equal(routes[r]->kind->read(routes[r], tids, 0, &list, &count, &lost), 0);
    assert_int_equal(count, 0);
  }
}

static void say_who_has_gone(void **state)
{
  struct scene *scene = *state;
  const struct thread_state *list;
  uint64_t lost;
  size_t count;

  (void)kill(scene->child.pid, SIGKILL);
  for (int ms = 0; ms < DEADLINE_MS && reach_alive(scene->target); ms++)
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  assert_int_equal(route_bpf.read(scene->bpf, NULL, 0, &list, &count, &lost), -ESRCH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(tell_the_same),
      TEST(read_only_who_is_asked_for),
      TEST(say_who_has_gone),
  };
  char words[256];

  if (ladder_try(words, sizeof words) != 0) {
    (void)fprintf(stderr, "skipped: %s\n", words);
    return SKIPPED;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
