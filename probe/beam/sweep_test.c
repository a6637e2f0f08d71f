/*
 * sweep_test.c - sweeps, parts and rounds of real nodes, also of those that are stopped, killed
 * while they are read, or spawn processes without end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "probe/beam/sweep.h"
#include "probe/beam/sweep_facts.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"
#include "probe/source.h"

extern const struct source source_beam;

enum { SWEEPS = 60 };

/* ---- what tests do ---- */

enum { OPENINGS = 20 };

/* A node that changes faster than it can be read is tried again, as the collector does it. */
static void *open_source(struct test_node *node)
{
  char reason[SOURCE_REASON_BYTES] = "";
  void *session = NULL;
  int error = -EAGAIN;
  for (int i = 0; i < OPENINGS && error == -EAGAIN; i++)
    error = source_beam.open(node->target, &session, reason);
  if (error)
    test_node_fail("open: %s", reason);
  return session;
}

static struct sweep *take(int (*how)(void *, struct sweep **), void *session)
{
  struct sweep *sweep = NULL;
  assert_int_equal(how(session, &sweep), 0);
  assert_non_null(sweep);
  assert_int_equal(sweep_check(sweep), 0);
  return sweep;
}

static const struct sweep_actor *find_named(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->actor_count; i++) {
    const char *text = sweep_text(sweep, sweep->actors[i].name);
    if (text && strcmp(text, name) == 0)
      return &sweep->actors[i];
  }
  return NULL;
}

static const struct sweep_actor *find_key(const struct sweep *sweep, uint64_t key)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep->actors[i].key == key)
      return &sweep->actors[i];
  return NULL;
}

static const struct sweep_wait *find_wait(const struct sweep *sweep, uint64_t waiter)
{
  for (size_t i = 0; i < sweep->wait_count; i++)
    if (sweep->waits[i].waiter == waiter)
      return &sweep->waits[i];
  return NULL;
}

static void await_line(struct test_node *node, const char *wanted)
{
  char line[256];
  while (test_node_line(node, line, sizeof line))
    if (strcmp(line, wanted) == 0)
      return;
  test_node_fail("the node never said %s", wanted);
}

/* ---- parts and rounds ---- */

/* A caller that is blocked, its callee, and one with messages; told so, the caller is killed. */
static const char BLOCKED[] =
    "register(callee, spawn(fun() -> receive never -> ok end end)), "
    "register(caller, spawn(fun() -> gen:call(callee, '$gen_call', hello, infinity) end)), "
    "register(deep, D = spawn(fun() -> receive never -> ok end end)), [D ! I || I <- lists:seq(1, "
    "50)], "
    "[(fun Settle() -> case process_info(whereis(P), status) of {_, waiting} -> ok; _ -> Settle() "
    "end "
    "end)() || P <- [callee, caller, deep]], "
    "spawn(fun() -> io:get_line(\"\"), exit(whereis(caller), kill), "
    "(fun Gone() -> case whereis(caller) of undefined -> ok; _ -> Gone() end end)(), "
    "io:format(\"killed~n\"), timer:sleep(infinity) end)";

static void parts_and_rounds_list_the_hot_and_the_blocked(void **state)
{
  (void)state;
  struct test_node *node = test_node_start(BLOCKED, NULL);
  void *session = open_source(node);
  struct sweep *full = take(source_beam.sweep, session);
  const struct sweep_actor *caller = find_named(full, "caller"), *deep = find_named(full, "deep");
  assert_non_null(caller);
  assert_non_null(deep);
  assert_int_equal(caller->state, ACTOR_BLOCKED);
  assert_int_equal(deep->state, ACTOR_RECEIVE);
  assert_int_equal(deep->depth, 50);
  assert_true(deep->head != 0);
  const struct sweep_wait *wait = find_wait(full, caller->key);
  assert_non_null(wait);

  struct sweep *part = take(source_beam.part, session);
  assert_int_equal(part->kind, SWEEP_PART);
  assert_true(part->actor_count < full->actor_count);
  assert_non_null(find_named(part, "deep"));
  assert_int_equal(find_named(part, "deep")->head, deep->head);
  assert_int_equal(find_key(part, caller->key)->state, ACTOR_BLOCKED);
  assert_true(part->target.actor_limit > 0 && part->target.born_count > 0);

  struct sweep *round = take(source_beam.round, session);
  assert_int_equal(round->kind, SWEEP_ROUND);
  assert_non_null(find_key(round, caller->key));
  assert_null(find_key(round, deep->key));
  const struct sweep_wait *again = find_wait(round, caller->key);
  assert_non_null(again);
  assert_memory_equal(&again->id, &wait->id, sizeof wait->id);
  sweep_free(round);
  sweep_free(part);

  test_node_tell(node, "now");
  await_line(node, "killed");
  round = take(source_beam.round, session);
  part = take(source_beam.part, session);
  assert_null(find_wait(round, caller->key));
  assert_int_equal(find_key(round, caller->key)->flags, SWEEP_ACTOR_GONE);
  assert_int_equal(find_key(part, caller->key)->flags, SWEEP_ACTOR_GONE);
  sweep_free(round);
  sweep_free(part);
  sweep_free(full);
  source_beam.close(session);
  test_node_stop(node);
}

