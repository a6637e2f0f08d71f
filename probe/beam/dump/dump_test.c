/* dump_test.c - crash dumps, small ones written by hand and one that a real node leaves. (Deadlocks in real dumps of
 * several releases: tests/beam/dump_test.sh.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "probe/beam/dump/dump.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"

#define BEGIN                                                                                      \
  "=erl_crash_dump:0.5\nSun Nov 22 20:06:59 2026\nSlogan: the slogan\n"                            \
  "System version: Erlang/OTP 25 [erts-13.1.5] [source]\nAtoms: 12871\n=node:'a@b'\n"
#define REFERENCE_70 "#Ref<0.2398671126.3729522690.45670>"
#define EXTERNAL_70 "E24:g1oAA2QADW5vbm9kZUBub2hvc3QAAAAAAACyZt5MAAKO+NEW"
#define CALLS(pid, name, state, to)                                                                \
  "=proc:" pid "\nState: " state "\nName: " name "\nSpawned as: proc_lib:init_p/5\n"               \
  "Message queue length: 6\nLink list: [<0.9.0>, {to," to "," REFERENCE_70 "}, "                   \
  "{from,<0.85.0>,#Ref<0.1.2.3>}]\nReductions: 53\nMemory: 3488\n"                                 \
  "Program counter: 0x00007f835580e1b8 (gen:do_call/4 + 776)\n"
#define STACK(pid, timeout)                                                                        \
  "=proc_stack:" pid "\ny0:N\ny3:H7F8354131F98\n"                                                  \
  "0x00007f83541323f0:SReturn addr 0x55821AAC (gen_server:call/3 + 140)\n"                         \
  "y0:" timeout                                                                                    \
  "\ny1:A8:infinity\ny2:A8:server_b\ny3:SCatch 0x55821AAC (gen_server:call/3 + 140)\n"             \
  "0x00007f8354132418:SReturn addr 0x55C0DB5C (circle:handle_call/3 + 132)\n"
#define HEAP(pid) "=proc_heap:" pid "\n7F8354131F98:" EXTERNAL_70 "\n"
#define PLAIN(pid, rest)                                                                           \
  "=proc:" pid "\nState: Waiting\nSpawned as: proc_lib:init_p/5\nMessage queue length: 0\n" rest
#define END "=end\n"

static int read_bytes(const char *bytes, size_t length, struct dump_result *ret_result)
{
  int fd = memfd_create("dump", MFD_CLOEXEC);

  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, length), length);
  assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
  int error = dump_read(fd, NULL, NULL, ret_result);
  (void)close(fd);
  if (error == 0)
    assert_int_equal(sweep_check(ret_result->sweep), 0);
  return error;
}

static struct sweep *sweep_of(const char *text)
{
  struct dump_result result;

  assert_int_equal(read_bytes(text, strlen(text), &result), 0);
  return result.sweep;
}

static const struct sweep_actor *actor_of(const struct sweep *sweep, uint32_t number)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (beam_pid_of_key(sweep->actors[i].key).number == number)
      return &sweep->actors[i];
  fail_msg("no process <0.%u.0>", number);
  return NULL;
}

static void test_what_is_no_dump_is_refused(void **state)
{
  struct dump_result result;

  (void)state;
  assert_int_equal(read_bytes("", 0, &result), -EINVAL);
  assert_int_equal(read_bytes("hello\n", 6, &result), -EINVAL);
}

static void test_the_node_and_its_processes_are_told(void **state)
{
  struct dump_result result;
  static const char text[] = BEGIN CALLS(
      "<0.83.0>", "'odd \\'name\\''", "Waiting",
      "<0.84.0>") "=proc:<0.9.0>\nState: Running\nSpawned as: erlang:apply/2\nReductions: 1\n"
                  "=proc:<0.10.2>\nState: Garbing\nSpawned as: 'Elixir.Shop':run/1\n" END;

  (void)state;
  assert_int_equal(read_bytes(text, sizeof text - 1, &result), 0);
  const struct sweep *sweep = result.sweep;
  assert_string_equal(sweep_text(sweep, sweep->target.name), "a@b");
  assert_string_equal(sweep_text(sweep, sweep->target.version), "OTP 25 erts 13.1.5");
  assert_string_equal(sweep_text(sweep, sweep->target.reason), "crash dump: the slogan");
  assert_int_equal(sweep->target.atoms, 12871);
  assert_true(result.wall_ms > INT64_C(1795000000000) && result.wall_ms < INT64_C(1796000000000));
  const struct sweep_actor *actor = actor_of(sweep, 83);
  assert_string_equal(sweep_text(sweep, actor->name), "odd 'name'");
  assert_string_equal(sweep_text(sweep, actor->function), "gen:do_call/4");
  assert_int_equal(actor->depth, 6);
  assert_int_equal(actor->work_count, 53);
  assert_int_equal(actor->memory_bytes, 3488);
  assert_string_equal(sweep_text(sweep, actor_of(sweep, 9)->name), "<0.9.0>");
  assert_int_equal(actor_of(sweep, 9)->depth, VALUE_UNKNOWN);
  assert_string_equal(sweep_text(sweep, actor_of(sweep, 10)->name), "Elixir.Shop:run/1 <0.10.2>");
  assert_int_equal(sweep->gap_count, 0);
  sweep_free(result.sweep);
}

static void test_a_reference_in_the_first_frame_names_the_holder(void **state)
{
  static const struct {
    const char *text;
    uint8_t timeout;
  } calls[] = {
      {BEGIN CALLS("<0.83.0>", "a", "Waiting", "<0.84.0>") PLAIN("<0.84.0>", "")
           STACK("<0.83.0>", "A8:infinity") HEAP("<0.83.0>") END,
       TIMEOUT_NONE},
      {BEGIN CALLS("<0.83.0>", "a", "Waiting", "<0.84.0>") PLAIN("<0.84.0>", "")
           STACK("<0.83.0>", "I5000") HEAP("<0.83.0>") END,
       TIMEOUT_SOME},
      {BEGIN CALLS("<0.83.0>", "a", "Waiting", "{b,a@b}") PLAIN("<0.84.0>", "Name: b\n")
           STACK("<0.83.0>", "A8:infinity") HEAP("<0.83.0>") END,
       TIMEOUT_NONE},
      /* an alias: the pid's numbers come first */
      {BEGIN "=proc:<0.83.0>\nState: Waiting\nName: a\nLink list: [{to,<0.84.0>,"
             "#Ref<0.0.7.2398671126.3729522690.45670>}]\n"
             "Program counter: 0x1 (gen:do_call/4 + 7)\n" PLAIN("<0.84.0>", "")
                 STACK("<0.83.0>", "A8:infinity") HEAP("<0.83.0>") END,
       TIMEOUT_NONE},
  };

  (void)state;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    struct sweep *sweep = sweep_of(calls[i].text);
    assert_int_equal(sweep->wait_count, 1);
    assert_int_equal(sweep->waits[0].waiter, actor_of(sweep, 83)->key);
    assert_int_equal(sweep->waits[0].holder_count, 1);
    assert_false(sweep->waits[0].open);
    assert_int_equal(sweep->holders[0].actor, actor_of(sweep, 84)->key);
    assert_int_equal(sweep->waits[0].timeout, calls[i].timeout);
    assert_string_equal(sweep_text(sweep, sweep->waits[0].object), "gen_server:call");
    assert_int_equal(actor_of(sweep, 83)->state, ACTOR_BLOCKED);
    sweep_free(sweep);
  }
}

