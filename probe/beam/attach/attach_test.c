/* attach_test.c - real nodes are attached, whatever was done to their executable and however they were started; and what
 * was found of them is what they themselves say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "probe/beam/attach/attach_inner.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"
#include "probe/reach/test_child.h"

/* Pids in the table that are in the slot and have the numbers that the node says they have. */
static size_t count_processes(const struct test_node *node)
{
  const struct beam_ptab *table = &node->node.processes;
  size_t count = 0;
  uint64_t *slots = calloc(table->most, sizeof *slots), word;
  assert_non_null(slots);
  assert_int_equal(
      beam_memory_read(&node->memory, table->slots, slots, table->most * sizeof *slots), 0);
  for (uint32_t i = 0; i < table->most; i++)
    count += slots[i] && !(slots[i] & 7) && beam_memory_word(&node->memory, slots[i], &word) == 0 &&
             beam_is_pid(word) && beam_node_slot(&node->node, word) == i;
  free(slots);
  return count;
}

static void check_node(const struct test_node *node)
{
  const struct beam_node *found = &node->node;
  assert_true(found->otp >= 24 && found->erts[0]);
  assert_int_equal(found->layout.major, found->otp);
  assert_false(found->calibrated);
  assert_true(found->scheduler_stride % 64 == 0);
  assert_true(found->ets_list_offset > 0 && found->ets_list_offset % 8 == 0);
  assert_true(found->atom_table && found->code_ranges && found->active_code_index);
  assert_true(found->this_node && found->dist_table && found->persistent_terms);
  assert_true(count_processes(node) > 20);
}

static void a_node_is_attached_with_all_that_walkers_need(void **state)
{
  (void)state;
  struct test_node *node =
      test_node_start("io:format(\"~p~n\", [erlang:system_info(process_count)])",
                      (const char *[]){"+S", "3:3", "+SDcpu", "2:2", "+SDio", "5", NULL});
  check_node(node);
  assert_int_equal(node->node.scheduler_count, 3);
  assert_int_equal(node->node.dirty_cpu_count, 2);
  assert_int_equal(node->node.dirty_io_count, 5);
  test_node_stop(node);
}

/* The numbers of a pid as the node prints it, also after slots were used again. */
static void pids_have_the_numbers_that_the_node_prints(void **state)
{
  (void)state;
  char line[64], mine[64];
  struct test_node *node = test_node_spawn(
      "[spawn(fun() -> ok end) || _ <- lists:seq(1, 3000)], io:format(\"~p~n\", [self()])",
      (const char *[]){"+P", "1024", NULL});
  assert_true(test_node_line(node, line, sizeof line));
  test_node_ready(node);
  test_node_attach(node);
  assert_int_equal(node->node.processes.most, 1024);
  bool found = false;
  for (uint32_t i = 0; i < node->node.processes.most; i++) {
    uint64_t address, word;
    if (beam_memory_word(&node->memory, node->node.processes.slots + i * 8, &address) != 0 ||
        beam_memory_word(&node->memory, address, &word) != 0 || !beam_is_pid(word) ||
        beam_node_slot(&node->node, word) != i)
      continue;
    struct beam_pid pid = beam_node_pid(&node->node, word);
    (void)snprintf(mine, sizeof mine, "<0.%u.%u>", pid.number, pid.serial);
    found |= strcmp(mine, line) == 0;
  }
  assert_true(found);
  test_node_stop(node);
}

static void counts_of_schedulers_and_processes_may_be_extreme(void **state)
{
  (void)state;
  static const struct {
    const char *args[10];
    uint32_t schedulers, most;
  } cases[] = {
      {{"+S", "1:1", "+SDcpu", "1:1", "+SDio", "1", NULL}, 1, 0},
      {{"+S", "64:64", "+SDcpu", "1:1", "+SDio", "1", NULL}, 64, 0},
      {{"+S", "4:1", "+P", "2000000", NULL}, 4, 2097152},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct test_node *node = test_node_start("ok", cases[i].args);
    check_node(node);
    assert_int_equal(node->node.scheduler_count, cases[i].schedulers);
    if (cases[i].most)
      assert_int_equal(node->node.processes.most, cases[i].most);
    test_node_stop(node);
  }
}

