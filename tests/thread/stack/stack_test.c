/*
 * stack_test.c - names and stacks of real programs, read from outside: how they were compiled and linked, what
 * becomes of their files, what they load and execute meanwhile. The programs stand beside this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/thread/stack/stack.h"

#define DEADLINE_MS 20000
#define CALL_FUTEX 202 /* the programs wait in futexes; of x86-64, where this runs */

struct program {
  pid_t pid;
  int from, to;
  struct reach_target *target;
  struct stack *stack;
};

static void path_of(const char *name, char *ret_path, size_t room)
{
  const char *folder = getenv("STACK_PROGRAMS");
  assert_non_null(folder);
  (void)snprintf(ret_path, room, "%s/%s", folder, name);
}

static void await_byte(const struct program *program)
{
  struct pollfd ready = {.fd = program->from, .events = POLLIN};
  char byte;
  assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
  assert_int_equal(read(program->from, &byte, 1), 1);
}

static void tell(const struct program *program)
{
  assert_int_equal(write(program->to, "g", 1), 1);
}

/* `root`: of the program; NULL the test's own. */
static struct program run_beneath(const char *root, const char *path, const char *mode,
                                  const char *file)
{
  struct program program = {0};
  int up[2], down[2];
  assert_int_equal(pipe(up), 0);
  assert_int_equal(pipe(down), 0);
  program.pid = fork();
  assert_true(program.pid >= 0);
  if (program.pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(down[0], STDIN_FILENO);
    (void)dup2(up[1], STDOUT_FILENO);
    if (!root || (chroot(root) == 0 && chdir("/") == 0))
      (void)execl(path, path, mode, file, (char *)NULL);
    _exit(127);
  }
  (void)close(up[1]);
  (void)close(down[0]);
  program.from = up[0];
  program.to = down[1];
  await_byte(&program);
  assert_int_equal(reach_open(program.pid, &program.target), 0);
  assert_int_equal(stack_open(program.target, &program.stack), 0);
  return program;
}

static struct program run(const char *path, const char *mode, const char *file)
{
  return run_beneath(NULL, path, mode, file);
}

static struct program run_one(const char *name, const char *mode)
{
  char path[4096];
  path_of(name, path, sizeof path);
  return run(path, mode, NULL);
}

static void end(struct program *program)
{
  stack_close(program->stack);
  reach_close(program->target);
  (void)kill(program->pid, SIGKILL);
  (void)waitpid(program->pid, NULL, 0);
  (void)close(program->from);
  (void)close(program->to);
}

/* Is the thread called so, and blocked in a futex? */
static bool is_blocked(const struct program *program, pid_t tid, const char *comm,
                       struct thread_state *ret_state)
{
  char name[64], *text = NULL;
  unsigned long long call, arguments[6], sp, pc;
  int fields;
  (void)snprintf(name, sizeof name, "task/%d/comm", (int)tid);
  if (reach_file(program->target, name, 64, &text, NULL) != 0)
    return false;
  text[strcspn(text, "\n")] = '\0';
  bool named = strcmp(text, comm) == 0;
  free(text);
  (void)snprintf(name, sizeof name, "task/%d/syscall", (int)tid);
  if (!named || reach_file(program->target, name, 512, &text, NULL) != 0)
    return false;
  fields =
      sscanf(text, "%llu %llx %llx %llx %llx %llx %llx %llx %llx", &call, &arguments[0],
             &arguments[1], &arguments[2], &arguments[3], &arguments[4], &arguments[5], &sp, &pc);
  free(text);
  if (fields != 9 || call != CALL_FUTEX)
    return false;
  *ret_state = (struct thread_state){.tid = tid,
                                     .activity = THREAD_CALLS,
                                     .call = CALL_FUTEX,
                                     .arguments = {arguments[0]},
                                     .sp = sp,
                                     .pc = pc,
                                     .run_count = 1};
  (void)snprintf(ret_state->comm, sizeof ret_state->comm, "%s", comm);
  return true;
}