static void test_holders_that_are_not_there_are_unknown(void **state)
{
  static const char *const texts[] = {
      BEGIN CALLS("<0.83.0>", "a", "Waiting", "<0.84.0>") STACK("<0.83.0>", "N") HEAP("<0.83.0>")
          END,
      BEGIN CALLS("<0.83.0>", "a", "Waiting", "<0.84.0>") "=proc:<0.84.0>\nState: Exiting\n" STACK(
          "<0.83.0>", "N") HEAP("<0.83.0>") END,
      BEGIN CALLS("<0.83.0>", "a", "Waiting", "<77.84.0>") PLAIN("<0.84.0>", "")
          STACK("<0.83.0>", "N") HEAP("<0.83.0>") END,
      BEGIN CALLS("<0.83.0>", "a", "Waiting", "{nobody,a@b}") PLAIN("<0.84.0>", "Name: b\n")
          STACK("<0.83.0>", "N") HEAP("<0.83.0>") END,
  };

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct sweep *sweep = sweep_of(texts[i]);
    assert_int_equal(sweep->wait_count, 1);
    assert_int_equal(sweep->waits[0].holder_count, 0);
    assert_true(sweep->waits[0].open);
    sweep_free(sweep);
  }
}

static void test_another_node_is_a_peer(void **state)
{
  struct sweep *sweep =
      sweep_of(BEGIN "=visible_node:77\nName: 'c@d'\nController: #Port<0.4>\n" CALLS(
          "<0.83.0>", "a", "Waiting", "<77.84.0>") STACK("<0.83.0>", "N") HEAP("<0.83.0>") END);

  (void)state;
  assert_int_equal(sweep->wait_count, 1);
  assert_int_equal(sweep->waits[0].holder_count, 1);
  assert_string_equal(sweep_text(sweep, sweep->holders[0].peer), "c@d");
  sweep_free(sweep);
}

