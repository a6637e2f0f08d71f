/*
 * impasse_test.c - the hook library as its reader sees it: every test reads back through region.h
 * what was recorded. The library's state belongs to the process, so each test runs in a forked
 * child, which starts afresh; that alone tests the fork. A child says what failed on standard error
 * and exits with 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/hook/impasse.h"

/* ---- Checks in a child ---- */

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: not so: %s\n", __func__, __LINE__, #condition);                      \
      _exit(1);                                                                                    \
    }                                                                                              \
  } while (0)

#define CHECK_EQUAL(got, wanted)                                                                   \
  do {                                                                                             \
    uint64_t got_ = (uint64_t)(got), wanted_ = (uint64_t)(wanted);                                 \
    if (got_ != wanted_) {                                                                         \
      fprintf(stderr, "%s:%d: %s: got %" PRIu64 " (0x%" PRIx64 "), wanted %" PRIu64 "\n",          \
              __func__, __LINE__, #got, got_, got_, wanted_);                                      \
      _exit(1);                                                                                    \
    }                                                                                              \
  } while (0)

static int status_of(pid_t pid)
{
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) != pid)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

enum { CRASHES = 4 };
static const int crashes[CRASHES] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

/* Runs `body` in a child; 0 when it returned. */
static int in_child(void (*body)(void))
{
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < CRASHES; i++) /* cmocka would go on with the next test, in the child */
      signal(crashes[i], SIG_DFL);
    body();
    _exit(0);
  }
  return status_of(pid);
}