/* Waits until the thread of that name is blocked in a futex. */
static struct thread_state blocked(const struct program *program, const char *comm)
{
  for (int ms = 0; ms < DEADLINE_MS; ms++) {
    struct thread_state state;
    pid_t *tids = NULL;
    size_t count = 0;
    bool found = false;
    if (reach_tids(program->target, &tids, &count) == 0)
      for (size_t i = 0; i < count && !found; i++)
        found = is_blocked(program, tids[i], comm, &state);
    free(tids);
    if (found)
      return state;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  fail_msg("thread %s of %d is not blocked", comm, (int)program->pid);
  return (struct thread_state){0};
}

/* The frame pointer register, which /proc does not tell: the test may ask for it in another way. */
static void learn_frame(struct thread_state *thread)
{
#if defined(__x86_64__)
  struct user_regs_struct registers;
  assert_int_equal(ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL), 0);
  assert_int_equal(ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL), 0);
  assert_int_equal(waitpid(thread->tid, NULL, __WALL), thread->tid);
  assert_int_equal(ptrace(PTRACE_GETREGS, thread->tid, NULL, &registers), 0);
  assert_int_equal(ptrace(PTRACE_DETACH, thread->tid, NULL, NULL), 0);
  thread->frame = registers.rbp;
#else
  (void)thread;
#endif
}

/* The names of all frames, one a line, guessed ones with "? " in front. */
static void names_of(struct program *program, const struct thread_state *thread, char *ret_text,
                     size_t room)
{
  struct stack_frame frames[STACK_FRAMES_MOST];
  int count = stack_unwind(program->stack, thread, frames, STACK_FRAMES_MOST);
  size_t length = 0;
  assert_true(count > 0);
  for (int i = 0; i < count; i++) {
    char name[STACK_TEXT_BYTES];
    stack_code_name(program->stack, frames[i].pc, name);
    length += (size_t)snprintf(ret_text + length, room - length, "%s%s\n",
                               frames[i].guessed ? "? " : "", name);
    assert_true(length < room);
  }
}

/* Do frames of these functions of the module lie on each other, with nothing between? */
static void assert_chain(const char *names, const char *const *functions, const char *module)
{
  const char *at = names;
  for (size_t i = 0; functions[i]; i++) {
    char begin[128], end_of[128];
    (void)snprintf(begin, sizeof begin, "%s+0x", functions[i]);
    (void)snprintf(end_of, sizeof end_of, " (%s)\n", module);
    const char *line = at + (strncmp(at, "? ", 2) == 0 ? 2 : 0);
    if (i == 0) { /* wherever it begins */
      line = strstr(names, begin);
      if (!line || (line != names && line[-1] != '\n' && line[-1] != ' '))
        fail_msg("no %s in:\n%s", begin, names);
    }
    size_t length = strcspn(line, "\n") + 1;
    if (strncmp(line, begin, strlen(begin)) != 0 || length < strlen(end_of) ||
        strncmp(line + length - strlen(end_of), end_of, strlen(end_of)) != 0)
      fail_msg("wanted %s ...%sgot %s in:\n%s", begin, end_of, line, names);
    at = line + length;
  }
}

static void assert_site(struct program *program, const struct thread_state *thread,
                        const char *wanted)
{
  char site[STACK_TEXT_BYTES] = "(none)";
  (void)stack_call_site(program->stack, thread, site);
  assert_string_equal(site, wanted);
}

static void assert_data(struct program *program, uint64_t address, const char *wanted)
{
  char name[STACK_TEXT_BYTES] = "(none)";
  (void)stack_data_name(program->stack, address, name);
  assert_string_equal(name, wanted);
}

static const char *const chain[] = {"transfer", "book", "worker", NULL};

/* --- as it was compiled --- */

static void assert_all_named(const char *name, bool with_frame)
{
  struct program program = run_one(name, NULL);
  struct thread_state thread = blocked(&program, "chain");
  char names[8192];
  if (with_frame)
    learn_frame(&thread);
  names_of(&program, &thread, names, sizeof names);
  assert_chain(names, chain, name);
  assert_site(&program, &thread, "transfer");
  if (strcmp(name, "musl") != 0) /* whose word is another one of the lock */
    assert_data(&program, thread.arguments[0], "accounts+0x28");
  thread = blocked(&program, "direct");
  assert_site(&program, &thread, "keeper");
  if (strcmp(name, "musl") != 0)
    assert_data(&program, thread.arguments[0], "ledger");
  assert_data(&program, thread.sp, "(none)");
  end(&program);
}

static void frames_and_names_are_found_however_it_was_compiled(void **state)
{
  static const char *const programs[] = {"o2",       "o0",     "frames",    "fixed",
                                         "fixed_o0", "static", "static_o0", "unruled"};
  (void)state;
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    print_message("%s\n", programs[i]);
    assert_all_named(programs[i], false);
    assert_all_named(programs[i], true);
  }
}

