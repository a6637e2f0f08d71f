/* Bursts on a real process: what is counted, who ends them, and that nothing stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "bpf/burst.h"
#include "bpf/test_subject.h"

enum { PID_OFFSET = 8, MOST_MS = 300 };

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
#define SLOT_TUPLE(n) ((uint64_t)(n) << BURST_KIND_BITS | BURST_TUPLE)

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

static struct burst burst_at(enum burst_at at, pid_t pid)
{
  const void *function = at == BURST_AT_SEND ? (const void *)(uintptr_t)subject_send
                                             : (const void *)(uintptr_t)subject_exit;
  return (struct burst){.at = at,
                        .site = test_subject_site(pid, function),
                        .pidfd = test_subject_pidfd(pid),
                        .receiver = (uint64_t)(uintptr_t)receiver,
                        .pid_offset = PID_OFFSET,
                        .most_hits = 20000,
                        .most_ms = MOST_MS};
}

static struct burst_counts run(struct burst *burst)
{
  struct burst_counts counts = {0};
  char words[256] = "";
  int error = burst_run(burst, &counts, words, sizeof(words));

  assert_string_equal(words, "");
  assert_int_equal(error, 0);
  (void)close(burst->site.exe_fd);
  (void)close(burst->pidfd);
  return counts;
}

static void counts_messages_by_sender_and_shape(void **state)
{
  pid_t pid = test_subject_start(send_politely, NULL);
  struct burst burst = burst_at(BURST_AT_SEND, pid);
  struct burst_counts counts = run(&burst);
  const struct burst_key *cast, *atom;

  (void)state;
  test_subject_stop(pid);
  assert_int_equal(counts.end, BURST_END_TIME);
  assert_int_equal(counts.count, 2);
  assert_true(counts.hits > 100);
  assert_true(counts.hits == counts.seen);
  /* a burst begins and ends in the middle of a round */
  assert_in_range(counts.list[0].count, 2 * counts.list[1].count - 6, 2 * counts.list[1].count + 6);
  assert_true(counts.matched == counts.list[0].count + counts.list[1].count);
  assert_in_range(counts.hits - counts.matched, counts.matched / 9 - 1, counts.matched / 9 + 1);
  cast = &counts.list[0].key;
  assert_true(cast->who == PID(11));
  assert_true(cast->top == SLOT_TUPLE(3));
  assert_true(cast->element[0] == ATOM(8) && cast->element[1] == 3);
  assert_true(cast->element[2] == SLOT_TUPLE(2));
  assert_true(cast->inner[2] == ATOM(7) && cast->inner[0] == 0);
  atom = &counts.list[1].key;
  assert_true(atom->who == PID(22) && atom->top == ATOM(9) && atom->element[0] == 0);
  burst_counts_done(&counts);
}

static void ends_by_itself_above_its_budget(void **state)
{
  pid_t pid = test_subject_start(send_flat_out, NULL);
  struct burst burst = burst_at(BURST_AT_SEND, pid);
  struct burst_counts counts;

  (void)state;
  burst.most_ms = 60000;
  counts = run(&burst);
  test_subject_stop(pid);
  assert_int_equal(counts.end, BURST_END_HITS);
  assert_true(counts.seen == burst.most_hits && counts.matched == burst.most_hits);
  assert_true(counts.hits >= counts.seen);
  assert_int_equal(counts.count, 1);
  assert_true(counts.list[0].count == burst.most_hits);
  assert_true(counts.duration_ns > 0);
  burst_counts_done(&counts);
}

static void counts_reasons(void **state)
{
  pid_t pid = test_subject_start(exit_for_reasons, NULL);
  struct burst burst = burst_at(BURST_AT_EXIT, pid);
  struct burst_counts counts = run(&burst);
  uint64_t atoms = 0, tuples = 0, unreadable = 0;

  (void)state;
  test_subject_stop(pid);
  assert_int_equal(counts.count, 3);
  for (size_t i = 0; i < counts.count; i++) {
    const struct burst_key *key = &counts.list[i].key;
    assert_true(key->who == 0);
    if (key->top == ATOM(1))
      atoms = counts.list[i].count;
    else if (key->top == SLOT_TUPLE(2) && key->inner[0] == ATOM(3) && key->element[1] == 0x3b)
      tuples = counts.list[i].count;
    else if (key->element[0] == 0)
      unreadable = counts.list[i].count;
  }
  assert_true(atoms > 10);
  assert_in_range(tuples, atoms - 1, atoms + 1);
  assert_in_range(unreadable, atoms - 1, atoms + 1);
  burst_counts_done(&counts);
}