#define TEST(name)                                                                                 \
  static void name##_body(void);                                                                   \
  static void name(void **state)                                                                   \
  {                                                                                                \
    (void)state;                                                                                   \
    assert_int_equal(in_child(name##_body), 0);                                                    \
  }                                                                                                \
  static void name##_body(void)

/* ---- Reading back ---- */

/* Regions that a process maps, by their place in the chain; returns how many mappings of the
 * name there are. */
struct mapped {
  uint64_t begin, end, inode;
};

static int mapped_regions(pid_t pid, struct mapped *ret_list, int room)
{
  char path[64], line[512];
  int count = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
  FILE *maps = fopen(path, "r");
  while (maps && fgets(line, sizeof line, maps)) {
    struct mapped m;
    if (!strstr(line, "/memfd:" IMPASSE_REGION_NAME " ") ||
        sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64, &m.begin, &m.end, &m.inode) !=
            3)
      continue;
    if (count < room)
      ret_list[count] = m;
    count++;
  }
  if (maps)
    fclose(maps);
  return count;
}

static struct impasse_header *region(uint32_t chain)
{
  struct mapped list[16];
  int count = mapped_regions(getpid(), list, 16);
  for (int i = 0; i < count && i < 16; i++) {
    struct impasse_header *header = (struct impasse_header *)(uintptr_t)list[i].begin;
    if (header->pid == (uint32_t)getpid() && header->chain == chain)
      return header;
  }
  return NULL;
}

static struct impasse_hot *hot_of(struct impasse_ref ref)
{
  uint32_t number = ref.stamp & 0xffffff;
  struct impasse_header *header = region(number / IMPASSE_SLOTS);
  CHECK(header);
  return (struct impasse_hot *)((char *)header + header->arrays[IMPASSE_ARRAY_HOT].offset) +
         number % IMPASSE_SLOTS;
}

static struct impasse_cold *cold_of(struct impasse_ref ref)
{
  return impasse_line(hot_of(ref), IMPASSE_ARRAY_COLD);
}

static struct impasse_box *box_of(struct impasse_ref ref)
{
  return impasse_line(hot_of(ref), IMPASSE_ARRAY_BOX);
}

static struct impasse_wait_line *wait_of(struct impasse_ref ref, unsigned index)
{
  return impasse_wait_line_of(hot_of(ref), index);
}

static const struct impasse_class_entry *class_of(uint32_t class_id)
{
  struct impasse_header *header = region(0);
  return (struct impasse_class_entry *)((char *)header +
                                        header->arrays[IMPASSE_ARRAY_CLASSES].offset) +
         class_id - 1;
}

static uint64_t losses(enum impasse_loss loss)
{
  return region(0)->losses[loss];
}

/* What the counters of all shards add up to. */
struct lives {
  uint64_t born, died; /* actors */
  uint64_t taken_again;
};

static struct lives lives_now(void)
{
  struct lives sum = {0};
  const struct impasse_shard *shard =
      (void *)((char *)region(0) + region(0)->arrays[IMPASSE_ARRAY_SHARDS].offset);
  for (unsigned i = 0; i < IMPASSE_SHARDS; i++, shard++) {
    sum.born += shard->fresh_count + shard->head_count - shard->others_born;
    sum.died += shard->tail_count - shard->others_died;
    sum.taken_again += shard->head_count;
  }
  return sum;
}

static uint32_t number_of(struct impasse_ref ref)
{
  return ref.stamp & 0xffffff;
}

static struct impasse_actor actor_named(const char *name)
{
  struct impasse_actor actor = impasse_actor_open(impasse_text(name));
  CHECK(actor.ref.slot);
  return actor;
}

/* Polls until `condition` or a deadline of 20 s; false when it passed. */
static bool within_deadline(bool (*condition)(void))
{
  for (int i = 0; i < 2000; i++) {
    struct timespec pause = {0, 10 * 1000 * 1000};
    if (condition())
      return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

/* ---- The region ---- */

TEST(region_describes_itself_and_is_sealed)
{
  CHECK_EQUAL(impasse_status(), -EAGAIN);
  CHECK_EQUAL(impasse_start(NULL), 0);
  CHECK_EQUAL(impasse_start(NULL), 0);
  struct mapped mapped;
  CHECK_EQUAL(mapped_regions(getpid(), &mapped, 1), 1);
  CHECK_EQUAL(mapped.end - mapped.begin, IMPASSE_FILE_BYTES);
  const struct impasse_header *header = region(0);
  CHECK(impasse_header_check(header) == NULL);
  CHECK_EQUAL(header->state, IMPASSE_REGION_LIVE);
  CHECK_EQUAL(header->region_count, 1);
  CHECK(header->start_ticks != 0);
  int seals = -1;
  for (int fd = 3; fd < 64; fd++) {
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_ino == mapped.inode &&
        (seals = fcntl(fd, F_GET_SEALS)) >= 0) {
      CHECK_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
      CHECK_EQUAL(status.st_size, IMPASSE_FILE_BYTES);
      CHECK_EQUAL(status.st_blksize, sysconf(_SC_PAGESIZE));
      CHECK_EQUAL(ftruncate(fd, 4096), -1);
    }
  }
  CHECK_EQUAL(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

TEST(a_header_with_any_other_shape_is_refused)
{
  CHECK_EQUAL(impasse_start(NULL), 0);
  struct impasse_header good = *region(0), bad = good;
  CHECK(impasse_header_check(&good) == NULL);
  bad.magic++;
  CHECK(impasse_header_check(&bad));
  bad = good;
  bad.layout++;
  CHECK(impasse_header_check(&bad));
  bad = good;
  bad.file_bytes += 65536;
  CHECK(impasse_header_check(&bad));
  bad = good;
  bad.first_slot = 1;
  CHECK(impasse_header_check(&bad));
  bad = good;
  bad.arrays[IMPASSE_ARRAY_CELLS].offset += 8;
  CHECK(impasse_header_check(&bad));
}

TEST(stop_marks_an_orderly_end_and_makes_handles_inert)
{
  struct impasse_actor actor = actor_named("a");
  impasse_put(impasse_mailbox_of(actor), 1);
  const struct impasse_header *header = region(0);
  const struct impasse_box *box = box_of(actor.ref);
  impasse_stop();
  CHECK_EQUAL(header->state, IMPASSE_REGION_CLOSED);
  CHECK_EQUAL(impasse_status(), -ESHUTDOWN);
  impasse_put(impasse_mailbox_of(actor), 1);
  CHECK_EQUAL(box->put, 1);
  CHECK(!impasse_actor_open(impasse_text("b")).ref.slot);
}

TEST(calls_leave_errno_alone)
{
  errno = 4711;
  struct impasse_actor actor = impasse_actor_open(impasse_text("a"));
  impasse_call_end(impasse_call_begin(actor, actor.ref, 0, 0));
  impasse_actor_close(actor);
  impasse_stop();
  CHECK_EQUAL(errno, 4711);
}

/* ---- Actors and names ---- */

TEST(an_opened_actor_is_published_with_its_names)
{
  uint32_t worker = impasse_class("worker");
  struct impasse_pool pool = impasse_pool_open(impasse_text("pool"), 4);
  struct impasse_actor parent = impasse_actor_open(impasse_registered("parent"));
  struct impasse_actor child = impasse_actor_open_in(impasse_numbered(worker, 17), parent, pool);
  CHECK_EQUAL(impasse_class("worker"), worker);
  CHECK(impasse_class("other") != worker);
  CHECK(strcmp(class_of(worker)->text, "worker") == 0);
  CHECK_EQUAL(hot_of(child.ref)->generation & 1, 1);
  CHECK_EQUAL(hot_of(child.ref)->number, number_of(child.ref));
  CHECK_EQUAL(hot_of(child.ref)->kind, IMPASSE_KIND_ACTOR);
  CHECK_EQUAL(IMPASSE_RUN_STATE(hot_of(child.ref)->run), IMPASSE_RECEIVE);
  CHECK_EQUAL(hot_of(child.ref)->memory_bytes, INT64_MIN);
  CHECK_EQUAL(cold_of(child.ref)->name_kind, IMPASSE_NAME_NUMBERED);
  CHECK_EQUAL(cold_of(child.ref)->class_id, worker);
  CHECK_EQUAL(cold_of(child.ref)->number, 17);
  CHECK_EQUAL(cold_of(child.ref)->parent,
              IMPASSE_REF(number_of(parent.ref), parent.ref.generation));
  CHECK_EQUAL(cold_of(child.ref)->pool, IMPASSE_REF(number_of(pool.ref), pool.ref.generation));
  CHECK_EQUAL(cold_of(pool.ref)->capacity, 4);
  CHECK_EQUAL(cold_of(parent.ref)->name_kind, IMPASSE_NAME_TEXT);
  CHECK_EQUAL(cold_of(parent.ref)->name_flags, IMPASSE_NAME_REGISTERED);
  CHECK(strcmp(impasse_line(hot_of(parent.ref), IMPASSE_ARRAY_TEXT), "parent") == 0);
  CHECK_EQUAL(IMPASSE_RUN_STATE(hot_of(parent.ref)->run), IMPASSE_RUNNING);
  CHECK_EQUAL(lives_now().born, 2);
  CHECK(region(0)->heartbeat_ns > 0);
  impasse_actor_close(child);
  impasse_actor_close(child);
  CHECK_EQUAL(hot_of(child.ref)->generation, child.ref.generation + 1);
  CHECK_EQUAL(lives_now().died, 1);
}

TEST(only_actors_and_queues_are_born_and_die)
{
  struct impasse_actor actor = actor_named("actor");
  struct impasse_ref holders[5] = {actor.ref, actor.ref, actor.ref, actor.ref, actor.ref};
  struct impasse_wait_request many = {holders, 5, IMPASSE_VIA_OTHER, 0, 0, 0};
  impasse_wait_end(impasse_wait_begin(actor, &many)); /* takes a list */
  impasse_mailbox_close(impasse_mailbox_open(actor));
  impasse_pool_close(impasse_pool_open(impasse_text("pool"), 1));
  impasse_table_close(impasse_table_open(impasse_text("table"), IMPASSE_TABLE));
  impasse_service_close(impasse_service_open(impasse_text("service")));
  impasse_promise_close(impasse_promise_open(impasse_text("promise")));
  CHECK_EQUAL(lives_now().born, 1);
  CHECK_EQUAL(lives_now().died, 0);
  impasse_mailbox_close(impasse_queue_open(impasse_text("queue")));
  impasse_actor_close(actor);
  CHECK_EQUAL(lives_now().born, 2);
  CHECK_EQUAL(lives_now().died, 2);
}

TEST(names_that_are_too_long_are_cut_and_counted)
{
  char name[200];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  struct impasse_actor actor = actor_named(name);
  CHECK_EQUAL(strlen(impasse_line(hot_of(actor.ref), IMPASSE_ARRAY_TEXT)), IMPASSE_TEXT_BYTES - 1);
  CHECK_EQUAL(losses(IMPASSE_LOSS_NAMES), 1);
  uint32_t class_id = impasse_class(name);
  CHECK_EQUAL(strlen(class_of(class_id)->text), IMPASSE_CLASS_TEXT_BYTES - 1);
  CHECK_EQUAL(losses(IMPASSE_LOSS_NAMES), 2);
}

TEST(name_classes_beyond_the_table_are_unknown_and_counted)
{
  char name[16];
  for (unsigned i = 0; i < IMPASSE_CLASSES; i++) {
    snprintf(name, sizeof name, "class %u", i);
    CHECK_EQUAL(impasse_class(name), i + 1);
  }
  CHECK_EQUAL(impasse_class("one more"), 0);
  CHECK_EQUAL(losses(IMPASSE_LOSS_CLASSES), 1);
  CHECK_EQUAL(impasse_class("class 7"), 8);
  CHECK_EQUAL(impasse_class(""), 0);
}

TEST(a_worker_publishes_its_thread_while_it_runs_an_actor)
{
  struct impasse_pool pool = impasse_pool_open(impasse_text("pool"), 1);
  struct impasse_worker worker = impasse_worker_begin(pool);
  struct impasse_actor actor =
      impasse_actor_open_in(impasse_text("a"), (struct impasse_actor){{NULL, 0, 0}}, pool);
  const struct impasse_hot *hot = hot_of(actor.ref);
  impasse_runnable(actor);
  CHECK_EQUAL(hot->run, IMPASSE_RUN(0, IMPASSE_RUNNABLE));
  impasse_run_begin(&worker, actor);
  CHECK_EQUAL(hot->run, IMPASSE_RUN(syscall(SYS_gettid), IMPASSE_RUNNING));
  CHECK_EQUAL(hot->runs, 1);
  impasse_receive_begin(actor);
  CHECK_EQUAL(hot->run, IMPASSE_RUN(syscall(SYS_gettid), IMPASSE_RECEIVE));
  impasse_receive_end(actor);
  struct impasse_wait wait = impasse_call_begin(actor, impasse_unknown(), 0, 0);
  CHECK_EQUAL(wait_of(actor.ref, 0)->run, 1);
  impasse_run_end(actor, IMPASSE_BLOCKED);
  CHECK_EQUAL(hot->run, IMPASSE_RUN(0, IMPASSE_BLOCKED));
  impasse_run_begin(&worker, actor);
  CHECK(wait_of(actor.ref, 0)->run != (uint32_t)hot->runs);
  impasse_wait_end(wait);
  impasse_actor_memory(actor, 4096);
  impasse_actor_function(actor, impasse_class("f"));
  CHECK_EQUAL(hot->memory_bytes, 4096);
  CHECK_EQUAL(hot->function, impasse_class("f"));
}

/* ---- Mailboxes ---- */

TEST(mailboxes_count_what_was_put_taken_and_dropped)
{
  static uint16_t own_depth = 3;
  struct impasse_actor actor = actor_named("a");
  struct impasse_mailbox mailbox = impasse_mailbox_of(actor);
  struct impasse_mailbox urgent = impasse_mailbox_open(actor);
  const struct impasse_box *box = box_of(actor.ref);
  impasse_put(mailbox, 1);
  impasse_put(mailbox, 4);
  impasse_put_single(mailbox, 2);
  impasse_take(mailbox, 1);
  impasse_take_shared(mailbox, 2);
  impasse_drop_newest(mailbox, 8);
  impasse_drop_oldest(mailbox, 1);
  impasse_capacity(mailbox, 100);
  CHECK_EQUAL(box->put, 7);
  CHECK_EQUAL(hot_of(actor.ref)->taken, 3);
  CHECK_EQUAL(box->dropped_newest, 8);
  CHECK_EQUAL(box->dropped_oldest, 1);
  CHECK_EQUAL(box->capacity, 100);
  CHECK_EQUAL(hot_of(urgent.ref)->kind, IMPASSE_KIND_MAILBOX);
  CHECK_EQUAL(cold_of(urgent.ref)->owner, IMPASSE_REF(number_of(actor.ref), actor.ref.generation));
  impasse_put(urgent, 1);
  CHECK_EQUAL(box_of(urgent.ref)->put, 1);
  CHECK_EQUAL(box->put, 7);
  impasse_adopt(urgent, &own_depth, 3, false);
  CHECK_EQUAL(box_of(urgent.ref)->adopt_address, 0);
  impasse_adopt(urgent, &own_depth, sizeof own_depth, false);
  CHECK_EQUAL(box_of(urgent.ref)->adopt_address, (uintptr_t)&own_depth);
  CHECK_EQUAL(box_of(urgent.ref)->adopt_bytes, 2);
  impasse_mailbox_close(urgent);
  struct impasse_mailbox queue = impasse_queue_open(impasse_text("queue"));
  CHECK_EQUAL(hot_of(queue.ref)->kind, IMPASSE_KIND_QUEUE);
}

TEST(handles_of_closed_slots_change_nothing)
{
  const struct impasse_options options = {8};
  CHECK_EQUAL(impasse_start(&options), 0);
  struct impasse_actor old = actor_named("old"), actor[8];
  struct impasse_wait wait = impasse_call_begin(old, old.ref, 0, 0);
  impasse_actor_close(old);
  for (int i = 0; i < 8; i++)
    actor[i] = actor_named("new");
  struct impasse_hot *hot = hot_of(old.ref);
  CHECK_EQUAL(hot->generation, old.ref.generation + 2);
  struct impasse_hot before = *hot;
  impasse_put(impasse_mailbox_of(old), 1);
  impasse_take(impasse_mailbox_of(old), 1);
  impasse_drop_oldest(impasse_mailbox_of(old), 1);
  impasse_runnable(old);
  impasse_receive_begin(old);
  impasse_call_begin(old, old.ref, 0, 0);
  impasse_wait_end(wait);
  impasse_call_forward(wait, actor[0].ref);
  impasse_actor_close(old);
  CHECK(memcmp(&before, hot, sizeof before) == 0);
  CHECK_EQUAL(box_of(old.ref)->put + box_of(old.ref)->dropped_oldest, 0);
}

TEST(a_stale_mailbox_does_not_count_in_the_list_that_took_its_slot)
{
  const struct impasse_options options = {1};
  CHECK_EQUAL(impasse_start(&options), 0);
  struct impasse_actor old = actor_named("old");
  impasse_actor_close(old);
  struct impasse_service service = impasse_service_open(impasse_text("service"));
  CHECK_EQUAL(number_of(service.ref), number_of(old.ref));
  impasse_put(impasse_mailbox_of(old), 1);
  for (unsigned i = 0; i < IMPASSE_LIST_REFS; i++)
    CHECK_EQUAL(*impasse_list_ref(hot_of(service.ref), i), 0);
}

static void use_everything(struct impasse_actor actor, struct impasse_table table)
{
  struct impasse_worker worker = impasse_worker_begin((struct impasse_pool){actor.ref});
  struct impasse_service service = {actor.ref};
  struct impasse_promise promise = {actor.ref};
  struct impasse_wait_request request = {&actor.ref, 1, IMPASSE_VIA_OTHER, 0, 0, 0};
  impasse_put(impasse_mailbox_of(actor), 1);
  impasse_put_single(impasse_mailbox_of(actor), 1);
  impasse_take(impasse_mailbox_of(actor), 1);
  impasse_take_shared(impasse_mailbox_of(actor), 1);
  impasse_drop_newest(impasse_mailbox_of(actor), 1);
  impasse_drop_oldest(impasse_mailbox_of(actor), 1);
  impasse_capacity(impasse_mailbox_of(actor), 1);
  impasse_adopt(impasse_mailbox_of(actor), &worker, 4, false);
  impasse_receive_begin(actor);
  impasse_receive_end(actor);
  impasse_run_begin(&worker, actor);
  impasse_run_end(actor, IMPASSE_RUNNABLE);
  impasse_runnable(actor);
  impasse_actor_memory(actor, 1);
  impasse_actor_function(actor, 1);
  struct impasse_wait wait = impasse_call_begin(actor, actor.ref, 1, IMPASSE_WAIT_EXCLUSIVE);
  impasse_call_forward(wait, actor.ref);
  impasse_call_end(wait);
  impasse_wait_end(impasse_wait_begin(actor, &request));
  impasse_wait_end(impasse_room_begin(actor, impasse_mailbox_of(actor), 0));
  impasse_wait_end(impasse_await_begin(actor, promise, 0));
  impasse_wait_end(impasse_join_begin(actor, actor, 0));
  impasse_promise_fulfiller(promise, actor.ref);
  impasse_service_join(service, actor);
  impasse_service_leave(service, actor);
  impasse_table_wait_end(impasse_table_wait_begin(table, actor, IMPASSE_WRITE, 0));
  impasse_table_acquired(table, actor, IMPASSE_READ);
  impasse_table_released(table, actor);
  impasse_table_size(table, 1, 1);
  impasse_table_close(table);
  impasse_actor_close(actor);
}

TEST(zero_handles_do_nothing_before_and_after_the_start)
{
  struct impasse_actor actor = {impasse_unknown()};
  struct impasse_table table = {impasse_unknown()};
  actor.ref.generation = 0;
  impasse_put(impasse_mailbox_of(actor), 1);
  impasse_actor_close(actor);
  CHECK_EQUAL(impasse_status(), -EAGAIN);
  CHECK_EQUAL(impasse_start(NULL), 0);
  use_everything(actor, table);
  CHECK_EQUAL(lives_now().taken_again, 0);
  for (int i = 0; i < IMPASSE_LOSS_COUNT; i++)
    CHECK_EQUAL(losses((enum impasse_loss)i), 0);
}

/* ---- Slots ---- */

TEST(a_closed_slot_rests_while_there_are_others)
{
  struct impasse_actor first = actor_named("first");
  impasse_actor_close(first);
  struct impasse_actor second = actor_named("second");
  CHECK(number_of(second.ref) != number_of(first.ref));
}

static uint32_t resting_slot;

static bool reopened(void)
{
  struct impasse_actor actor = actor_named("next");
  return number_of(actor.ref) == resting_slot;
}

TEST(a_closed_slot_is_used_again_after_its_rest)
{
  struct impasse_actor first = actor_named("first");
  resting_slot = number_of(first.ref);
  impasse_actor_close(first);
  CHECK(within_deadline(reopened));
  CHECK_EQUAL(hot_of(first.ref)->generation, first.ref.generation + 2);
}

TEST(many_short_lives_use_few_slots)
{
  uint32_t most = 0;
  for (int i = 0; i < 300000; i++) {
    struct impasse_actor actor = impasse_actor_open(impasse_unnamed());
    uint32_t number = number_of(actor.ref) % IMPASSE_SHARD_SLOTS;
    most = number > most ? number : most;
    impasse_actor_close(actor);
  }
  CHECK(most < IMPASSE_SHARD_SLOTS / 2);
  CHECK_EQUAL(region(0)->region_count, 1);
}

TEST(a_full_region_counts_and_the_others_go_on)
{
  const struct impasse_options options = {20};
  CHECK_EQUAL(impasse_start(&options), 0);
  struct impasse_actor actors[20];
  for (int i = 0; i < 20; i++)
    actors[i] = actor_named("a");
  for (int i = 0; i < 20; i++)
    for (int k = 0; k < i; k++)
      CHECK(number_of(actors[i].ref) != number_of(actors[k].ref));
  struct impasse_actor late = impasse_actor_open(impasse_text("late"));
  CHECK(!late.ref.slot);
  CHECK_EQUAL(losses(IMPASSE_LOSS_ACTORS), 1);
  use_everything(late, (struct impasse_table){impasse_unknown()});
  impasse_put(impasse_mailbox_of(actors[19]), 1);
  CHECK_EQUAL(box_of(actors[19].ref)->put, 1);
  struct impasse_wait wait = impasse_call_begin(actors[0], late.ref, 0, 0);
  CHECK_EQUAL(wait_of(actors[0].ref, 0)->holders[0] & IMPASSE_REF_MASK, 0);
  impasse_wait_end(wait);
  impasse_actor_close(actors[7]);
  late = impasse_actor_open(impasse_text("late")); /* no rest when there is no other */
  CHECK_EQUAL(number_of(late.ref), number_of(actors[7].ref));
  CHECK_EQUAL(late.ref.generation, actors[7].ref.generation + 2);
}

TEST(the_chain_grows_by_regions)
{
  enum { COUNT = 2 * IMPASSE_SLOTS + 100 };
  struct impasse_actor *actors = calloc(COUNT, sizeof *actors);
  unsigned char *seen = calloc(IMPASSE_CHAIN_MOST, IMPASSE_SLOTS);
  CHECK(actors && seen);
  for (uint32_t i = 0; i < COUNT; i++) {
    actors[i] = impasse_actor_open(impasse_numbered(1, i));
    CHECK(actors[i].ref.slot);
    CHECK(!seen[number_of(actors[i].ref)]);
    seen[number_of(actors[i].ref)] = 1;
  }
  CHECK_EQUAL(region(0)->region_count, 3);
  CHECK_EQUAL(mapped_regions(getpid(), NULL, 0), 3);
  for (uint32_t chain = 0; chain < 3; chain++) {
    CHECK(impasse_header_check(region(chain)) == NULL);
    CHECK_EQUAL(region(chain)->state, IMPASSE_REGION_LIVE);
    CHECK_EQUAL(region(chain)->first_slot, chain * IMPASSE_SLOTS);
  }
  for (uint32_t i = 0; i < COUNT; i += 9973) {
    impasse_put(impasse_mailbox_of(actors[i]), i);
    CHECK_EQUAL(box_of(actors[i].ref)->put, i);
    CHECK_EQUAL(hot_of(actors[i].ref)->number, number_of(actors[i].ref));
    CHECK_EQUAL(cold_of(actors[i].ref)->number, i);
  }
}

TEST(a_chain_that_cannot_grow_counts_and_goes_on)
{
  struct impasse_actor actor = actor_named("a");
  const struct impasse_header *header = region(0);
  const struct rlimit none = {3, 3};
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (unsigned i = 1; i < IMPASSE_SLOTS; i++)
    CHECK(impasse_actor_open(impasse_unnamed()).ref.slot);
  CHECK(!impasse_actor_open(impasse_unnamed()).ref.slot);
  CHECK_EQUAL(header->losses[IMPASSE_LOSS_GROWTH], 1);
  CHECK_EQUAL(header->losses[IMPASSE_LOSS_ACTORS], 1);
  CHECK_EQUAL(impasse_status(), 0);
  impasse_put(impasse_mailbox_of(actor), 1);
}

/* ---- Waits ---- */

TEST(a_call_is_recorded_and_ends)
{
  struct impasse_actor a = actor_named("a"), b = actor_named("b");
  struct impasse_wait call = impasse_call_begin(a, b.ref, 5000, IMPASSE_WAIT_EXCLUSIVE);
  const struct impasse_wait_line *line = wait_of(a.ref, 0);
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 1);
  CHECK_EQUAL(hot_of(a.ref)->sequence & 1, 0);
  CHECK_EQUAL(line->call, call.call);
  CHECK_EQUAL(line->via, IMPASSE_VIA_CALL);
  CHECK_EQUAL(line->flags, IMPASSE_WAIT_EXCLUSIVE);
  CHECK_EQUAL(line->rank, 1);
  CHECK_EQUAL(line->timeout_ns, 5000);
  CHECK(line->since_ns >= region(0)->opened_monotonic_ns);
  CHECK_EQUAL(line->holder_count, 1);
  CHECK_EQUAL(line->holders[0],
              IMPASSE_CALL_TAG(call.call) | IMPASSE_REF(number_of(b.ref), b.ref.generation));
  uint32_t sequence = hot_of(a.ref)->sequence;
  impasse_call_end(call);
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 0);
  CHECK_EQUAL(hot_of(a.ref)->sequence, sequence + 2);
  impasse_call_end(call);
  CHECK_EQUAL(hot_of(a.ref)->sequence, sequence + 2);
  struct impasse_wait second = impasse_call_begin(a, b.ref, 0, 0);
  CHECK(second.call != call.call);
  impasse_call_end(call); /* the first again: must not end the second */
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 1);
}

TEST(nested_waits_have_rising_ranks_and_concurrent_ones_the_same)
{
  struct impasse_actor a = actor_named("a"), b = actor_named("b");
  struct impasse_wait outer = impasse_call_begin(a, b.ref, 0, 0);
  struct impasse_wait inner = impasse_call_begin(a, b.ref, 0, 0);
  struct impasse_wait beside = impasse_call_begin(a, b.ref, 0, IMPASSE_WAIT_CONCURRENT);
  CHECK_EQUAL(wait_of(a.ref, 0)->rank, 1);
  CHECK_EQUAL(wait_of(a.ref, 1)->rank, 2);
  CHECK_EQUAL(wait_of(a.ref, 2)->rank, 2);
  impasse_wait_end(inner);
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 5);
  struct impasse_wait deeper = impasse_call_begin(a, b.ref, 0, 0);
  CHECK_EQUAL(deeper.call & 3, 1);
  CHECK_EQUAL(wait_of(a.ref, 1)->rank, 3);
  impasse_wait_end(deeper);
  impasse_wait_end(beside);
  impasse_wait_end(outer);
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 0);
}