static void functions_of_musl_that_have_no_rules_are_passed(void **state)
{
  char path[4096];
  (void)state;
  path_of("musl", path, sizeof path);
  if (access(path, X_OK) != 0) {
    print_message("skipped: no musl-gcc was there\n");
    skip();
  }
  assert_all_named("musl", false);
}

static void only_what_the_rules_do_not_tell_is_guessed(void **state)
{
  struct program program = run_one("o0", NULL);
  struct thread_state thread = blocked(&program, "chain");
  char names[8192];
  (void)state;
  names_of(&program, &thread, names, sizeof names);
  assert_non_null(strstr(names, "\ntransfer+")); /* told by the rules of the C library */
  assert_non_null(strstr(names, "\n? book+"));
  end(&program);
  program = run_one("o0", NULL);
  thread = blocked(&program, "chain");
  learn_frame(&thread);
  names_of(&program, &thread, names, sizeof names);
  assert_null(strstr(names, "? "));
  end(&program);
}

static void a_stripped_program_is_named_by_its_file_and_offset(void **state)
{
  static const char *const programs[] = {"stripped", "stripped_o0"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct program program = run_one(programs[i], NULL);
    struct thread_state thread = blocked(&program, "chain");
    char names[8192], begin[64], site[STACK_TEXT_BYTES];
    unsigned found = 0;
    (void)snprintf(begin, sizeof begin, "%s+0x", programs[i]);
    names_of(&program, &thread, names, sizeof names);
    for (const char *at = names; (at = strstr(at, begin)); at++)
      found++;
    assert_int_equal(found, 4); /* transfer, book, worker, begin */
    assert_true(stack_call_site(program.stack, &thread, site));
    assert_int_equal(strncmp(site, begin, strlen(begin)), 0);
    assert_data(&program, thread.arguments[0], "(none)");
    end(&program);
  }
}

static void names_of_cpp_are_readable(void **state)
{
  static const char *const programs[] = {"cpp_o2", "cpp_o0"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct program program = run_one(programs[i], NULL);
    struct thread_state thread = blocked(&program, "method");
    print_message("%s\n", programs[i]);
    assert_site(&program, &thread, "bank::Account::transfer");
    assert_data(&program, thread.arguments[0], "bank::first");
    thread = blocked(&program, "generic");
    assert_site(&program, &thread,
                "bank::Account::each<main::{lambda()#2}::operator()() "
                "const::{lambda(bank::Account&)#1}>");
    assert_data(&program, thread.arguments[0], "bank::Account::audit");
    thread = blocked(&program, "lambda");
    assert_site(&program, &thread,
                i == 0 ? "main::{lambda()#3}" : "main::{lambda()#3}::operator()");
    end(&program);
  }
}

static void a_signal_handler_on_its_own_stack_is_passed(void **state)
{
  static const char *const handler[] = {"on_signal", NULL}, *const below[] = {"interrupted",
                                                                              "signalled", NULL};
  struct program program = run_one("o2", "signal");
  struct thread_state thread;
  char names[8192];
  (void)state;
  tell(&program);
  thread = blocked(&program, "signal");
  names_of(&program, &thread, names, sizeof names);
  assert_chain(names, handler, "o2");
  assert_chain(names, below, "o2");
  end(&program);
}

/* --- what becomes of it --- */

static void copy(const char *from, const char *to)
{
  struct stat facts;
  int in = open(from, O_RDONLY | O_CLOEXEC);
  int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  assert_true(in >= 0 && out >= 0);
  assert_int_equal(fstat(in, &facts), 0);
  assert_int_equal(sendfile(out, in, NULL, (size_t)facts.st_size), facts.st_size);
  (void)close(in);
  (void)close(out);
}

/* Another file takes the name of one that is in use. */
static void upgrade(const char *path)
{
  char other[4096];
  path_of("static", other, sizeof other);
  assert_int_equal(unlink(path), 0);
  copy(other, path);
}

