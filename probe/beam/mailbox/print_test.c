/* print_test.c - terms in a real node's memory come out as the node itself prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/mailbox/print.h"
#include "probe/beam/mailbox/test_mailbox.h"
#include "probe/beam/term.h"

/* What the node sends to a process that takes nothing, and prints as ~0tp. Strings and binaries of other than
 * ASCII are shown differently on purpose (as numbers), as are funs. */
static const char TERMS[] =
    "io:setopts([{encoding, unicode}]), P = spawn(fun() -> receive never -> ok end end), Big = "
    "binary:copy(<<1,2,3>>, 50), "
    "<<_:3, Odd:77/bitstring, _/bitstring>> = <<\"abcdefghijklmnop\">>, "
    "{ok, Port} = gen_udp:open(0), "
    "Terms = [ok, 'Hello World', '', 'if', [], {}, {a}, -1, 0, 576460752303423487, "
    "576460752303423488, "
    "-576460752303423489, 1 bsl 64, -(1 bsl 200), 18446744073709551615 * 18446744073709551615, "
    "0.0, -0.0, 1.5, "
    "100.0, 1.0e3, 0.0001, 0.00012, 1.0e22, 3.141592653589793, 1.7976931348623157e308, 5.0e-324, "
    "12345678.9, "
    "list_to_atom([228,246,252]), list_to_atom([1087,1088]), list_to_atom([10,39,92,7]), "
    "\"a string\\n\\\"quoted\\\"\", [1,2,3], [a|b], [a,b|c], [[], [[x]]], {1,{2,{3,[4,{5}]}}}, "
    "<<>>, <<\"text\">>, <<1,2,255>>, <<5:3>>, <<1,2,3:2>>, Big, binary:part(Big, 50, 70), Odd, "
    "binary:copy(<<\"x\">>, 190), "
    "#{}, #{a => 1}, #{a => 1, \"k\" => #{b => [c]}, {1} => 2.5}, "
    "self(), P, make_ref(), alias(), monitor(process, P, [{alias, explicit_unalias}]), Port, "
    "{'$gen_call', {self(), [alias|make_ref()]}, {get, 17}}], "
    "[P ! T || T <- Terms], io:format(\"~0p~n\", [P]), [io:format(\"~0tp~n\", [T]) || T <- Terms], "
    "register(keeper, self())";

static void test_terms_read_as_the_node_prints_them(void **state)
{
  struct test_node *node = test_node_spawn(TERMS, NULL);
  char lines[128][1024];
  size_t count = 0, wrong = 0;

  (void)state;
  while (count < 128 && test_node_line(node, lines[count], sizeof lines[count]) &&
         strcmp(lines[count], "ready") != 0)
    count++;
  assert_true(count > 50);
  test_node_attach(node);
  struct test_mailbox *box = test_mailbox_open(node, lines[0]);
  assert_int_equal(box->count, count - 1);
  for (size_t i = 0; i < box->count; i++) {
    char got[1024];
    struct print_text text;
    print_text_init(&text, got, sizeof got);
    print_term(&box->print, box->terms[i], &text);
    (void)print_text_end(&text);
    if (strcmp(got, lines[1 + i]) != 0) {
      print_error("message %zu: got %s\n        wanted %s\n", i, got, lines[1 + i]);
      wrong++;
    }
  }
  assert_int_equal(wrong, 0);
  test_mailbox_close(box);
  test_node_stop(node);
}

/* A map that has become a tree: the order is that of hashes, so the entries are looked for one by one. */
static void test_large_maps_are_walked_whole(void **state)
{
  struct test_node *node = test_node_spawn(
      "P = spawn(fun() -> receive never -> ok end end), "
      "P ! maps:from_list([{I, {value, I}} || I <- lists:seq(1, 150)]), "
      "P ! maps:from_list([{I, I} || I <- lists:seq(1, 3000)]), io:format(\"~0p~n\", [P])",
      NULL);
  char pid[64], got[8192], wanted[64];
  struct print_text text;

  (void)state;
  assert_true(test_node_line(node, pid, sizeof pid));
  test_node_ready(node);
  test_node_attach(node);
  struct test_mailbox *box = test_mailbox_open(node, pid);
  assert_int_equal(box->count, 2);
  print_text_init(&text, got, sizeof got);
  print_term(&box->print, box->terms[0], &text);
  (void)print_text_end(&text);
  for (int i = 1; i <= 150; i++) {
    (void)snprintf(wanted, sizeof wanted, "%d => {value,%d}", i, i);
    assert_non_null(strstr(got, wanted));
  }
  print_text_init(&text, got, sizeof got);
  print_term(&box->print, box->terms[1], &text);
  (void)print_text_end(&text);
  assert_string_equal(got + strlen(got) - 5, ",...}");
  test_mailbox_close(box);
  test_node_stop(node);
}

static void test_what_is_cut_says_so(void **state)
{
  char bytes[12];
  struct print_text text;

  (void)state;
  print_text_init(&text, bytes, sizeof bytes);
  print_text_words(&text, "12345678\xc3\xa4\xc3\xa4");
  assert_int_equal(print_text_end(&text), 11);
  assert_string_equal(bytes, "12345678...");
  print_text_init(&text, bytes, sizeof bytes);
  print_text_words(&text, "1234567\xc3\xa4\xc3\xa4\xc3\xa4");
  assert_int_equal(print_text_end(&text), 10);
  assert_string_equal(bytes, "1234567...");
  print_text_init(&text, bytes, sizeof bytes);
  print_text_words(&text, "12345678901");
  assert_int_equal(print_text_end(&text), 11);
  assert_string_equal(bytes, "12345678901");
}

static void test_bytes_that_are_no_text_are_escaped(void **state)
{
  char bytes[64];
  struct print_text text;

  (void)state;
  print_text_init(&text, bytes, sizeof bytes);
  print_text_atom(&text, "a\xff\x1b[31m\xe2\x82", 9);
  (void)print_text_end(&text);
  assert_string_equal(bytes, "'a\\x{FF}\\e[31m\\x{E2}\\x{82}'");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_terms_read_as_the_node_prints_them),
      cmocka_unit_test(test_large_maps_are_walked_whole),
      cmocka_unit_test(test_what_is_cut_says_so),
      cmocka_unit_test(test_bytes_that_are_no_text_are_escaped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