TEST(waits_without_a_line_are_counted_and_said_to_be_unseen)
{
  struct impasse_actor a = actor_named("a"), b = actor_named("b");
  struct impasse_wait waits[6];
  for (int i = 0; i < 6; i++)
    waits[i] = impasse_call_begin(a, b.ref, 0, 0);
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 15);
  CHECK_EQUAL(hot_of(a.ref)->waits_unseen, 2);
  CHECK_EQUAL(losses(IMPASSE_LOSS_WAITS), 2);
  for (int i = 5; i >= 0; i--)
    impasse_wait_end(waits[i]);
  CHECK_EQUAL(hot_of(a.ref)->wait_mask, 0);
  CHECK_EQUAL(hot_of(a.ref)->waits_unseen, 0);
}

TEST(a_wait_lists_many_holders)
{
  enum { COUNT = 50 };
  struct impasse_actor a = actor_named("a");
  struct impasse_ref holders[COUNT];
  for (int i = 0; i < COUNT; i++)
    holders[i] = actor_named("holder").ref;
  struct impasse_wait_request request = {holders, 42, IMPASSE_VIA_CHANNEL, IMPASSE_WAIT_ANY, 9, 1};
  struct impasse_wait wait = impasse_wait_begin(a, &request);
  const struct impasse_wait_line *line = wait_of(a.ref, 0);
  CHECK_EQUAL(line->holder_count, 42);
  CHECK_EQUAL(line->list, 1);
  CHECK_EQUAL(line->flags, IMPASSE_WAIT_ANY);
  CHECK_EQUAL(line->object, 9);
  struct impasse_ref list = {NULL, IMPASSE_REF_GENERATION(line->holders[2]),
                             IMPASSE_REF_NUMBER(line->holders[2])};
  const struct impasse_hot *hot = hot_of(list);
  CHECK_EQUAL(hot->kind, IMPASSE_KIND_LIST);
  CHECK_EQUAL(hot->generation, list.generation);
  for (unsigned i = 0; i < 40; i++)
    CHECK_EQUAL(*impasse_list_ref(hot, i),
                IMPASSE_REF(number_of(holders[i + 2]), holders[i + 2].generation));
  CHECK_EQUAL(losses(IMPASSE_LOSS_HOLDERS), 0);
  impasse_wait_end(wait);
  CHECK_EQUAL(hot->generation, list.generation + 1);
  request.holder_count = COUNT;
  wait = impasse_wait_begin(a, &request);
  CHECK_EQUAL(line->holder_count, 42);
  CHECK_EQUAL(line->flags, IMPASSE_WAIT_ANY | IMPASSE_WAIT_OPEN);
  CHECK_EQUAL(losses(IMPASSE_LOSS_HOLDERS), COUNT - 42);
  impasse_wait_end(wait);
  request.holder_count = 5;
  struct impasse_actor short_lived = actor_named("short-lived");
  impasse_wait_begin(short_lived, &request);
  list.stamp = IMPASSE_REF_NUMBER(wait_of(short_lived.ref, 0)->holders[2]);
  CHECK_EQUAL(hot_of(list)->generation & 1, 1);
  impasse_actor_close(short_lived);
  CHECK_EQUAL(hot_of(list)->generation & 1, 0);
  request.holder_count = 2;
  holders[1] = impasse_unknown();
  wait = impasse_wait_begin(a, &request);
  CHECK_EQUAL(line->holder_count, 1);
  CHECK_EQUAL(line->flags, IMPASSE_WAIT_ANY | IMPASSE_WAIT_OPEN);
  impasse_wait_end(wait);
  request.via = IMPASSE_VIA_COUNT;
  CHECK(!impasse_wait_begin(a, &request).call);
}