/* Messages have come, and the reference is among them: the answer is there. */
static void test_an_answered_call_is_no_wait(void **state)
{
  struct sweep *answered = sweep_of(BEGIN CALLS("<0.83.0>", "a", "Scheduled", "<0.84.0>")
                                        PLAIN("<0.84.0>", "") STACK("<0.83.0>", "A8:infinity")
                                            HEAP("<0.83.0>") "7F8354131FFF:" EXTERNAL_70 "\n" END);
  struct sweep *flooded = sweep_of(BEGIN CALLS("<0.83.0>", "a", "Scheduled", "<0.84.0>")
                                       PLAIN("<0.84.0>", "") STACK("<0.83.0>", "A8:infinity")
                                           HEAP("<0.83.0>") "7F8354131FFF:t2:A1:x,I1\n" END);

  (void)state;
  assert_int_equal(answered->wait_count, 0);
  assert_int_equal(actor_of(answered, 83)->state, ACTOR_RUNNABLE);
  assert_int_equal(flooded->wait_count, 1);
  sweep_free(answered);
  sweep_free(flooded);
}

/* A server that monitors somebody and waits for everything has such a reference, too. */
static void test_other_receives_are_no_calls(void **state)
{
  struct sweep *sweep =
      sweep_of(BEGIN "=proc:<0.83.0>\nState: Waiting\nLink list: [{to,<0.84.0>," REFERENCE_70 "}]\n"
                     "Program counter: 0x1 (gen_server:loop/7 + 7)\n" PLAIN("<0.84.0>", "")
                         STACK("<0.83.0>", "N") HEAP("<0.83.0>") END);

  (void)state;
  assert_int_equal(sweep->wait_count, 0);
  assert_int_equal(actor_of(sweep, 83)->state, ACTOR_RECEIVE);
  sweep_free(sweep);
}

static void test_the_dictionary_tells_the_initial_call(void **state)
{
  struct sweep *sweep = sweep_of(BEGIN PLAIN(
      "<0.83.0>", "") "=proc_dictionary:<0.83.0>\nHA0\nH7F8354131E88\n=proc_stack:<0.83.0>\ny0:N\n"
                      "=proc_heap:<0.83.0>\n7F8354131E88:t2:AD:$initial_call,H7F8354131E68\n"
                      "7F8354131E68:t3:A6:circle,A4:init,I1\nA0:t2:A1:k,I1\n" END);

  (void)state;
  assert_string_equal(sweep_text(sweep, sweep->actors[0].name), "circle:init/1 <0.83.0>");
  sweep_free(sweep);
}