/* Does this process hold a probe that is attached? */
static bool has_probe(pid_t pid)
{
  char path[320], link[64];
  bool found = false;
  struct dirent *entry;
  DIR *fds;

  (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
  fds = opendir(path);
  while (fds && (entry = readdir(fds)) != NULL) {
    ssize_t length;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
    length = readlink(path, link, sizeof(link) - 1);
    link[length > 0 ? length : 0] = '\0';
    found |= strstr(link, "perf_event") || strstr(link, "bpf_link");
  }
  if (fds)
    (void)closedir(fds);
  return found;
}

static void kill_once_probed(void *context)
{
  const pid_t *victim = context;

  while (!has_probe(getppid()))
    pause_ns(1000000);
  (void)kill(*victim, SIGKILL);
}

static void ends_with_its_target(void **state)
{
  pid_t pid = test_subject_start(send_politely, NULL);
  struct burst burst = burst_at(BURST_AT_SEND, pid);
  pid_t killer = test_subject_start(kill_once_probed, &pid);
  struct burst_counts counts;

  (void)state;
  burst.most_ms = 60000;
  counts = run(&burst);
  assert_false(has_probe(getpid()));
  assert_int_equal(counts.end, BURST_END_GONE);
  burst_counts_done(&counts);
  test_subject_stop(killer);
  test_subject_stop(pid);
}

static void run_for_long(void *context)
{
  pid_t subject = *(const pid_t *)context;
  struct burst burst = burst_at(BURST_AT_SEND, subject);
  struct burst_counts counts;
  char words[256];

  burst.most_ms = 60000;
  (void)burst_run(&burst, &counts, words, sizeof(words));
}

/* Numbers of the programs and links that a process holds: lines "prog_id: 7" and "link_id: 7". */
static size_t kernel_objects(pid_t pid, const char *label, unsigned *ret_ids, size_t room)
{
  char path[320], line[256];
  size_t count = 0;
  struct dirent *entry;
  DIR *fds;

  (void)snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
  fds = opendir(path);
  while (fds && (entry = readdir(fds)) != NULL) {
    FILE *info;
    (void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, entry->d_name);
    info = fopen(path, "r");
    while (info && fgets(line, sizeof(line), info))
      if (count < room && strncmp(line, label, strlen(label)) == 0)
        ret_ids[count++] = (unsigned)strtoul(line + strlen(label), NULL, 10);
    if (info)
      (void)fclose(info);
  }
  if (fds)
    (void)closedir(fds);
  return count;
}

static bool all_gone(int (*open_by_id)(__u32 id), const unsigned *ids, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    int fd = open_by_id(ids[i]);
    if (fd < 0)
      continue;
    (void)close(fd);
    return false;
  }
  return true;
}

/* Who is killed in the middle of a burst leaves no program and no link in the kernel. */
static void leaves_nothing_behind(void **state)
{
  enum { ROOM = 16, DEADLINE_MS = 20000 };
  pid_t subject = test_subject_start(send_politely, NULL);
  pid_t prober = test_subject_start(run_for_long, &subject);
  unsigned programs[ROOM], links[ROOM];
  size_t program_count, link_count = 0;
  bool gone = false;

  (void)state;
  for (int ms = 0; ms < DEADLINE_MS && link_count == 0; ms++) {
    link_count = kernel_objects(prober, "link_id:", links, ROOM);
    pause_ns(1000000);
  }
  program_count = kernel_objects(prober, "prog_id:", programs, ROOM);
  assert_true(link_count > 0);
  assert_true(program_count > 0);
  assert_false(all_gone(bpf_prog_get_fd_by_id, programs, program_count));
  test_subject_stop(prober);
  for (int ms = 0; ms < DEADLINE_MS && !gone; ms++) {
    gone = all_gone(bpf_prog_get_fd_by_id, programs, program_count) &&
           all_gone(bpf_link_get_fd_by_id, links, link_count);
    pause_ns(1000000);
  }
  assert_true(gone);
  assert_int_equal(kill(subject, 0), 0);
  test_subject_stop(subject);
}

static void refuses_an_unprivileged_user(void **state)
{
  int status = 0;
  pid_t pid = fork();

  (void)state;
  if (pid == 0) {
    char words[256] = "";
    struct burst burst = burst_at(BURST_AT_SEND, getpid());
    struct burst_counts counts;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
      _exit(2);
    if (burst_run(&burst, &counts, words, sizeof(words)) != -EPERM)
      _exit(3);
    _exit(strstr(words, "CAP_BPF and CAP_PERFMON") && strstr(words, "run as root") ? 0 : 4);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* Becomes nobody, with the two capabilities. */
static void keep_two_capabilities(void)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  enum { PERFMON = 38, BPF = 39 };

  data[1].permitted = data[1].effective = 1u << (PERFMON - 32) | 1u << (BPF - 32);
  if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setresgid(65534, 65534, 65534) != 0 ||
      setresuid(65534, 65534, 65534) != 0 || syscall(SYS_capset, &header, data) != 0 ||
      prctl(PR_SET_DUMPABLE, 1) != 0)
    _exit(2);
}

/* 0 when messages were counted, else the error. */
static int count_as_nobody(void)
{
  struct burst_counts counts = {0};
  struct burst burst;
  char words[256];
  pid_t subject;
  int error;

  keep_two_capabilities();
  subject = test_subject_start(send_politely, NULL);
  burst = burst_at(BURST_AT_SEND, subject);
  error = burst_run(&burst, &counts, words, sizeof(words));
  if (!error && counts.matched == 0)
    error = -ENODATA;
  test_subject_stop(subject);
  return error;
}

/* Root is not needed where the kernel has the younger way to attach; else it refuses. */
static void two_capabilities_are_enough_from_6_12_on(void **state)
{
  struct utsname name;
  unsigned major, minor;
  int status = 0;
  pid_t pid = fork();

  (void)state;
  if (pid == 0)
    _exit(-count_as_nobody());
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(uname(&name), 0);
  assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
  assert_int_equal(WEXITSTATUS(status), major * 1000 + minor >= 6012 ? 0 : EACCES);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_messages_by_sender_and_shape),
      cmocka_unit_test(ends_by_itself_above_its_budget),
      cmocka_unit_test(counts_reasons),
      cmocka_unit_test(ends_with_its_target),
      cmocka_unit_test(leaves_nothing_behind),
      cmocka_unit_test(refuses_an_unprivileged_user),
      cmocka_unit_test(two_capabilities_are_enough_from_6_12_on),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