TEST(a_forwarded_call_changes_its_holder_and_no_later_call)
{
  struct impasse_actor a = actor_named("a"), b = actor_named("b"), c = actor_named("c");
  struct impasse_wait call = impasse_call_begin(a, b.ref, 0, 0);
  uint64_t number = call.call;
  const struct impasse_wait_line *line = wait_of(a.ref, 0);
  impasse_call_forward(call, c.ref);
  CHECK_EQUAL(line->holders[0] & IMPASSE_REF_MASK, IMPASSE_REF(number_of(c.ref), c.ref.generation));
  CHECK_EQUAL(line->call, number);
  impasse_call_end(call);
  struct impasse_wait second = impasse_call_begin(a, b.ref, 0, 0);
  impasse_call_forward(call, c.ref);
  CHECK_EQUAL(line->holders[0] & IMPASSE_REF_MASK, IMPASSE_REF(number_of(b.ref), b.ref.generation));
  impasse_call_forward(second, impasse_unknown());
  CHECK_EQUAL(line->holders[0] & IMPASSE_REF_MASK, 0);
}

TEST(promises_and_services_say_who_answers)
{
  enum { MEMBERS = 100 };
  struct impasse_actor a = actor_named("a"), members[MEMBERS];
  struct impasse_promise promise = impasse_promise_open(impasse_text("promise"));
  CHECK_EQUAL(cold_of(promise.ref)->owner, 0);
  impasse_promise_fulfiller(promise, a.ref);
  CHECK_EQUAL(cold_of(promise.ref)->owner, IMPASSE_REF(number_of(a.ref), a.ref.generation));
  struct impasse_wait wait = impasse_await_begin(a, promise, 0);
  CHECK_EQUAL(wait_of(a.ref, 0)->via, IMPASSE_VIA_PROMISE);
  impasse_wait_end(wait);
  struct impasse_service service = impasse_service_open(impasse_text("service"));
  for (int i = 0; i < MEMBERS; i++) {
    members[i] = actor_named("member");
    impasse_service_join(service, members[i]);
  }
  impasse_service_leave(service, members[1]);
  impasse_service_join(service, a);
  const struct impasse_hot *hot = hot_of(service.ref);
  CHECK_EQUAL(*impasse_list_ref(hot, 0),
              IMPASSE_REF(number_of(members[0].ref), members[0].ref.generation));
  CHECK_EQUAL(*impasse_list_ref(hot, 1), IMPASSE_REF(number_of(a.ref), a.ref.generation));
  unsigned count = 0, lists = 0;
  for (uint64_t next = 1; next; lists++) {
    for (unsigned i = 0; i < IMPASSE_LIST_REFS; i++)
      count += *impasse_list_ref(hot, i) != 0;
    next = ((struct impasse_cold *)impasse_line(hot, IMPASSE_ARRAY_COLD))->next;
    if (next)
      hot = hot_of((struct impasse_ref){NULL, 0, IMPASSE_REF_NUMBER(next)});
  }
  CHECK_EQUAL(count, MEMBERS);
  CHECK_EQUAL(lists, 3);
  impasse_service_close(service);
  CHECK_EQUAL(hot->generation & 1, 0);
}