/* ---- other executables -------------------------------------------------------------------------------------------- */

static char *read_link(pid_t pid)
{
  static char text[PATH_MAX];
  struct reach_target *target;
  assert_int_equal(reach_open(pid, &target), 0);
  assert_int_equal(reach_link(target, "exe", text, sizeof text), 0);
  reach_close(target);
  return text;
}

/* Renames what the emulator exports, so that nobody can look it up. */
static void hide_symbols(unsigned char *bytes, size_t size)
{
  static const char *const prefixes[] = {"erts_proc",
                                         "erts_atom_table",
                                         "erts_aligned_",
                                         "the_active_code_index",
                                         "erts_this_node",
                                         "erts_dist_table",
                                         "db_"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    size_t length = strlen(prefixes[i]);
    unsigned char *place = bytes;
    while ((place = memmem(place, size - (size_t)(place - bytes), prefixes[i], length))) {
      if (place > bytes && place[-1] == '\0')
        place[0] = '~';
      place++;
    }
  }
}

/* No section headers at all. */
static void strip_sections(unsigned char *bytes)
{
  Elf64_Ehdr header;
  memcpy(&header, bytes, sizeof header);
  header.e_shoff = 0;
  header.e_shnum = header.e_shstrndx = 0;
  memcpy(bytes, &header, sizeof header);
}

/* A copy of the emulator that `pid` runs, stripped and hidden, under a name that says nothing. */
static void make_copy(pid_t pid, const char *path, bool hidden)
{
  const char *from = read_link(pid);
  struct stat file;
  int in = open(from, O_RDONLY);
  assert_true(in >= 0 && fstat(in, &file) == 0);
  unsigned char *bytes = malloc((size_t)file.st_size);
  assert_non_null(bytes);
  assert_int_equal(read(in, bytes, (size_t)file.st_size), file.st_size);
  strip_sections(bytes);
  if (hidden)
    hide_symbols(bytes, (size_t)file.st_size);
  int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  assert_true(out >= 0);
  assert_int_equal(write(out, bytes, (size_t)file.st_size), file.st_size);
  (void)close(in);
  (void)close(out);
  free(bytes);
}

/* The part of a path before `end`, which is in it. */
static void cut_at(const char *path, const char *end, char ret_part[PATH_MAX])
{
  assert_non_null(end);
  memcpy(ret_part, path, (size_t)(end - path));
  ret_part[end - path] = '\0';
}

/* Starts the copy as erl would start the original: with the folders of the one that runs. */
static struct test_node *start_copy(const char *path, const char *original)
{
  char folder[PATH_MAX], root[PATH_MAX], command[PATH_MAX * 3];
  cut_at(original, strrchr(original, '/'), folder);
  cut_at(original, strstr(original, "/erts-"), root);
  (void)setenv("BINDIR", folder, 1);
  (void)setenv("ROOTDIR", root, 1);
  (void)setenv("EMU", "beam", 1);
  (void)snprintf(command, sizeof command, "%s -- -root %s -bindir %s -progname x -- -home / --",
                 path, root, folder);
  char *before = getenv("IMPASSE_TEST_ERL") ? strdup(getenv("IMPASSE_TEST_ERL")) : NULL;
  (void)setenv("IMPASSE_TEST_ERL", command, 1);
  struct test_node *node = test_node_spawn("ok", NULL);
  if (before)
    (void)setenv("IMPASSE_TEST_ERL", before, 1);
  else
    (void)unsetenv("IMPASSE_TEST_ERL");
  free(before);
  test_node_ready(node);
  return node;
}