static void test_what_stands_twice_is_taken_once(void **state)
{
  static const char table[] = "=ets:<0.9.0>\nSlot: 5\nName: t\nObjects: 3\nWords: 10\n";
  char text[2048];
  (void)snprintf(text, sizeof text, "%s%s%s%s%s", BEGIN PLAIN("<0.83.0>", "") PLAIN("<0.83.0>", ""),
                 table, table, "=ets:<0.9.0>\nName: half\n", END);
  struct sweep *sweep = sweep_of(text);

  (void)state;
  assert_int_equal(sweep->actor_count, 1);
  assert_int_equal(sweep->table_count, 1);
  assert_int_equal(sweep->tables[0].items, 3);
  assert_int_equal(sweep->tables[0].bytes, 80);
  assert_int_equal(sweep->tables[0].kind, TABLE_ETS);
  sweep_free(sweep);
}

static void test_a_dump_that_is_cut_off_is_read_as_far_as_it_goes(void **state)
{
  static const char text[] = BEGIN CALLS("<0.83.0>", "a", "Waiting", "<0.84.0>")
      PLAIN("<0.84.0>", "") "=ets:<0.9.0>\nSlot: 5\nName: t\nObjects: 3\nWords: 10\n" STACK(
          "<0.83.0>", "A8:infinity") HEAP("<0.83.0>") END;
  struct dump_result result;

  (void)state;
  for (size_t length = 20; length < sizeof text - 1; length++) {
    assert_int_equal(read_bytes(text, length, &result), 0);
    bool whole = length >= sizeof text - 2; /* the last newline is no loss */
    assert_int_equal(result.sweep->gap_count, !whole);
    assert_true(result.sweep->actor_count <= 2);
    sweep_free(result.sweep);
  }
}

static void test_a_dump_that_was_aborted_says_why(void **state)
{
  struct sweep *sweep =
      sweep_of(BEGIN PLAIN("<0.83.0>", "") "Mo\n=abort:CRASH DUMP SIZE LIMIT REACHED\n");

  (void)state;
  assert_int_equal(sweep->gap_count, 1);
  assert_string_equal(sweep_text(sweep, sweep->gaps[0].reason),
                      "the crash dump ends before its end: CRASH DUMP SIZE LIMIT REACHED");
  sweep_free(sweep);
}

/* A line longer than the buffer is read up to there, and said; what follows it is read. */
static void test_endless_lines_are_counted(void **state)
{
  enum { LONG = 10 << 20 };
  static const char before[] = BEGIN "=proc:<0.83.0>\nState: Waiting\nLink list: [",
                    after[] = "]\nReductions: 7\n" END;
  char *text = malloc(sizeof before + LONG + sizeof after);
  struct dump_result result;

  (void)state;
  assert_non_null(text);
  memcpy(text, before, sizeof before - 1);
  memset(text + sizeof before - 1, 'x', LONG);
  memcpy(text + sizeof before - 1 + LONG, after, sizeof after - 1);
  assert_int_equal(read_bytes(text, sizeof before + LONG + sizeof after - 2, &result), 0);
  assert_int_equal(result.sweep->actors[0].work_count, 7);
  assert_int_equal(result.sweep->gap_count, 1);
  assert_int_equal(result.sweep->gaps[0].count, 1);
  sweep_free(result.sweep);
  free(text);
}