static void a_program_whose_file_was_replaced_keeps_its_names(void **state)
{
  char from[4096], path[4096];
  (void)state;
  path_of("o2", from, sizeof from);
  path_of("replaced", path, sizeof path);
  (void)unlink(path);
  copy(from, path);
  struct program program = run(path, NULL, NULL);
  struct thread_state thread = blocked(&program, "chain");
  char names[8192];
  upgrade(path);
  names_of(&program, &thread, names, sizeof names);
  assert_chain(names, chain, "replaced");
  assert_data(&program, thread.arguments[0], "accounts+0x28");
  end(&program);
  (void)unlink(path);
}

/* Folders of the path, and the file. */
static void copy_to(const char *from, char *path)
{
  for (char *slash = path; (slash = strchr(slash + 1, '/')); *slash = '/') {
    *slash = '\0';
    (void)mkdir(path, 0755); /* most are there */
  }
  (void)unlink(path);
  copy(from, path);
}

/* Where the debug file of a program belongs, by the program's own build id. */
static void debug_path(const char *program, const char *root, char *ret_path, size_t room)
{
  const void *id;
  int fd = open(program, O_RDONLY | O_CLOEXEC);
  Elf *elf;
  assert_true(fd >= 0 && elf_version(EV_CURRENT) != EV_NONE);
  elf = elf_begin(fd, ELF_C_READ, NULL);
  ssize_t length = dwelf_elf_gnu_build_id(elf, &id);
  assert_true(length > 8);
  int at = snprintf(ret_path, room, "%s/usr/lib/debug/.build-id/%02x/", root, *(const uint8_t *)id);
  for (ssize_t i = 1; i < length; i++)
    at += snprintf(ret_path + at, room - (size_t)at, "%02x", ((const uint8_t *)id)[i]);
  (void)snprintf(ret_path + at, room - (size_t)at, ".debug");
  (void)elf_end(elf);
  (void)close(fd);
}

static void names_come_from_the_debug_file_beneath_the_root_of_the_program(void **state)
{
  char from[4096], debug[4096], root[4096], path[8192];
  (void)state;
  if (geteuid() != 0) {
    print_message("skipped: another root directory is for root\n");
    skip();
  }
  path_of("bare", from, sizeof from);
  path_of("bare.debug", debug, sizeof debug);
  path_of("root", root, sizeof root);
  (void)snprintf(path, sizeof path, "%s/bin/bare", root);
  copy_to(from, path);
  debug_path(from, root, path, sizeof path);
  (void)unlink(path);
  struct program program = run_beneath(root, "/bin/bare", NULL, NULL);
  struct thread_state thread = blocked(&program, "chain");
  assert_data(&program, thread.arguments[0], "(none)");
  end(&program);
  copy_to(debug, path);
  program = run_beneath(root, "/bin/bare", NULL, NULL);
  thread = blocked(&program, "chain");
  assert_data(&program, thread.arguments[0], "accounts+0x28");
  assert_site(&program, &thread, "transfer");
  end(&program);
  assert_int_equal(unlink(path), 0);
  path_of("libplugin.so", debug, sizeof debug); /* of something else */
  copy_to(debug, path);
  program = run_beneath(root, "/bin/bare", NULL, NULL);
  thread = blocked(&program, "chain");
  assert_data(&program, thread.arguments[0], "(none)");
  end(&program);
}