/* ---- mailboxes ---- */

/* Many send at once to one that keeps its messages off its heap and does not run: such a mailbox
 * comes to have parallel in-queues. */
static const char PARALLEL[] =
    "Self = self(), To = spawn(fun() -> process_flag(message_queue_data, off_heap), Self ! set, "
    "receive never -> ok end end), receive set -> ok end, register(receiver, To), "
    "erlang:suspend_process(To), Senders = [spawn_monitor(fun() -> [To ! {N, I} || I <- "
    "lists:seq(1, 20000)] end) || N <- lists:seq(1, 8)], "
    "[receive {'DOWN', M, _, _, _} -> ok end || {_, M} <- Senders]";

static void messages_in_parallel_queues_are_all_counted(void **state)
{
  (void)state;
  struct test_node *node = test_node_start(PARALLEL, (const char *[]){"+S", "4:4", NULL});
  void *session = open_source(node);
  struct sweep *sweep = take(source_beam.sweep, session);
  const struct sweep_actor *receiver = find_named(sweep, "receiver");
  assert_non_null(receiver);
  assert_int_equal(receiver->state, ACTOR_SUSPENDED);
  assert_int_equal(receiver->depth, 160000);
  assert_int_equal(receiver->depth_is, DEPTH_EXACT);
  sweep_free(sweep);
  source_beam.close(session);
  test_node_stop(node);
}

/* ---- names that change ---- */

static const char RENAMED[] =
    "register(one, P = spawn(fun() -> receive never -> ok end end)), "
    "spawn(fun() -> io:get_line(\"\"), unregister(one), register(other, P), "
    "io:format(\"other~n\"), "
    "io:get_line(\"\"), unregister(other), io:format(\"none~n\"), timer:sleep(infinity) end)";

static void a_name_is_followed_from_sweep_to_sweep(void **state)
{
  (void)state;
  const unsigned registered = SWEEP_ACTOR_REGISTERED | SWEEP_ACTOR_NAMED;
  struct test_node *node = test_node_start(RENAMED, NULL);
  void *session = open_source(node);
  struct sweep *sweep = take(source_beam.sweep, session);
  assert_non_null(find_named(sweep, "one"));
  uint64_t key = find_named(sweep, "one")->key;
  sweep_free(sweep);

  test_node_tell(node, "next");
  await_line(node, "other");
  sweep = take(source_beam.part, session); /* a part sees it, too */
  assert_string_equal(sweep_text(sweep, find_key(sweep, key)->name), "other");
  assert_int_equal(find_key(sweep, key)->flags, registered);
  sweep_free(sweep);

  test_node_tell(node, "next");
  await_line(node, "none");
  sweep = take(source_beam.sweep, session);
  assert_null(find_named(sweep, "other"));
  assert_int_equal(find_key(sweep, key)->flags, 0);
  assert_int_equal(sweep_text(sweep, find_key(sweep, key)->name)[0], '<'); /* a bare fun: its pid */
  sweep_free(sweep);
  source_beam.close(session);
  test_node_stop(node);
}

/* ---- trouble ---- */

