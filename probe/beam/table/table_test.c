/*
 * ETS tables of a real node against what the node itself says of them (ets:info), and what cannot be had: tables that
 * come and go while they are listed, nodes that stand still or die. Contention: lock_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <time.h>

#include "probe/beam/table/table.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"

enum { LINE_BYTES = 1024 };

struct reader {
  struct test_node *node;
  struct beam_atoms *atoms;
  struct beam_tables *tables;
};

static struct reader open_reader(const char *text, const char *const *args)
{
  struct reader r = {.node = test_node_start(text, args)};
  r.atoms = beam_atoms_new(&r.node->node);
  assert_non_null(r.atoms);
  assert_int_equal(beam_tables_new(&r.node->node, r.atoms, r.node->target, &r.tables), 0);
  return r;
}

static void close_reader(struct reader *r)
{
  beam_tables_free(r->tables);
  beam_atoms_free(r->atoms);
  test_node_stop(r->node);
}

static struct sweep *new_sweep(const struct reader *r)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(reach_start_ticks(r->node->target), r->node->pid),
                                  SOURCE_TAG_BEAM, SWEEP_FULL);
  assert_non_null(sweep);
  return sweep;
}

static struct sweep *read_tables(const struct reader *r)
{
  struct sweep *sweep = new_sweep(r);
  assert_int_equal(beam_tables_read(r->tables, sweep), 0);
  sweep_sort(sweep);
  assert_int_equal(sweep_check(sweep), 0);
  return sweep;
}

static const struct sweep_table *find(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->table_count; i++) {
    const char *text = sweep_text(sweep, sweep->tables[i].name);
    if (text && strcmp(text, name) == 0)
      return &sweep->tables[i];
  }
  return NULL;
}

/* ---- what the node says ---- */

/* Prints a line for each table: items, words, pid, type and options as add_type has them, name and reference. */
#define SAY                                                                                        \
  "Say = fun(T) -> I = maps:from_list(ets:info(T)), #{name := N, id := Id} = I, "                  \
  "On = fun(K, W) -> case maps:get(K, I, false) of true -> [W]; _ -> [] end end, "                 \
  "Words = [atom_to_list(maps:get(type, I)), atom_to_list(maps:get(protection, I))] ++ "           \
  "On(named_table, \"named_table\") ++ "                                                           \
  "case maps:get(write_concurrency, I) of auto -> [\"write_concurrency\", \"auto\"]; "             \
  "true -> [\"write_concurrency\"]; _ -> [] end ++ "                                               \
  "On(read_concurrency, \"read_concurrency\") ++ "                                                 \
  "On(decentralized_counters, \"decentralized_counters\") ++ On(compressed, \"compressed\"), "     \
  "Full = case maps:get(named_table, I) of true -> atom_to_list(N); "                              \
  "_ -> atom_to_list(N) ++ \" \" ++ ref_to_list(Id) end, "                                         \
  "io:format(\"table ~b ~b ~s|~s|~ts~n\", [ets:info(T, size), ets:info(T, memory) * "              \
  "erlang:system_info(wordsize), pid_to_list(maps:get(owner, I)), lists:join(\" \", Words), "      \
  "Full]) end, "

/* Every combination of type, access and concurrency; unnamed ones, full ones, one renamed, one given away. */
#define MAKE_ALL                                                                                   \
  "[begin Name = list_to_atom(lists:flatten(io_lib:format(\"~p_~p_~p_~p_~p_~p\", [Ty, Ac, W, R, "  \
  "D, C]))), "                                                                                     \
  "T = ets:new(Name, [Ty, Ac, named_table, {write_concurrency, W}, {read_concurrency, R}] ++ "     \
  "case D of none -> []; _ -> [{decentralized_counters, D}] end ++ "                               \
  "case C of true -> [compressed]; false -> [] end), "                                             \
  "ets:insert(T, [{K, lists:seq(1, 5), \"text\"} || K <- lists:seq(1, 37)]), ets:delete(T, 5) "    \
  "end "                                                                                           \
  "|| Ty <- [set, ordered_set, bag, duplicate_bag], Ac <- [public, protected, private], "          \
  "W <- [true, auto, false], R <- [true, false], D <- [none, true, false], C <- [true, false]], "  \
  "ets:new(twin, [set]), ets:new(twin, [bag, public]), "                                           \
  "Full = ets:new(full, [named_table, ordered_set, public, {write_concurrency, true}]), "          \
  "ets:insert(Full, [{K, K} || K <- lists:seq(1, 50000)]), "                                       \
  "Big = ets:new(big, [named_table, public, {write_concurrency, auto}]), "                         \
  "[ets:insert(Big, {K, <<K:800>>}) || K <- lists:seq(1, 50000)], "                                \
  "ets:rename(ets:new(before, [named_table]), afterwards), "                                       \
  "Heir = spawn(fun() -> receive never -> ok end end), "                                           \
  "ets:give_away(ets:new(given, [named_table]), Heir, gift), "                                     \
  "ets:delete(ets:new(deleted, [named_table])), "

