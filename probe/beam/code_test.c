/* code_test.c - atoms and functions of a real node, also of code that is loaded under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "probe/beam/atom.h"
#include "probe/beam/code.h"
#include "probe/beam/proc.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"

struct readers {
  struct test_node *node;
  struct beam_atoms *atoms;
  struct beam_code *code;
};

/* A process that says who it is, waits in a module that was compiled under way, and is loaded when
 * the test says so. */
static const char TEXT[] =
    "Form = fun(T) -> {ok, Tokens, _} = erl_scan:string(T), {ok, F} = "
    "erl_parse:parse_form(Tokens), F end, "
    "{ok, late, Binary} = compile:forms([Form(\"-module(late).\"), Form(\"-export([wait/1]).\"), "
    "Form(\"wait(X) -> receive X -> X end.\")]), "
    "spawn(fun() -> register(loader, self()), io:get_line(\"\"), code:load_binary(late, \"\", "
    "Binary), "
    "register(waiter, P = spawn(late, wait, [stop])), "
    "(fun Settle() -> case process_info(P, status) of {_, waiting} -> ok; _ -> Settle() end "
    "end)(), "
    "io:format(\"loaded~n\"), timer:sleep(infinity) end)";

static struct readers start(void)
{
  struct readers readers = {.node = test_node_start(TEXT, NULL)};
  readers.atoms = beam_atoms_new(&readers.node->node);
  readers.code = beam_code_new(&readers.node->node);
  assert_non_null(readers.atoms);
  assert_non_null(readers.code);
  return readers;
}

static void stop(struct readers *readers)
{
  beam_code_free(readers->code);
  beam_atoms_free(readers->atoms);
  test_node_stop(readers->node);
}

struct found {
  const struct readers *readers;
  struct beam_mfa mfa;
  bool found;
};

/* The process that was spawned as late:wait/1. */
static void look(void *context, size_t index, enum beam_proc_read how,
                 const struct beam_proc_facts *facts)
{
  struct found *found = context;
  (void)index;
  if (how == BEAM_PROC_READ && beam_atom_is(found->readers->atoms, facts->initial[0], "late"))
    found->found =
        beam_code_function(found->readers->code, facts->proc.instruction, &found->mfa) == 0;
}

static struct found find_waiter(const struct readers *readers)
{
  const struct beam_node *node = &readers->node->node;
  struct found found = {.readers = readers};
  for (uint32_t slot = 0; slot < node->processes.most && !found.found; slot++) {
    struct beam_proc_place place = {.slot = slot};
    if (beam_memory_word(node->memory, node->processes.slots + slot * 8, &place.address) == 0 &&
        place.address)
      assert_int_equal(beam_proc_each(node, &place, 1, look, &found), 0);
  }
  return found;
}

static void atoms_of_a_node_have_their_texts(void **state)
{
  (void)state;
  struct readers readers = start();
  const uint64_t absurd = (UINT64_C(1) << 31) << 6 | 0x0b;
  char text[4];
  size_t length;
  /* The first atoms of every release, by erts/emulator/beam/atom.names. */
  assert_true(beam_atom_is(readers.atoms, 0x0b | 1 << 6, "true") ||
              beam_atom_is(readers.atoms, 0x0b, "false") || beam_atom_is(readers.atoms, 0x0b, "_"));
  assert_null(beam_atom_text(readers.atoms, absurd, &length));
  assert_null(beam_atom_text(readers.atoms, 0x13, &length)); /* a pid */
  assert_int_equal(beam_atom_copy(readers.atoms, absurd, text, sizeof text), 1);
  assert_string_equal(text, "?");
  for (uint64_t i = 0; i < 3000; i++) { /* twice each: the second time from what was kept */
    const char *read = beam_atom_text(readers.atoms, i << 6 | 0x0b, &length);
    assert_non_null(read);
    char first[BEAM_ATOM_BYTES + 1], again[BEAM_ATOM_BYTES + 1];
    (void)beam_atom_copy(readers.atoms, i << 6 | 0x0b, first, sizeof first);
    (void)beam_atom_copy(readers.atoms, i << 6 | 0x0b, again, sizeof again);
    assert_string_equal(first, again);
  }
  stop(&readers);
}

static void code_that_is_loaded_under_way_is_found(void **state)
{
  (void)state;
  char line[64];
  struct readers readers = start();
  struct beam_mfa mfa;
  assert_int_equal(beam_code_begin(readers.code), 1);
  assert_int_equal(beam_code_begin(readers.code), 0);
  assert_int_equal(beam_code_function(readers.code, 0, &mfa), -ENOENT);
  assert_int_equal(beam_code_function(readers.code, readers.node->node.base, &mfa), -ENOENT);
  assert_false(find_waiter(&readers).found);
  test_node_tell(readers.node, "go");
  while (test_node_line(readers.node, line, sizeof line) && strcmp(line, "loaded") != 0)
    continue;
  assert_int_equal(beam_code_begin(readers.code), 1);
  struct found found = find_waiter(&readers);
  assert_true(found.found);
  assert_true(beam_atom_is(readers.atoms, found.mfa.module, "late"));
  assert_true(beam_atom_is(readers.atoms, found.mfa.function, "wait"));
  assert_int_equal(found.mfa.arity, 1);
  stop(&readers);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(atoms_of_a_node_have_their_texts),
      cmocka_unit_test(code_that_is_loaded_under_way_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