static void a_copy_is_attached(bool hidden, bool deleted)
{
  char folder[] = "/tmp/impasse test XXXXXX", path[64], reason[SOURCE_REASON_BYTES] = "";
  struct test_node *plain = test_node_start("ok", NULL);
  if (strncmp(read_link(plain->pid), "/usr/", 5) != 0) { /* its libraries are of another root */
    test_node_stop(plain);
    skip();
  }
  folder[12] = folder[17] = '-'; /* the words of a command are apart by spaces */
  assert_non_null(mkdtemp(folder));
  (void)snprintf(path, sizeof path, "%s/server", folder);
  make_copy(plain->pid, path, hidden);
  struct test_node *node = start_copy(path, read_link(plain->pid));
  if (deleted)
    assert_int_equal(unlink(path), 0);
  test_node_attach(node);
  check_node(node);
  assert_int_equal(beam_attach_probe(node->target, reason), SOURCE_MINE);
  assert_int_equal(node->node.found_by, hidden ? BEAM_BY_SCAN : plain->node.found_by);
#define SAME(field)                                                                                \
  assert_true(node->node.field - node->node.base == plain->node.field - plain->node.base)
  SAME(processes.address);
  SAME(atom_table);
  SAME(code_ranges);
  SAME(active_code_index);
  SAME(dist_table);
  SAME(persistent_terms);
#undef SAME
  assert_int_equal(node->node.scheduler_count, plain->node.scheduler_count);
  assert_int_equal(node->node.dirty_io_count, plain->node.dirty_io_count);
  test_node_stop(node);
  test_node_stop(plain);
  (void)unlink(path);
  (void)rmdir(folder);
}

static void a_fully_stripped_copy_under_another_name_is_attached(void **state)
{
  (void)state;
  a_copy_is_attached(false, false);
}

static void hidden_symbols_are_found_by_shape(void **state)
{
  (void)state;
  a_copy_is_attached(true, false);
}

static void a_deleted_executable_is_attached(void **state)
{
  (void)state;
  a_copy_is_attached(true, true);
}

/* ---- states of a node --------------------------------------------------------------------------------------------- */

static void a_node_that_boots_is_asked_to_come_again(void **state)
{
  (void)state;
  struct test_node *node = test_node_spawn("ok", NULL);
  char reason[SOURCE_REASON_BYTES] = "";
  int error = -EAGAIN;
  assert_int_equal(reach_open(node->pid, &node->target), 0);
  beam_memory_init(&node->memory, node->target);
  for (int i = 0; error && i < 100000; i++) { /* at first it is erl, which is none */
    error = beam_attach(node->target, &node->memory, &node->node, reason);
    if (error && error != -EAGAIN && error != -ENOTSUP)
      print_error("%d %s\n", error, reason);
    assert_true(error == 0 || error == -EAGAIN || error == -ENOTSUP);
  }
  assert_int_equal(error, 0);
  test_node_ready(node);
  check_node(node);
  test_node_stop(node);
}

static void a_stopped_node_is_attached_like_any_other(void **state)
{
  (void)state;
  int status;
  struct test_node *node = test_node_spawn("ok", NULL);
  test_node_ready(node);
  assert_int_equal(kill(node->pid, SIGSTOP), 0);
  assert_int_equal(waitpid(node->pid, &status, WUNTRACED), node->pid);
  test_node_attach(node);
  check_node(node);
  test_node_stop(node);
}

static void a_node_that_dies_is_gone(void **state)
{
  (void)state;
  struct beam_node again;
  char reason[SOURCE_REASON_BYTES] = "";
  struct test_node *node = test_node_start("ok", NULL);
  assert_int_equal(kill(node->pid, SIGKILL), 0);
  assert_int_equal(waitpid(node->pid, NULL, 0), node->pid);
  assert_int_equal(beam_attach(node->target, &node->memory, &again, reason), -ESRCH);
  assert_non_null(strstr(reason, "gone"));
  assert_true(beam_attach_probe(node->target, reason) == -ESRCH);
  test_node_stop(node);
}