/* ---- Tables ---- */

static struct impasse_table_line *table_of(struct impasse_ref ref)
{
  return impasse_line(hot_of(ref), IMPASSE_ARRAY_BOX);
}

static struct impasse_table_sums *sums_of(struct impasse_ref ref)
{
  return impasse_line(hot_of(ref), IMPASSE_ARRAY_WAIT0);
}

TEST(tables_count_waiters_and_know_their_holders)
{
  struct impasse_actor a = actor_named("a"), b = actor_named("b");
  struct impasse_table table = impasse_table_open(impasse_text("t"), IMPASSE_RWLOCK);
  CHECK_EQUAL(cold_of(table.ref)->table_kind, IMPASSE_RWLOCK);
  CHECK_EQUAL(table_of(table.ref)->items, INT64_MIN);
  impasse_table_acquired(table, a, IMPASSE_WRITE);
  CHECK_EQUAL(hot_of(a.ref)->held_mask, 1);
  CHECK_EQUAL(*(uint64_t *)impasse_line(hot_of(a.ref), IMPASSE_ARRAY_HELD),
              IMPASSE_REF(number_of(table.ref), table.ref.generation) | IMPASSE_HELD_WRITE);
  CHECK_EQUAL(IMPASSE_EPISODE_COUNT(table_of(table.ref)->holding), 1);
  struct impasse_table_wait read = impasse_table_wait_begin(table, b, IMPASSE_READ, 0);
  struct impasse_table_wait write = impasse_table_wait_begin(table, b, IMPASSE_WRITE, 0);
  CHECK_EQUAL(table_of(table.ref)->read_waiters, 1);
  CHECK_EQUAL(table_of(table.ref)->write_waiters, 1);
  CHECK_EQUAL(IMPASSE_EPISODE_COUNT(table_of(table.ref)->waiting), 2);
  CHECK_EQUAL(wait_of(b.ref, 0)->via, IMPASSE_VIA_RDLOCK);
  CHECK_EQUAL(wait_of(b.ref, 1)->via, IMPASSE_VIA_LOCK);
  CHECK_EQUAL(wait_of(b.ref, 0)->holders[0] & IMPASSE_REF_MASK,
              IMPASSE_REF(number_of(table.ref), table.ref.generation));
  struct timespec pause = {0, 1000 * 1000};
  nanosleep(&pause, NULL); /* so that there is a time to be summed */
  impasse_table_wait_end(write);
  CHECK_EQUAL(sums_of(table.ref)->waited_units, 0);
  impasse_table_wait_end(read);
  CHECK(sums_of(table.ref)->waited_units >= 1000 * 1000 / IMPASSE_EPISODE_UNIT_NS - 1);
  CHECK(sums_of(table.ref)->max_wait_ns >= 1000 * 1000);
  CHECK_EQUAL(sums_of(table.ref)->contended, 2);
  CHECK_EQUAL(table_of(table.ref)->waiting, 0);
  impasse_table_released(table, a);
  CHECK_EQUAL(hot_of(a.ref)->held_mask, 0);
  CHECK_EQUAL(table_of(table.ref)->holding, 0);
  impasse_table_released(table, a); /* once too often */
  CHECK_EQUAL(table_of(table.ref)->holding + table_of(table.ref)->unlisted, 0);
  impasse_table_size(table, 5, 6);
  CHECK_EQUAL(table_of(table.ref)->items, 5);
  CHECK_EQUAL(table_of(table.ref)->bytes, 6);
}