struct said {
  long long items, bytes;
  struct beam_pid owner;
  char *type, *name;
};

static bool parse_said(char *line, struct said *said)
{
  unsigned number, serial;
  int used = 0;
  if (sscanf(line, "table %lld %lld <0.%u.%u>|%n", &said->items, &said->bytes, &number, &serial,
             &used) != 4 ||
      used == 0)
    return false;
  said->owner = (struct beam_pid){number, serial};
  said->type = line + used;
  said->name = strchr(said->type, '|');
  if (!said->name)
    return false;
  *said->name++ = '\0';
  return true;
}

static void compare(const struct sweep *sweep, const struct said *said)
{
  const struct sweep_table *row = find(sweep, said->name);
  if (!row)
    fail_msg("%s is not listed", said->name);
  const char *type = sweep_text(sweep, row->type);
  if (!type || strcmp(type, said->type) != 0)
    fail_msg("%s: got type \"%s\", wanted \"%s\"", said->name, type ? type : "", said->type);
  if (row->items != said->items)
    fail_msg("%s: got %lld items, wanted %lld", said->name, (long long)row->items, said->items);
  if (row->bytes != said->bytes)
    fail_msg("%s: got %lld bytes, wanted %lld", said->name, (long long)row->bytes, said->bytes);
  assert_int_equal(row->owner, beam_pid_key(said->owner));
  assert_int_equal(row->kind, TABLE_ETS);
}

static void all_kinds_are_as_the_node_says(void **state)
{
  (void)state;
  char line[LINE_BYTES];
  /* Tables of the system may change between the two looks: only ours are compared. */
  struct reader r = open_reader(
      SAY MAKE_ALL
      "Own = [T || T <- ets:all(), lists:member(ets:info(T, owner), [self(), Heir])], "
      "spawn(fun() -> io:get_line(\"\"), [Say(T) || T <- Own], io:format(\"end~n\") end)",
      NULL);
  struct sweep *sweep = read_tables(&r);
  size_t compared = 0;
  test_node_tell(r.node, "say");
  while (test_node_line(r.node, line, sizeof line) && strcmp(line, "end") != 0) {
    struct said said;
    if (parse_said(line, &said)) {
      compare(sweep, &said);
      compared++;
    }
  }
  print_message("%zu tables equal\n", compared);
  assert_true(compared > 400);
  assert_null(find(sweep, "before"));
  assert_null(find(sweep, "deleted"));
  sweep_free(sweep);
  close_reader(&r);
}

static void a_table_keeps_its_key_and_a_new_one_gets_its_own(void **state)
{
  (void)state;
  struct reader r = open_reader(
      "T = ets:new(phoenix, [named_table, public]), "
      "spawn(fun() -> io:get_line(\"\"), ets:rename(phoenix, risen), io:format(\"done~n\"), "
      "io:get_line(\"\"), ets:delete(risen), ets:new(risen, [named_table, public]), "
      "io:format(\"done~n\"), timer:sleep(infinity) end)",
      NULL);
  char line[LINE_BYTES];
  struct sweep *first = read_tables(&r);
  test_node_tell(r.node, "rename");
  assert_true(test_node_line(r.node, line, sizeof line));
  struct sweep *second = read_tables(&r);
  test_node_tell(r.node, "replace");
  assert_true(test_node_line(r.node, line, sizeof line));
  struct sweep *third = read_tables(&r);
  const struct sweep_table *before = find(first, "phoenix"), *renamed = find(second, "risen"),
                           *replaced = find(third, "risen");
  assert_true(before && renamed && replaced);
  assert_int_equal(before->key, renamed->key);
  assert_int_not_equal(renamed->key, replaced->key);
  sweep_free(first);
  sweep_free(second);
  sweep_free(third);
  close_reader(&r);
}

/* Some stay, others live for a moment: those that stay are in every sweep. */
static void tables_that_stay_are_listed_while_others_come_and_go(void **state)
{
  (void)state;
  struct reader r = open_reader(
      "[ets:new(list_to_atom(\"stays_\" ++ integer_to_list(I)), [named_table]) || I <- "
      "lists:seq(1, 200)], "
      "[spawn(fun() -> (fun Loop() -> Ts = [ets:new(passing, []) || _ <- lists:seq(1, 20)], "
      "[ets:delete(T) || T <- Ts], Loop() end)() end) || _ <- lists:seq(1, 4)]",
      NULL);
  int incomplete = 0;
  for (int round = 0; round < 200; round++) {
    struct sweep *sweep = read_tables(&r);
    size_t stays = 0;
    for (size_t i = 0; i < sweep->table_count; i++)
      stays += strncmp(sweep_text(sweep, sweep->tables[i].name), "stays_", 6) == 0;
    if (sweep->gap_count == 0)
      assert_int_equal(stays, 200);
    else
      incomplete++;
    sweep_free(sweep);
  }
  print_message("%d of 200 lists were told to be incomplete\n", incomplete);
  assert_true(incomplete < 200);
  close_reader(&r);
}