static void a_stopped_node_is_read_like_any_other(void **state)
{
  (void)state;
  int status;
  struct test_node *node = test_node_start(BLOCKED, NULL);
  void *session = open_source(node);
  assert_int_equal(kill(node->pid, SIGSTOP), 0);
  assert_int_equal(waitpid(node->pid, &status, WUNTRACED), node->pid);
  struct sweep *sweep = take(source_beam.sweep, session);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(find_named(sweep, "caller")->state, ACTOR_BLOCKED);
  sweep_free(sweep);
  source_beam.close(session);
  test_node_stop(node);
}

/* Two processes spawn without an end; a thousand wait, each with one message. */
static const char CHURN[] =
    "[begin P = spawn(fun() -> receive never -> ok end end), P ! x end || _ <- lists:seq(1, "
    "1000)], "
    "Spawn = fun Spawn() -> spawn(fun() -> ok end), Spawn() end, spawn(Spawn), spawn(Spawn)";

static void no_garbage_comes_out_of_a_node_that_spawns_without_end(void **state)
{
  (void)state;
  struct test_node *node = test_node_start(CHURN, NULL);
  void *session = open_source(node);
  int64_t born = 0, died = 0;
  for (int i = 0; i < SWEEPS; i++) {
    struct sweep *sweep = take(source_beam.sweep, session);
    size_t waiting = 0;
    assert_int_equal(sweep->kind, SWEEP_FULL);
    assert_int_equal(sweep->target.lost_count, 0);
    for (size_t k = 0; k < sweep->actor_count; k++) {
      const struct sweep_actor *row = &sweep->actors[k];
      waiting += row->state == ACTOR_RECEIVE && row->depth == 1;
      assert_true(row->depth >= 0 && row->depth < 100);
      assert_true(row->memory_bytes > 0 && row->memory_bytes < 1 << 30);
      assert_true(row->work_count >= 0);
    }
    assert_true(waiting >= 1000);
    assert_true(sweep->target.born_count >= born && sweep->target.died_count >= died);
    born = sweep->target.born_count;
    died = sweep->target.died_count;
    sweep_free(sweep);
  }
  source_beam.close(session);
  test_node_stop(node);
}

/* Memory of a node that is killed by the first read of many. */
struct deadly {
  struct beam_memory *real;
  pid_t pid;
};

static ssize_t read_deadly(const struct beam_memory *memory, uint64_t address, void *bytes,
                           size_t length)
{
  const struct deadly *deadly = memory->context;
  return deadly->real->read(deadly->real, address, bytes, length);
}

static int read_deadly_pieces(const struct beam_memory *memory, struct reach_piece *pieces,
                              size_t count)
{
  const struct deadly *deadly = memory->context;
  siginfo_t ended;
  (void)kill(deadly->pid, SIGKILL);
  if (waitid(P_PID, (id_t)deadly->pid, &ended, WEXITED | WNOWAIT) != 0)
    return -EINVAL;
  return deadly->real->read_pieces(deadly->real, pieces, count);
}

static void a_node_that_is_killed_while_it_is_read_is_gone(void **state)
{
  (void)state;
  struct test_node *node = test_node_start("ok", NULL);
  void *session = open_source(node);
  struct deadly deadly = {&node->memory, node->pid};
  struct beam_memory memory = {
      .read = read_deadly, .read_pieces = read_deadly_pieces, .context = &deadly, .pagemap_fd = -1};
  struct beam_node view = node->node;
  view.memory = &memory;
  struct beam_atoms *atoms = beam_atoms_new(&view);
  struct beam_code *code = beam_code_new(&view);
  struct beam_names *names = beam_names_new(&view, atoms, code);
  struct beam_sweep *rows = beam_sweep_new(&view, names);
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_BEAM, SWEEP_FULL);
  assert_non_null(rows);
  assert_non_null(sweep);
  assert_int_equal(beam_sweep_rows(rows, sweep), -ESRCH);
  sweep_free(sweep);
  beam_sweep_free(rows);
  beam_names_free(names);
  beam_code_free(code);
  beam_atoms_free(atoms);

  sweep = take(source_beam.sweep, session);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  assert_string_equal(sweep_text(sweep, sweep->target.reason), "ended by signal 9 (Killed)");
  assert_true(sweep->target.crashed);
  sweep_free(sweep);
  source_beam.close(session);
  test_node_stop(node);
}