TEST(held_tables_beyond_eight_are_counted_and_unlisted)
{
  struct impasse_actor a = actor_named("a");
  struct impasse_table tables[9];
  for (int i = 0; i < 9; i++) {
    tables[i] = impasse_table_open(impasse_unnamed(), IMPASSE_MUTEX);
    impasse_table_acquired(tables[i], a, IMPASSE_WRITE);
  }
  CHECK_EQUAL(hot_of(a.ref)->held_mask, 255);
  CHECK_EQUAL(losses(IMPASSE_LOSS_HELD), 1);
  CHECK_EQUAL(table_of(tables[8].ref)->unlisted, 1);
  CHECK_EQUAL(table_of(tables[0].ref)->unlisted, 0);
  impasse_table_released(tables[8], a);
  CHECK_EQUAL(table_of(tables[8].ref)->unlisted, 0);
  impasse_table_released(tables[3], a);
  CHECK_EQUAL(hot_of(a.ref)->held_mask, 255 - 8);
  impasse_table_acquired(tables[3], (struct impasse_actor){impasse_unknown()}, IMPASSE_READ);
  CHECK_EQUAL(table_of(tables[3].ref)->unlisted, 1);
}

/* ---- Fork, exit, exec, kill ---- */

static struct impasse_actor inherited_actor;
static struct impasse_table inherited_table;
static uint32_t inherited_class;

static void child_of_fork(void)
{
  CHECK_EQUAL(impasse_status(), -EAGAIN);
  use_everything(inherited_actor, inherited_table); /* starts afresh on the way */
  struct impasse_actor own = actor_named("own");
  CHECK_EQUAL(impasse_status(), 0);
  use_everything(inherited_actor, inherited_table);
  CHECK_EQUAL(mapped_regions(getpid(), NULL, 0), 1);
  CHECK_EQUAL(region(0)->pid, getpid());
  CHECK_EQUAL(lives_now().born, 1);
  CHECK(strcmp(class_of(inherited_class)->text, "inherited") == 0);
  CHECK_EQUAL(impasse_class("inherited"), inherited_class);
  impasse_put(impasse_mailbox_of(own), 1);
  CHECK_EQUAL(box_of(own.ref)->put, 1);
}

static void parent_of_fork(bool raw)
{
  inherited_class = impasse_class("inherited");
  inherited_actor = actor_named("parent's");
  inherited_table = impasse_table_open(impasse_text("t"), IMPASSE_TABLE);
  impasse_put(impasse_mailbox_of(inherited_actor), 3);
  struct impasse_hot before = *hot_of(inherited_actor.ref);
  pid_t pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
  if (pid == 0) {
    child_of_fork();
    _exit(0);
  }
  CHECK_EQUAL(status_of(pid), 0);
  CHECK(memcmp(&before, hot_of(inherited_actor.ref), sizeof before) == 0);
  CHECK_EQUAL(box_of(inherited_actor.ref)->put, 3);
  CHECK_EQUAL(table_of(inherited_table.ref)->generation, inherited_table.ref.generation);
  CHECK_EQUAL(region(0)->state, IMPASSE_REGION_LIVE);
  impasse_put(impasse_mailbox_of(inherited_actor), 1);
  CHECK_EQUAL(box_of(inherited_actor.ref)->put, 4);
}

TEST(a_forked_child_gets_a_region_of_its_own)
{
  parent_of_fork(false);
}

TEST(a_child_of_raw_clone_gets_a_region_of_its_own)
{
  parent_of_fork(true);
}

TEST(a_child_of_a_child_gets_a_region_of_its_own)
{
  actor_named("first");
  pid_t pid = fork();
  if (pid == 0) {
    parent_of_fork(false);
    _exit(0);
  }
  CHECK_EQUAL(status_of(pid), 0);
}

TEST(a_child_that_closed_the_descriptor_closes_none_of_its_own)
{
  actor_named("a");
  pid_t pid = fork();
  if (pid == 0) {
    CHECK_EQUAL(syscall(SYS_close_range, 3, ~0U, 0), 0);
    int pipe_fds[2];
    CHECK_EQUAL(pipe(pipe_fds), 0);
    actor_named("b");
    CHECK_EQUAL(write(pipe_fds[1], "x", 1), 1);
    _exit(0);
  }
  CHECK_EQUAL(status_of(pid), 0);
}

/* Starts a child that opens an actor, does `last` when it is told to, and ends. The parent
 * maps its region. */
struct subject {
  pid_t pid;
  int go;
  struct impasse_header *header;
};

