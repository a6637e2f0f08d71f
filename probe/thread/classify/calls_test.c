/*
 * calls_test.c - the names of system calls agree with the numbers that this machine's C library was built
 * with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/syscall.h>

#include "probe/processor/processor.h"
#include "probe/thread/classify/classify.h"

static void names_are_those_of_the_kernel(void **unused)
{
  static const struct {
    long number;
    const char *name;
  } calls[] = {
#define CALL(name) {SYS_##name, #name}
      CALL(read),        CALL(write),        CALL(ppoll),       CALL(futex),    CALL(nanosleep),
      CALL(accept4),     CALL(recvfrom),     CALL(epoll_pwait), CALL(wait4),    CALL(clone3),
      CALL(futex_waitv), CALL(io_getevents), CALL(flock),       CALL(pselect6),
#undef CALL
  };
  (void)unused;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    assert_string_equal(classify_call_name(calls[i].number), calls[i].name);
  assert_int_equal(PROCESSOR_CALL_FUTEX, SYS_futex);
  assert_int_equal(PROCESSOR_CALL_FUTEX_WAITV, SYS_futex_waitv);
}

static void numbers_of_nothing_have_no_name(void **unused)
{
  (void)unused;
  assert_null(classify_call_name(-1));
  assert_null(classify_call_name(400)); /* between the old calls and the common ones */
  assert_null(classify_call_name(1 << 20));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_those_of_the_kernel),
      cmocka_unit_test(numbers_of_nothing_have_no_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