static void two_thousand_tables_are_all_there(void **state)
{
  (void)state;
  struct reader r = open_reader("[ets:new(many, [public]) || _ <- lists:seq(1, 2000)]", NULL);
  for (int round = 0; round < 2; round++) { /* the second reads the known ones at once */
    struct sweep *sweep = read_tables(&r);
    size_t many = 0;
    for (size_t i = 0; i < sweep->table_count; i++)
      many += strncmp(sweep_text(sweep, sweep->tables[i].name), "many #Ref<", 10) == 0;
    assert_int_equal(many, 2000);
    sweep_free(sweep);
  }
  close_reader(&r);
}

static void one_scheduler_has_nobody_to_wait_for(void **state)
{
  (void)state;
  const char *const args[] = {"+S", "1:1", NULL};
  struct reader r = open_reader(
      "T = ets:new(alone, [named_table, public, {write_concurrency, true}]), ets:insert(T, {1, 2})",
      args);
  struct sweep *sweep = read_tables(&r);
  const struct sweep_table *row = find(sweep, "alone");
  assert_non_null(row);
  assert_int_equal(row->items, 1);
  assert_int_equal(row->wait_ns, 0);
  assert_int_equal(row->held_ns, VALUE_UNKNOWN);
  assert_int_equal(sweep->wait_count, 0);
  sweep_free(sweep);
  close_reader(&r);
}

static bool has_gap(const struct sweep *sweep, const char *words)
{
  for (size_t i = 0; i < sweep->gap_count; i++)
    if (strstr(sweep_text(sweep, sweep->gaps[i].reason), words))
      return true;
  return false;
}

/* So many locks does a table get that grows under contention; this one has them from the start. */
static void a_table_of_more_locks_than_are_looked_at_is_told(void **state)
{
  (void)state;
  struct reader r = open_reader("ets:new(wide, [named_table, public, {write_concurrency, "
                                "{debug_hash_fixed_number_of_locks, 1024}}])",
                                NULL);
  struct sweep *sweep = read_tables(&r);
  const struct sweep_table *row = find(sweep, "wide");
  assert_non_null(row);
  assert_true(has_gap(sweep, "more ETS locks than are looked at"));
  assert_int_equal(row->wait_ns, VALUE_UNKNOWN);
  assert_int_equal(row->write_waiters, VALUE_UNKNOWN);
  sweep_free(sweep);
  close_reader(&r);
  r = open_reader("ets:new(narrow, [named_table, public, {write_concurrency, "
                  "{debug_hash_fixed_number_of_locks, 512}}])",
                  NULL);
  sweep = read_tables(&r);
  assert_false(has_gap(sweep, "more ETS locks than are looked at"));
  sweep_free(sweep);
  close_reader(&r);
}

static void a_stopped_node_is_read_and_a_dead_one_is_gone(void **state)
{
  (void)state;
  struct reader r = open_reader("ets:new(still, [named_table])", NULL);
  assert_int_equal(kill(r.node->pid, SIGSTOP), 0);
  struct sweep *sweep = read_tables(&r);
  assert_non_null(find(sweep, "still"));
  sweep_free(sweep);
  assert_int_equal(kill(r.node->pid, SIGKILL), 0);
  struct pollfd dead = {.fd = reach_pidfd(r.node->target), .events = POLLIN};
  assert_int_equal(poll(&dead, 1, TEST_NODE_DEADLINE_MS), 1);
  sweep = new_sweep(&r);
  assert_int_equal(beam_tables_read(r.tables, sweep), -ESRCH);
  sweep_free(sweep);
  close_reader(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_kinds_are_as_the_node_says),
      cmocka_unit_test(a_table_keeps_its_key_and_a_new_one_gets_its_own),
      cmocka_unit_test(tables_that_stay_are_listed_while_others_come_and_go),
      cmocka_unit_test(two_thousand_tables_are_all_there),
      cmocka_unit_test(one_scheduler_has_nobody_to_wait_for),
      cmocka_unit_test(a_table_of_more_locks_than_are_looked_at_is_told),
      cmocka_unit_test(a_stopped_node_is_read_and_a_dead_one_is_gone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