static struct subject subject_start(void (*last)(struct impasse_actor))
{
  struct subject subject = {0};
  int ready[2], go[2];
  char byte;
  CHECK_EQUAL(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
  subject.pid = fork();
  if (subject.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct impasse_actor actor = actor_named("subject");
    CHECK_EQUAL(write(ready[1], "r", 1), 1);
    CHECK_EQUAL(read(go[0], &byte, 1), 1);
    last(actor);
    _exit(1);
  }
  CHECK_EQUAL(read(ready[0], &byte, 1), 1);
  subject.go = go[1];
  struct mapped mapped;
  CHECK_EQUAL(mapped_regions(subject.pid, &mapped, 1), 1);
  for (int fd = 3; fd < 64 && !subject.header; fd++) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)subject.pid, fd);
    if (stat(path, &status) < 0 || status.st_ino != mapped.inode)
      continue;
    int own = open(path, O_RDONLY | O_CLOEXEC);
    void *address = mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ, MAP_SHARED, own, 0);
    CHECK(address != MAP_FAILED);
    subject.header = address;
  }
  CHECK(subject.header && subject.header->pid == (uint32_t)subject.pid);
  return subject;
}

static int subject_end(const struct subject *subject)
{
  CHECK_EQUAL(write(subject->go, "g", 1), 1);
  return status_of(subject->pid);
}

static const struct impasse_hot *subject_actor(const struct subject *subject)
{
  for (unsigned i = 0; i < IMPASSE_SHARDS; i++) {
    const struct impasse_hot *hot =
        (const struct impasse_hot *)((const char *)subject->header + IMPASSE_HOT_OFFSET) +
        i * IMPASSE_SHARD_SLOTS;
    if (hot->generation)
      return hot;
  }
  return NULL;
}

static void ends_in_order(struct impasse_actor actor)
{
  (void)actor;
  exit(0);
}

static void dies_in_mid_update(struct impasse_actor actor)
{
  impasse_edit_begin(actor.ref.slot);
  raise(SIGKILL);
}

static void executes(struct impasse_actor actor)
{
  (void)actor;
  execl("/bin/true", "true", (char *)NULL);
}

/* How a subject ended: in which state its region is, and whether in the middle of an update. */
static void check_end(void (*last)(struct impasse_actor), int status, uint32_t state,
                      uint32_t mid_update)
{
  struct subject subject = subject_start(last);
  CHECK_EQUAL(subject.header->state, IMPASSE_REGION_LIVE);
  CHECK_EQUAL(subject_end(&subject), status);
  CHECK_EQUAL(subject.header->state, state);
  CHECK_EQUAL(subject_actor(&subject)->sequence & 1, mid_update);
  munmap(subject.header, IMPASSE_FILE_BYTES);
}

TEST(the_ways_to_end_are_told_apart)
{
  check_end(ends_in_order, 0, IMPASSE_REGION_CLOSED, 0);
  check_end(dies_in_mid_update, 256 + SIGKILL, IMPASSE_REGION_LIVE, 1);
  check_end(executes, 0, IMPASSE_REGION_LIVE, 0);
}

/* ---- Trouble ---- */

TEST(a_program_that_closes_all_descriptors_goes_on)
{
  struct impasse_actor actor = actor_named("a");
  CHECK_EQUAL(syscall(SYS_close_range, 3, ~0U, 0), 0);
  impasse_put(impasse_mailbox_of(actor), 1);
  CHECK_EQUAL(box_of(actor.ref)->put, 1);
  for (unsigned i = 0; i < IMPASSE_SLOTS; i++)
    CHECK(impasse_actor_open(impasse_unnamed()).ref.slot);
  CHECK_EQUAL(region(0)->region_count, 2);
}

TEST(the_descriptor_is_never_a_standard_one)
{
  CHECK_EQUAL(close(0), 0);
  actor_named("a");
  CHECK_EQUAL(fcntl(0, F_GETFD), -1);
}

/* The library must be off with this error, and everything harmless. */
static void check_off(int error)
{
  CHECK_EQUAL(impasse_start(NULL), error);
  CHECK_EQUAL(impasse_status(), error);
  struct impasse_actor actor = impasse_actor_open(impasse_text("a"));
  CHECK(!actor.ref.slot);
  CHECK_EQUAL(impasse_class("x"), 0);
  use_everything(actor, impasse_table_open(impasse_text("t"), IMPASSE_TABLE));
  CHECK_EQUAL(mapped_regions(getpid(), NULL, 0), 0);
  impasse_stop();
}