static void a_node_spawning_fast_is_attached(void **state)
{
  (void)state;
  struct test_node *node =
      test_node_start("F = fun F(0) -> ok; F(N) -> spawn(fun() -> ok end), F(N - 1) end, "
                      "[spawn(fun() -> F(1000000000) end) || _ <- [1, 2]], timer:sleep(100)",
                      (const char *[]){"+S", "2:2", NULL});
  check_node(node);
  test_node_stop(node);
}

/* ---- the probe ---------------------------------------------------------------------------------------------------- */

static void other_programs_are_not_mine(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES] = "";
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(beam_attach_probe(target, reason), SOURCE_NOT_MINE);
  reach_close(target);
  test_child_kill(&child);
}

/* Asks as nobody: what may be read is told by the exit code. */
static int probe_as_nobody(pid_t pid, char reason[SOURCE_REASON_BYTES])
{
  int pipes[2], status;
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct reach_target *target;
    char text[SOURCE_REASON_BYTES] = "";
    if (setgid(65534) != 0 || setuid(65534) != 0 || reach_open(pid, &target) != 0)
      _exit(99);
    int verdict = beam_attach_probe(target, text);
    (void)!write(pipes[1], text, sizeof text); /* a missing reason fails the test */
    _exit(verdict < 0 ? 98 : verdict);
  }
  assert_int_equal(read(pipes[0], reason, SOURCE_REASON_BYTES), SOURCE_REASON_BYTES);
  assert_int_equal(waitpid(child, &status, 0), child);
  (void)close(pipes[0]);
  (void)close(pipes[1]);
  return WEXITSTATUS(status);
}

static void a_node_of_another_user_is_mine_but_unreadable(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES];
  if (getuid() != 0)
    skip(); /* only root can be somebody else */
  struct test_node *node = test_node_start("ok", NULL);
  assert_int_equal(probe_as_nobody(node->pid, reason), SOURCE_MINE_UNREADABLE);
  assert_non_null(strstr(reason, "belongs to another user"));
  struct test_child child = test_child_start(NULL, NULL, false);
  assert_int_equal(probe_as_nobody(child.pid, reason), 98);
  test_child_kill(&child);
  test_node_stop(node);
}

static void a_node_is_known_by_its_name_or_its_arguments(void **state)
{
  (void)state;
  static const char erlang[] = "/x/server\0--\0-root\0/x\0-progname\0erl\0";
  static const char other[] = "/x/server\0-root\0/x\0";
  assert_true(attach_looks_like_node("beam.smp\n", "", 0));
  assert_true(attach_looks_like_node("server\n", erlang, sizeof erlang - 1));
  assert_false(attach_looks_like_node("beam.smpx\n", "", 0));
  assert_false(attach_looks_like_node("server\n", other, sizeof other - 1));
  assert_false(attach_looks_like_node("", "", 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_node_is_attached_with_all_that_walkers_need),
      cmocka_unit_test(pids_have_the_numbers_that_the_node_prints),
      cmocka_unit_test(counts_of_schedulers_and_processes_may_be_extreme),
      cmocka_unit_test(a_fully_stripped_copy_under_another_name_is_attached),
      cmocka_unit_test(hidden_symbols_are_found_by_shape),
      cmocka_unit_test(a_deleted_executable_is_attached),
      cmocka_unit_test(a_node_that_boots_is_asked_to_come_again),
      cmocka_unit_test(a_stopped_node_is_attached_like_any_other),
      cmocka_unit_test(a_node_that_dies_is_gone),
      cmocka_unit_test(a_node_spawning_fast_is_attached),
      cmocka_unit_test(other_programs_are_not_mine),
      cmocka_unit_test(a_node_of_another_user_is_mine_but_unreadable),
      cmocka_unit_test(a_node_is_known_by_its_name_or_its_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