/* What the node said of its processes and tables right before it ended is what the dump says. */
static void test_a_real_dump_says_what_the_node_said(void **state)
{
  char path[] = "/tmp/impasse-dump-XXXXXX", line[256], name[64];
  unsigned number, serial;
  long long depth;
  size_t seen = 0;
  int file = mkstemp(path);

  (void)state;
  if (getenv("IMPASSE_TEST_ERL"))
    skip(); /* its root may be another: tests/beam/dump_test.sh */
  assert_true(file >= 0);
  assert_int_equal(setenv("ERL_CRASH_DUMP", path, 1), 0);
  assert_int_equal(setenv("ERL_CRASH_DUMP_SECONDS", "-1", 1), 0);
  struct test_node *node = test_node_spawn(
      "[begin P = spawn(fun() -> receive never -> ok end end), "
      "register(list_to_atom(\"Box \" ++ integer_to_list(I)), P), [P ! J || J <- lists:seq(1, I)] "
      "end "
      "|| I <- lists:seq(1, 300)], "
      "[begin {_, N} = process_info(P, registered_name), {_, L} = process_info(P, "
      "message_queue_len), "
      "io:format(\"~w ~w ~s~n\", [P, L, N]) end || P <- processes(), "
      "process_info(P, registered_name) =/= [], hd(atom_to_list(element(2, process_info(P, "
      "registered_name)))) =:= $B], "
      "ets:new('A table', [named_table, public]), ets:insert('A table', [{I} || I <- lists:seq(1, "
      "77)]), "
      "io:format(\"~w words~n\", [ets:info('A table', memory)]), erlang:halt(\"that is all\")",
      NULL);
  struct expected {
    uint32_t number;
    int64_t depth;
    char name[64];
  } expected[300];
  int64_t words = 0;
  while (test_node_line(node, line, sizeof line)) {
    if (sscanf(line, "<0.%u.%u> %lld %63[^\n]", &number, &serial, &depth, name) == 4 &&
        seen < 300) {
      expected[seen].number = number;
      expected[seen].depth = depth;
      (void)snprintf(expected[seen++].name, sizeof name, "%s", name);
    } else if (sscanf(line, "%lld words", &depth) == 1) {
      words = depth;
    }
  }
  struct dump_result result;
  assert_int_equal(dump_read(file, NULL, NULL, &result), 0);
  assert_int_equal(sweep_check(result.sweep), 0);
  assert_string_equal(sweep_text(result.sweep, result.sweep->target.reason),
                      "crash dump: that is all");
  assert_int_equal(result.sweep->gap_count, 0);
  assert_int_equal(seen, 300);
  for (size_t i = 0; i < seen; i++) {
    const struct sweep_actor *actor = actor_of(result.sweep, expected[i].number);
    assert_string_equal(sweep_text(result.sweep, actor->name), expected[i].name);
    assert_int_equal(actor->depth, expected[i].depth);
  }
  size_t tables = 0;
  for (size_t i = 0; i < result.sweep->table_count; i++) {
    const struct sweep_table *table = &result.sweep->tables[i];
    if (strcmp(sweep_text(result.sweep, table->name), "A table") != 0)
      continue;
    tables++;
    assert_int_equal(table->items, 77);
    assert_int_equal(table->bytes, words * 8);
  }
  assert_int_equal(tables, 1);
  sweep_free(result.sweep);
  (void)close(file);
  (void)unlink(path);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_no_dump_is_refused),
      cmocka_unit_test(test_the_node_and_its_processes_are_told),
      cmocka_unit_test(test_a_reference_in_the_first_frame_names_the_holder),
      cmocka_unit_test(test_holders_that_are_not_there_are_unknown),
      cmocka_unit_test(test_another_node_is_a_peer),
      cmocka_unit_test(test_an_answered_call_is_no_wait),
      cmocka_unit_test(test_other_receives_are_no_calls),
      cmocka_unit_test(test_the_dictionary_tells_the_initial_call),
      cmocka_unit_test(test_what_stands_twice_is_taken_once),
      cmocka_unit_test(test_a_dump_that_is_cut_off_is_read_as_far_as_it_goes),
      cmocka_unit_test(test_a_dump_that_was_aborted_says_why),
      cmocka_unit_test(test_endless_lines_are_counted),
      cmocka_unit_test(test_a_real_dump_says_what_the_node_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