static void forbid(uint32_t call)
{
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  CHECK_EQUAL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQUAL(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TEST(without_memfd_create_it_switches_itself_off)
{
  forbid(SYS_memfd_create);
  check_off(-EPERM);
}

TEST(without_madvise_it_switches_itself_off)
{
  forbid(SYS_madvise);
  CHECK_EQUAL(impasse_start(NULL), -EPERM);
  CHECK(!impasse_actor_open(impasse_text("a")).ref.slot);
}

TEST(a_limit_on_file_sizes_does_not_kill_the_program)
{
  const struct rlimit small = {4096, 4096};
  CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
  check_off(-EFBIG);
}

TEST(without_descriptors_it_switches_itself_off)
{
  const struct rlimit none = {3, 3};
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
  CHECK_EQUAL(impasse_start(NULL), -EMFILE);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED                                                                                  \
  1 /* they reserve the address space that the next two tests measure or take away */
#else
#define SANITIZED 0
#endif

TEST(without_address_space_it_switches_itself_off)
{
  const struct rlimit small = {16u << 20, 16u << 20};
  if (SANITIZED)
    return;
  CHECK_EQUAL(setrlimit(RLIMIT_AS, &small), 0);
  check_off(-ENOMEM);
}

static long resident_pages(void)
{
  long size, resident = -1;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%ld %ld", &size, &resident) != 2)
    resident = -1;
  if (file)
    fclose(file);
  return resident;
}

TEST(under_mlockall_the_region_stays_sparse)
{
  if (SANITIZED || geteuid() != 0 || mlockall(MCL_FUTURE) < 0)
    return; /* a region is larger than what an ordinary user may lock */
  long before = resident_pages();
  actor_named("a");
  CHECK(resident_pages() - before < 500);
}

TEST(a_header_of_another_layout_is_refused)
{
  struct impasse_opening opening = {0};
  opening.kind = IMPASSE_KIND_ACTOR;
  CHECK_EQUAL(impasse_start_abi(IMPASSE_ABI + (UINT64_C(1) << 48), NULL), -EPROTO);
  CHECK_EQUAL(impasse_status(), -EAGAIN);
  CHECK(!impasse_open_abi(IMPASSE_ABI + 1, &opening).slot);
  CHECK_EQUAL(impasse_class_abi(IMPASSE_ABI + 1, "x"), 0);
  CHECK_EQUAL(mapped_regions(getpid(), NULL, 0), 0);
  CHECK(impasse_open_abi(IMPASSE_ABI, &opening).slot);
  opening.kind = IMPASSE_KIND_COUNT;
  CHECK(!impasse_open_abi(IMPASSE_ABI, &opening).slot);
}

/* ---- Threads ---- */

enum { THREADS = 8, LIVES = 3000, KEPT = 64 };

static struct impasse_actor shared_actor;
static struct impasse_table shared_table;
static bool threads_end;

static void live_once(int i)
{
  struct impasse_actor actor = impasse_actor_open(impasse_numbered(1, (uint64_t)i));
  impasse_put(impasse_mailbox_of(shared_actor), 2);
  impasse_take_shared(impasse_mailbox_of(shared_actor), 1);
  struct impasse_wait call = impasse_call_begin(actor, shared_actor.ref, 0, 0);
  impasse_call_forward(call, actor.ref);
  impasse_call_end(call);
  struct impasse_table_wait wait = impasse_table_wait_begin(shared_table, actor, IMPASSE_WRITE, 0);
  impasse_table_wait_end(wait);
  impasse_table_acquired(shared_table, actor, IMPASSE_WRITE);
  impasse_table_released(shared_table, actor);
  impasse_actor_close(actor);
}

static void *live(void *kept)
{
  struct impasse_actor *actors = kept;
  for (int i = 0; i < LIVES; i++)
    live_once(i);
  for (int i = 0; i < KEPT; i++)
    actors[i] = impasse_actor_open(impasse_unnamed());
  return NULL;
}

/* A reader in the same process: what it accepts by the rules of region.h must be whole. */
static void *read_all(void *count)
{
  struct impasse_header *header = region(0);
  const struct impasse_hot *slots = (struct impasse_hot *)((char *)header + IMPASSE_HOT_OFFSET);
  uint64_t *accepted = count;
  while (!__atomic_load_n(&threads_end, __ATOMIC_ACQUIRE))
    for (uint32_t i = 0; i < IMPASSE_SLOTS; i += i % IMPASSE_SHARD_SLOTS < 1100 ? 1 : 64) {
      struct impasse_hot before, after;
      struct impasse_wait_line line;
      impasse_line_copy(&slots[i], &before);
      impasse_line_copy(impasse_wait_line_of(&slots[i], 0), &line);
      impasse_line_copy(&slots[i], &after);
      if (!(before.generation & 1) || before.generation != after.generation ||
          before.sequence & 1 || before.sequence != after.sequence || !(before.wait_mask & 1))
        continue;
      CHECK(line.call != 0 && line.call <= IMPASSE_CALL_NUMBER(before.calls, 3));
      CHECK_EQUAL(line.holders[0] & ~IMPASSE_REF_MASK, IMPASSE_CALL_TAG(line.call));
      CHECK(line.via == IMPASSE_VIA_CALL || line.via == IMPASSE_VIA_LOCK);
      CHECK_EQUAL(line.holder_count, 1);
      ++*accepted;
    }
  return NULL;
}

TEST(many_threads_share_the_region)
{
  static struct impasse_actor kept[THREADS][KEPT];
  pthread_t threads[THREADS], reader;
  uint64_t accepted = 0;
  shared_actor = actor_named("shared");
  shared_table = impasse_table_open(impasse_text("shared"), IMPASSE_TABLE);
  CHECK_EQUAL(pthread_create(&reader, NULL, read_all, &accepted), 0);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQUAL(pthread_create(&threads[i], NULL, live, kept[i]), 0);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
  __atomic_store_n(&threads_end, true, __ATOMIC_RELEASE);
  CHECK_EQUAL(pthread_join(reader, NULL), 0);
  CHECK_EQUAL(box_of(shared_actor.ref)->put, 2 * THREADS * LIVES);
  CHECK_EQUAL(hot_of(shared_actor.ref)->taken, THREADS * LIVES);
  CHECK_EQUAL(lives_now().born, THREADS * (LIVES + KEPT) + 1);
  CHECK_EQUAL(lives_now().died, THREADS * LIVES);
  CHECK_EQUAL(table_of(shared_table.ref)->waiting | table_of(shared_table.ref)->holding, 0);
  CHECK_EQUAL(sums_of(shared_table.ref)->contended, THREADS * LIVES);
  static bool seen[IMPASSE_SLOTS];
  for (int i = 0; i < THREADS * KEPT; i++) {
    uint32_t number = number_of(kept[i / KEPT][i % KEPT].ref);
    CHECK(!seen[number]);
    seen[number] = true;
  }
}

static void *start_at_once(void *unused)
{
  (void)unused;
  return actor_named("a").ref.slot;
}

TEST(threads_that_start_it_together_get_one_region)
{
  pthread_t threads[THREADS];
  void *slots[THREADS];
  for (int i = 0; i < THREADS; i++)
    CHECK_EQUAL(pthread_create(&threads[i], NULL, start_at_once, NULL), 0);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQUAL(pthread_join(threads[i], &slots[i]), 0);
  CHECK_EQUAL(mapped_regions(getpid(), NULL, 0), 1);
  for (int i = 0; i < THREADS; i++)
    for (int k = 0; k < i; k++)
      CHECK(slots[i] != slots[k]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(region_describes_itself_and_is_sealed),
      cmocka_unit_test(a_header_with_any_other_shape_is_refused),
      cmocka_unit_test(stop_marks_an_orderly_end_and_makes_handles_inert),
      cmocka_unit_test(calls_leave_errno_alone),
      cmocka_unit_test(an_opened_actor_is_published_with_its_names),
      cmocka_unit_test(only_actors_and_queues_are_born_and_die),
      cmocka_unit_test(names_that_are_too_long_are_cut_and_counted),
      cmocka_unit_test(name_classes_beyond_the_table_are_unknown_and_counted),
      cmocka_unit_test(a_worker_publishes_its_thread_while_it_runs_an_actor),
      cmocka_unit_test(mailboxes_count_what_was_put_taken_and_dropped),
      cmocka_unit_test(handles_of_closed_slots_change_nothing),
      cmocka_unit_test(a_stale_mailbox_does_not_count_in_the_list_that_took_its_slot),
      cmocka_unit_test(zero_handles_do_nothing_before_and_after_the_start),
      cmocka_unit_test(a_closed_slot_rests_while_there_are_others),
      cmocka_unit_test(a_closed_slot_is_used_again_after_its_rest),
      cmocka_unit_test(many_short_lives_use_few_slots),
      cmocka_unit_test(a_full_region_counts_and_the_others_go_on),
      cmocka_unit_test(the_chain_grows_by_regions),
      cmocka_unit_test(a_chain_that_cannot_grow_counts_and_goes_on),
      cmocka_unit_test(a_call_is_recorded_and_ends),
      cmocka_unit_test(nested_waits_have_rising_ranks_and_concurrent_ones_the_same),
      cmocka_unit_test(waits_without_a_line_are_counted_and_said_to_be_unseen),
      cmocka_unit_test(a_wait_lists_many_holders),
      cmocka_unit_test(a_forwarded_call_changes_its_holder_and_no_later_call),
      cmocka_unit_test(promises_and_services_say_who_answers),
      cmocka_unit_test(tables_count_waiters_and_know_their_holders),
      cmocka_unit_test(held_tables_beyond_eight_are_counted_and_unlisted),
      cmocka_unit_test(a_forked_child_gets_a_region_of_its_own),
      cmocka_unit_test(a_child_of_raw_clone_gets_a_region_of_its_own),
      cmocka_unit_test(a_child_of_a_child_gets_a_region_of_its_own),
      cmocka_unit_test(a_child_that_closed_the_descriptor_closes_none_of_its_own),
      cmocka_unit_test(the_ways_to_end_are_told_apart),
      cmocka_unit_test(a_program_that_closes_all_descriptors_goes_on),
      cmocka_unit_test(the_descriptor_is_never_a_standard_one),
      cmocka_unit_test(without_memfd_create_it_switches_itself_off),
      cmocka_unit_test(without_madvise_it_switches_itself_off),
      cmocka_unit_test(a_limit_on_file_sizes_does_not_kill_the_program),
      cmocka_unit_test(without_descriptors_it_switches_itself_off),
      cmocka_unit_test(without_address_space_it_switches_itself_off),
      cmocka_unit_test(under_mlockall_the_region_stays_sparse),
      cmocka_unit_test(a_header_of_another_layout_is_refused),
      cmocka_unit_test(many_threads_share_the_region),
      cmocka_unit_test(threads_that_start_it_together_get_one_region),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