static void a_library_that_is_loaded_late_is_found(void **state)
{
  static const char *const plugin[] = {"plugin_deep", "plugin_wait", NULL};
  char path[4096], library[4096], names[8192];
  (void)state;
  path_of("o2", path, sizeof path);
  path_of("libplugin.so", library, sizeof library);
  struct program program = run(path, "library", library);
  struct thread_state thread = blocked(&program, "direct");
  assert_site(&program, &thread, "keeper"); /* now all that is mapped is known */
  tell(&program);
  thread = blocked(&program, "library");
  for (int ms = 0; ms < DEADLINE_MS; ms++) { /* what changed is looked for at most once a second */
    char site[STACK_TEXT_BYTES] = "";
    stack_refresh(program.stack);
    thread.run_count++;
    if (stack_call_site(program.stack, &thread, site) && strcmp(site, "plugin_deep") == 0)
      break;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  names_of(&program, &thread, names, sizeof names);
  assert_chain(names, plugin, "libplugin.so");
  end(&program);
}

static void a_library_whose_file_was_replaced_is_read_from_memory(void **state)
{
  char path[4096], from[4096], library[4096], names[8192];
  (void)state;
  path_of("o2", path, sizeof path);
  path_of("libplugin.so", from, sizeof from);
  path_of("libreplaced.so", library, sizeof library);
  (void)unlink(library);
  copy(from, library);
  struct program program = run(path, "library", library);
  tell(&program);
  struct thread_state thread = blocked(&program, "library");
  upgrade(library);
  names_of(&program, &thread, names, sizeof names);
  assert_non_null(strstr(names, "libreplaced.so+0x")); /* plugin_deep is static */
  assert_non_null(strstr(names, "\nplugin_wait+0x"));
  assert_non_null(strstr(names, "\ncaller+0x"));
  end(&program);
  (void)unlink(library);
}

static void a_program_that_becomes_another_has_the_names_of_that(void **state)
{
  char path[4096], other[4096], names[8192];
  (void)state;
  path_of("o2", path, sizeof path);
  path_of("static_o0", other, sizeof other);
  struct program program = run(path, "exec", other);
  struct thread_state thread = blocked(&program, "direct");
  assert_site(&program, &thread, "keeper");
  assert_data(&program, thread.arguments[0], "ledger");
  tell(&program);
  await_byte(&program);
  thread = blocked(&program, "chain");
  stack_refresh(program.stack);
  names_of(&program, &thread, names, sizeof names);
  assert_chain(names, chain, "static_o0");
  assert_data(&program, thread.arguments[0], "accounts+0x28");
  end(&program);
}

/* --- the rest --- */

static void a_thread_that_runs_has_no_stack(void **state)
{
  struct program program = run_one("o2", NULL);
  struct thread_state thread = {.tid = program.pid, .activity = THREAD_RUNS, .run_count = 1};
  struct stack_frame frames[4];
  char site[STACK_TEXT_BYTES];
  (void)state;
  assert_int_equal(stack_unwind(program.stack, &thread, frames, 4), -ENODATA);
  assert_false(stack_call_site(program.stack, &thread, site));
  end(&program);
}

static void all_stacks_are_told_as_text(void **state)
{
  struct program program = run_one("o0", NULL);
  struct thread_state list[] = {blocked(&program, "chain"),
                                blocked(&program, "direct"),
                                {.tid = 1, .activity = THREAD_RUNS, .comm = "run\x1b[1m"}};
  const struct thread_state *threads[] = {&list[0], &list[1], &list[2]};
  char *text = NULL;
  (void)state;
  assert_int_equal(stack_text(program.stack, threads, 3, &text), 0);
  assert_non_null(strstr(text, " chain\n#0  "));
  assert_non_null(strstr(text, "#3  ? book+0x"));
  assert_non_null(strstr(text, " keeper+0x"));
  assert_non_null(strstr(text, "thread 1 run?[1m\n  runs: "));
  assert_non_null(strstr(text, "\n? found by looking at the stack"));
  free(text);
  end(&program);
}

static void a_process_that_is_gone_gives_nothing(void **state)
{
  struct program program = run_one("o2", NULL);
  struct thread_state thread = blocked(&program, "chain");
  char names[STACK_TEXT_BYTES];
  (void)state;
  (void)kill(program.pid, SIGKILL);
  (void)waitpid(program.pid, NULL, 0);
  assert_false(stack_data_name(program.stack, thread.arguments[0], names));
  assert_false(stack_call_site(program.stack, &thread, names));
  end(&program);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_and_names_are_found_however_it_was_compiled),
      cmocka_unit_test(functions_of_musl_that_have_no_rules_are_passed),
      cmocka_unit_test(only_what_the_rules_do_not_tell_is_guessed),
      cmocka_unit_test(a_stripped_program_is_named_by_its_file_and_offset),
      cmocka_unit_test(names_of_cpp_are_readable),
      cmocka_unit_test(a_signal_handler_on_its_own_stack_is_passed),
      cmocka_unit_test(a_program_whose_file_was_replaced_keeps_its_names),
      cmocka_unit_test(names_come_from_the_debug_file_beneath_the_root_of_the_program),
      cmocka_unit_test(a_library_that_is_loaded_late_is_found),
      cmocka_unit_test(a_library_whose_file_was_replaced_is_read_from_memory),
      cmocka_unit_test(a_program_that_becomes_another_has_the_names_of_that),
      cmocka_unit_test(a_thread_that_runs_has_no_stack),
      cmocka_unit_test(all_stacks_are_told_as_text),
      cmocka_unit_test(a_process_that_is_gone_gives_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
