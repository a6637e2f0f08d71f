/*
 * stuck_test.c - a terminal that nobody reads must not keep the program from ending, nor end in raw
 * mode. Usage: the path of golden_show in GOLDEN_SHOW. Not here: what is on the screen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define DEADLINE_MS 20000

static int64_t now_ms(void)
{
  struct timespec now;

  assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* The modes are asked before there is a child that changes them. */
static pid_t start(int *ret_terminal, struct termios *ret_modes)
{
  struct winsize size = {.ws_row = 60, .ws_col = 200};
  const char *program = getenv("GOLDEN_SHOW");
  int slave;
  pid_t child;

  assert_int_equal(openpty(ret_terminal, &slave, NULL, NULL, &size), 0);
  assert_int_equal(tcgetattr(*ret_terminal, ret_modes), 0);
  child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    (void)close(*ret_terminal);
    if (login_tty(slave))
      _exit(126);
    (void)setenv("TERM", "xterm-256color", 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)execl(program, program, "many", "mailboxes", (char *)NULL);
    _exit(127);
  }
  assert_int_equal(close(slave), 0);
  return child;
}

/* Reads until the program has painted something. */
static void await_paint(int terminal)
{
  struct pollfd in = {.fd = terminal, .events = POLLIN};
  char buffer[4096];

  assert_int_equal(poll(&in, 1, DEADLINE_MS), 1);
  assert_true(read(terminal, buffer, sizeof buffer) > 0);
}

/* Keys that repaint everything, until the terminal takes no more input: then the program hangs
 * in a paint, or has given up painting and reads no more than it must. */
static void flood(int terminal)
{
  int flags = fcntl(terminal, F_GETFL);

  assert_int_equal(fcntl(terminal, F_SETFL, flags | O_NONBLOCK), 0);
  for (unsigned i = 0; i < 3000; i++)
    if (write(terminal, "\f1\f2", 4) < 0)
      break;
  assert_int_equal(fcntl(terminal, F_SETFL, flags), 0);
}

static bool ends_within(pid_t child, int64_t ms, int *ret_status)
{
  int64_t until = now_ms() + ms;

  while (now_ms() < until) {
    struct timespec moment = {.tv_nsec = 5000000};

    if (waitpid(child, ret_status, WNOHANG) == child)
      return true;
    (void)nanosleep(&moment, NULL); /* between two looks */
  }
  return false;
}

static void a_terminal_that_nobody_reads_is_given_back(void **state)
{
  struct termios before, after;
  int terminal, status = 0;
  pid_t child = start(&terminal, &before);

  (void)state;
  await_paint(terminal);
  flood(terminal);
  assert_int_equal(kill(child, SIGTERM), 0);
  if (!ends_within(child, DEADLINE_MS, &status)) {
    (void)kill(child, SIGKILL);
    fail_msg("it does not end");
  }
  assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM) ||
              (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
  assert_int_equal(tcgetattr(terminal, &after), 0);
  assert_int_equal(after.c_lflag, before.c_lflag);
  assert_int_equal(after.c_iflag, before.c_iflag);
  assert_int_equal(after.c_oflag, before.c_oflag);
  assert_int_equal(close(terminal), 0);
}

static void a_terminal_that_goes_away_ends_the_program(void **state)
{
  struct termios before;
  int terminal, status = 0;
  pid_t child = start(&terminal, &before);

  (void)state;
  await_paint(terminal);
  assert_int_equal(close(terminal), 0);
  if (!ends_within(child, DEADLINE_MS, &status)) {
    (void)kill(child, SIGKILL);
    fail_msg("it does not end");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_terminal_that_nobody_reads_is_given_back),
      cmocka_unit_test(a_terminal_that_goes_away_ends_the_program),
  };

  if (!getenv("GOLDEN_SHOW")) {
    (void)fprintf(stderr, "GOLDEN_SHOW is not set\n");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
