/* callsite_test.c - which functions only carry a wait out for somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/thread/stack/callsite.h"

static void libraries_are_known_by_their_names(void **state)
{
  static const char *const known[] = {"libc.so.6",           "libc-2.31.so",
                                      "libstdc++.so.6.0.30", "ld-linux-x86-64.so.2",
                                      "ld-musl-x86_64.so.1", "libpthread.so.0"};
  static const char *const others[] = {"libcurl.so.4", "libcalc.so", "prog", "libmariadb.so.3", ""};
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    assert_true(callsite_is_library(known[i]));
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_false(callsite_is_library(others[i]));
}

static void wrappers_are_known_wherever_they_were_linked_to(void **state)
{
  static const char *const known[] = {
      "__lll_lock_wait",  "pthread_mutex_lock",
      "std::mutex::lock", "__gthread_mutex_lock",
      "syscall",          "start_thread",
      "uv_mutex_lock",    "std::sys::sync::mutex::futex::Mutex::lock"};
  static const char *const others[] = {"transfer", "bank::Account::transfer", "reader", "main",
                                       "standard", "core::Engine::run",       ""};
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    assert_true(callsite_is_wrapper(known[i]));
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_false(callsite_is_wrapper(others[i]));
}

static void the_function_of_a_thread_is_told_from_its_template(void **state)
{
  char text[64];
  (void)state;
  callsite_of_thread(
      "std::thread::_State_impl<std::thread::_Invoker<std::tuple<main::{lambda()#1}> > >::_M_run",
      text, sizeof text);
  assert_string_equal(text, "main::{lambda()#1}");
  callsite_of_thread("std::thread::_State_impl<std::thread::_Invoker<std::tuple<void (*)(int, "
                     "a<b>), int> > >::_M_run",
                     text, sizeof text);
  assert_string_equal(text, "void (*)(int, a<b>)");
  callsite_of_thread("std::thread::_State_impl<std::thread::_Invoker<std::tuple<cut", text,
                     sizeof text);
  assert_string_equal(text, "cut");
  callsite_of_thread("std::tuple<main>", text, sizeof text);
  assert_string_equal(text, "");
  callsite_of_thread(
      "std::thread::_State_impl<std::thread::_Invoker<std::tuple<main::{lambda()#1}>", text, 5);
  assert_string_equal(text, "main");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(libraries_are_known_by_their_names),
      cmocka_unit_test(wrappers_are_known_wherever_they_were_linked_to),
      cmocka_unit_test(the_function_of_a_thread_is_told_from_its_template),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