/* Memory of a node of whose table of processes one page is not there, as if it was swapped out. */
struct torn {
  struct beam_memory *real;
  uint64_t from, to;
};

static ssize_t read_torn(const struct beam_memory *memory, uint64_t address, void *bytes,
                         size_t length)
{
  const struct torn *torn = memory->context;
  if (address < torn->to && address + length > torn->from)
    return address < torn->from ? (ssize_t)(torn->from - address) : -EFAULT;
  return torn->real->read(torn->real, address, bytes, length);
}

static int read_torn_pieces(const struct beam_memory *memory, struct reach_piece *pieces,
                            size_t count)
{
  const struct torn *torn = memory->context;
  return torn->real->read_pieces(torn->real, pieces, count);
}

static void processes_in_a_page_that_is_not_there_are_lost_and_the_others_are_not(void **state)
{
  (void)state;
  enum { FIRST_SLOTS = 512 };
  struct test_node *node = test_node_start("[spawn(fun() -> receive x -> ok end end) || _ <- "
                                           "lists:seq(1, 3000)]",
                                           NULL);
  struct torn torn = {.real = &node->memory};
  struct beam_memory memory = {
      .read = read_torn, .read_pieces = read_torn_pieces, .context = &torn, .pagemap_fd = -1};
  struct beam_node view = node->node;
  view.memory = &memory;
  struct beam_atoms *atoms = beam_atoms_new(&view);
  struct beam_code *code = beam_code_new(&view);
  struct beam_names *names = beam_names_new(&view, atoms, code);
  struct beam_sweep *rows = beam_sweep_new(&view, names);
  struct sweep *whole = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_BEAM, SWEEP_FULL);
  struct sweep *part = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_BEAM, SWEEP_FULL);
  size_t behind = 0;
  assert_non_null(rows);
  assert_int_equal(beam_sweep_rows(rows, whole), 0);
  for (uint32_t slot = 0; slot < FIRST_SLOTS; slot++)
    behind += beam_names_at(names, slot) != NULL;
  assert_true(behind > 0 && behind < whole->actor_count);
  torn.from = view.processes.slots + 8; /* some of the first page */
  torn.to = torn.from + 64;
  assert_int_equal(beam_sweep_rows(rows, part), 0);
  assert_int_equal(part->actor_count, whole->actor_count - behind);
  assert_int_equal(beam_sweep_lost(rows), behind);
  sweep_free(part);
  sweep_free(whole);
  beam_sweep_free(rows);
  beam_names_free(names);
  beam_code_free(code);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

/* Eight servers that never rest, and change their dictionaries and move their heaps all the while. */
static const char RESTLESS[] =
    "Spin = fun Spin(N) -> put(N rem 32, lists:seq(1, 200)), erase((N + 16) rem 32), "
    "N rem 50 =:= 0 andalso garbage_collect(), Spin(N + 1) end, "
    "[proc_lib:start(erlang, apply, [fun() -> put('$initial_call', {restless, init, 1}), "
    "proc_lib:init_ack(ok), Spin(1) end, []]) || _ <- lists:seq(1, 8)]";

static size_t count_prefixed(const struct sweep *sweep, const char *prefix)
{
  size_t count = 0;
  for (size_t i = 0; i < sweep->actor_count; i++) {
    const char *name = sweep_text(sweep, sweep->actors[i].name);
    count += name && strncmp(name, prefix, strlen(prefix)) == 0;
  }
  return count;
}

static void list_names(const struct sweep *sweep)
{
  print_message("%zu rows, %lld lost:\n", sweep->actor_count, (long long)sweep->target.lost_count);
  for (size_t i = 0; i < sweep->actor_count; i++)
    print_message("  %s\n", sweep_text(sweep, sweep->actors[i].name));
}

