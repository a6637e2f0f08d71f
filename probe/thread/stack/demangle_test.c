/* demangle_test.c - readable names, and names made to harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/thread/stack/demangle.h"

enum { TEXT = 160 };

static void assert_reads(const char *name, const char *wanted)
{
  char text[TEXT];
  demangle(name, text, sizeof text);
  assert_string_equal(text, wanted);
}

static void names_are_readable(void **state)
{
  (void)state;
  assert_reads("pthread_mutex_lock", "pthread_mutex_lock");
  assert_reads("_ZN4bank7Account8transferERS0_l", "bank::Account::transfer");
  assert_reads("_ZNSt5mutex4lockEv", "std::mutex::lock");
  assert_reads("_ZN4core6option6expect17h0123456789abcdefE", "core::option::expect");
  assert_reads("_RNvCs1234_4bank8transfer", "bank::transfer");
  assert_reads("_Znonsense", "_Znonsense");
  assert_reads("transfer.isra.0", "transfer");
  assert_reads("transfer.part.0.cold", "transfer");
  assert_reads("_ZN4bank7Account8transferERS0_l.constprop.0", "bank::Account::transfer");
  assert_reads(".cold", ".cold");
  assert_reads("_", "_");
  assert_reads("", "");
}

static void control_bytes_are_not_passed_on(void **state)
{
  (void)state;
  assert_reads("a\x1b[31mb\n", "a?[31mb?");
  assert_reads("_ZN3a\x1b\x07"
               "1bE",
               "a??::b");
}

static void a_text_is_cut_where_there_is_no_more_room(void **state)
{
  char text[8];
  (void)state;
  demangle("_ZN4bank7Account8transferERS0_l", text, sizeof text);
  assert_string_equal(text, "bank::A");
  demangle("pthread_mutex_lock", text, sizeof text);
  assert_string_equal(text, "pthread");
}

/* Thousands of bytes of one piece, then an end. */
static void repeat(const char *begin, const char *piece, const char *end, size_t most,
                   char *ret_name)
{
  size_t length = (size_t)snprintf(ret_name, most, "%s", begin);
  while (length + strlen(piece) + strlen(end) + 1 < most)
    length += (size_t)snprintf(ret_name + length, most - length, "%s", piece);
  (void)snprintf(ret_name + length, most - length, "%s", end);
}

static void *demangle_all(void *context)
{
  static const char *const pieces[][3] = {
      {"_Z1f", "P", "i"},       {"_Z1f", "PF", "vvE"},         {"_Z1fI", "S_I", "E"},
      {"_ZN", "1aI", "E"},      {"_ZN1aIiE", "IS_S_S_E", "E"}, {"_Z1fIXad", "L_Z", "1gE"},
      {"_Z", "ZN1aUlvE_", "E"}, {"_RNv", "Nv", "C1a1b"},       {"_RIC1a", "INvC1a1b", "E"},
      {"_RNvC1a", "TT", "E"},   {"_Z1f", "DpT_", ""},          {"_ZTV", "N1aI", "iEE"},
  };
  size_t *sizes = context;
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
    for (size_t size = 64; size <= sizes[0]; size += 64) {
      char *name = malloc(size), text[TEXT];
      assert_non_null(name);
      repeat(pieces[i][0], pieces[i][1], pieces[i][2], size, name);
      demangle(name, text, sizeof text);
      assert_true(strlen(text) < sizeof text);
      free(name);
    }
  return NULL;
}

/* The threads that demangle have half a megabyte. */
static void names_made_to_harm_fit_on_a_small_stack(void **state)
{
  size_t most = 4096;
  pthread_attr_t attributes;
  pthread_t thread;
  (void)state;
  assert_int_equal(pthread_attr_init(&attributes), 0);
  assert_int_equal(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  assert_int_equal(pthread_create(&thread, &attributes, demangle_all, &most), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(pthread_attr_destroy(&attributes), 0);
}

/* Each piece doubles the text: without an end to it this would take years. */
static void a_name_that_stands_for_gigabytes_is_left_early(void **state)
{
  char name[512] = "_Z1fI", text[TEXT];
  size_t length = strlen(name);
  (void)state;
  length += (size_t)snprintf(name + length, sizeof name - length, "1aIiiE");
  for (unsigned i = 0; i < 30; i++) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    length +=
        (size_t)snprintf(name + length, sizeof name - length, "S_IS%c_S%c_E", digits[i], digits[i]);
  }
  (void)snprintf(name + length, sizeof name - length, "EvT_");
  demangle(name, text, sizeof text);
  assert_true(strlen(text) > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_readable),
      cmocka_unit_test(control_bytes_are_not_passed_on),
      cmocka_unit_test(a_text_is_cut_where_there_is_no_more_room),
      cmocka_unit_test(names_made_to_harm_fit_on_a_small_stack),
      cmocka_unit_test(a_name_that_stands_for_gigabytes_is_left_early),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