/* Each first look may come at a bad moment; a second one has the name, which is then kept. */
static void processes_that_never_rest_keep_their_names(void **state)
{
  (void)state;
  struct test_node *node = test_node_start(RESTLESS, NULL);
  for (int i = 0; i < SWEEPS / 6; i++) {
    void *session = open_source(node);
    size_t before = 0;
    for (int j = 0; j < SWEEPS * SWEEPS && before < 8; j++) {
      struct sweep *sweep = take(source_beam.sweep, session);
      size_t count = count_prefixed(sweep, "restless:init/1 <");
      if (count < before)
        list_names(sweep);
      assert_true(count >= before);
      before = count;
      sweep_free(sweep);
    }
    assert_int_equal(before, 8);
    source_beam.close(session);
  }
  test_node_stop(node);
}

/* A module is loaded again and again, with a function of another name each time, in which a process waits. */
static const char RELOADED[] =
    "spawn(fun() -> (fun Load(N) -> F = list_to_atom(\"wait_\" ++ integer_to_list(N)), "
    "{ok, changeling, Code} = compile:forms([{attribute, 1, module, changeling}, "
    "{attribute, 2, export, [{F, 0}]}, {function, 3, F, 0, [{clause, 3, [], [], [{'receive', 3, "
    "[{clause, 3, [{atom, 3, go}], [], [{atom, 3, ok}]}]}]}]}]), code:purge(changeling), "
    "{module, changeling} = code:load_binary(changeling, \"changeling\", Code), "
    "P = spawn(changeling, F, []), register(F, P), (fun Settle() -> case process_info(P, status) "
    "of {_, waiting} -> ok; _ -> Settle() end end)(), io:format(\"loaded~n\"), io:get_line(\"\"), "
    "exit(P, kill), Load(N + 1) "
    "end)(1) end)";

/* It is called as the function that it waits in, so the two can be compared. */
static size_t check_changeling(const struct sweep *sweep)
{
  size_t seen = 0;
  for (size_t i = 0; i < sweep->actor_count; i++) {
    const struct sweep_actor *actor = &sweep->actors[i];
    const char *name = sweep_text(sweep, actor->name);
    const char *function = sweep_text(sweep, actor->function);
    char wanted[64];
    if (!name || strncmp(name, "wait_", 5) != 0 || !function)
      continue; /* unknown is no lie */
    (void)snprintf(wanted, sizeof wanted, "changeling:%s/0", name);
    assert_string_equal(function, wanted);
    seen++;
  }
  return seen;
}

static void functions_of_code_that_is_loaded_meanwhile_are_right(void **state)
{
  (void)state;
  struct test_node *node = test_node_start(RELOADED, NULL);
  void *session = open_source(node);
  for (int i = 0; i < SWEEPS; i++) {
    await_line(node, "loaded");
    struct sweep *sweep = take(source_beam.sweep, session);
    assert_int_equal(check_changeling(sweep), 1);
    sweep_free(sweep);
    test_node_tell(node, "again");
  }
  source_beam.close(session);
  test_node_stop(node);
}

static void counters_of_32_bits_go_on_where_they_wrap(void **state)
{
  (void)state;
  struct sweep_facts_counter counter = {0};
  assert_int_equal(sweep_facts_unwrap(&counter, UINT32_MAX - 1), UINT32_MAX - 1);
  assert_int_equal(sweep_facts_unwrap(&counter, UINT32_MAX - 1), UINT32_MAX - 1);
  assert_int_equal(sweep_facts_unwrap(&counter, 3), (int64_t)UINT32_MAX + 4);
  assert_int_equal(sweep_facts_unwrap(&counter, 2), 2 * ((int64_t)UINT32_MAX + 1) + 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_and_rounds_list_the_hot_and_the_blocked),
      cmocka_unit_test(messages_in_parallel_queues_are_all_counted),
      cmocka_unit_test(a_name_is_followed_from_sweep_to_sweep),
      cmocka_unit_test(a_stopped_node_is_read_like_any_other),
      cmocka_unit_test(no_garbage_comes_out_of_a_node_that_spawns_without_end),
      cmocka_unit_test(a_node_that_is_killed_while_it_is_read_is_gone),
      cmocka_unit_test(processes_in_a_page_that_is_not_there_are_lost_and_the_others_are_not),
      cmocka_unit_test(processes_that_never_rest_keep_their_names),
      cmocka_unit_test(functions_of_code_that_is_loaded_meanwhile_are_right),
      cmocka_unit_test(counters_of_32_bits_go_on_where_they_wrap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
