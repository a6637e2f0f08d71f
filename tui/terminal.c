/*
 * terminal.c - takes the terminal, reads it, gives it back whatever happens. Not here: meaning and
 * painting.
 *
 *    signal                      handler                          then
 *    TERM INT HUP                flag, wake, drop unread output   loop: tui_input says TUI_QUIT
 *    the same once more, or      restore, default action          for a loop that hangs in a paint
 *    END_GRACE_S later (ALRM)                                     which nobody reads
 *    WINCH CONT TSTP             flag, wake                       loop: repaint, or stop
 *    SEGV BUS FPE ILL ABRT QUIT  restore, former action, raise    core dump, sanitizer report ...
 *
 * Restoring is more than a flag, for there is no later: after a crash nobody returns to the loop,
 * and a shell in raw mode on the alternate screen is useless to whoever must now look for the
 * cause. It uses poll, tcflush, fcntl, write, tcsetattr, sigaction and alarm alone, which POSIX
 * lists as async-signal-safe, with bytes that were prepared when the terminal was taken, and it
 * never waits.
 */
#include "tui/terminal.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tui/capability.h"
#include "tui/keys.h"

#define ESCAPE_DELAY_MS 25 /* how long ncurses waits whether an escape byte begins a function key */
#define END_GRACE_S 2      /* what a loop that was told to end has for it */
#define MOUSE_OFF "\033[?1006l\033[?1002l\033[?1000l"

static const int loop_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGWINCH, SIGCONT, SIGTSTP};
static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
#define LOOP_SIGNALS (sizeof loop_signals / sizeof *loop_signals)
#define FATAL_SIGNALS (sizeof fatal_signals / sizeof *fatal_signals)
#define END_SIGNALS 3 /* the first of loop_signals */

/* The only mutable globals of this folder: a signal handler is given nothing but a number. */
static struct {
  volatile sig_atomic_t active; /* the terminal is ours: restore it */
  volatile sig_atomic_t pending[LOOP_SIGNALS];
  pid_t owner; /* a child of ours must not touch the terminal */
  int wake_fd;
  struct termios modes; /* as they were */
  char restore[512];
  size_t restore_bytes;
  struct sigaction loop_before[LOOP_SIGNALS], fatal_before[FATAL_SIGNALS], alarm_before;
} guard;

struct terminal {
  SCREEN *screen;
  int epoll_fd;
  int wake_fd;
  bool mouse;
  void *signal_stack;
};

/* --- signals --- */

/* Nobody may be reading the terminal any more; then what is queued is dropped, so that the bytes
 * find room. */
static void make_room(void)
{
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

  if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
    (void)tcflush(STDOUT_FILENO, TCOFLUSH);
}

static void restore_now(void)
{
  int flags = fcntl(STDOUT_FILENO, F_GETFL);

  if (!guard.active || guard.owner != getpid())
    return;
  guard.active = 0;
  make_room();
  /* Some room is not room enough, and a terminal that nobody reads would keep us for ever. */
  if (flags >= 0)
    (void)fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
  if (write(STDOUT_FILENO, guard.restore, guard.restore_bytes) != (ssize_t)guard.restore_bytes) {
    (void)tcflush(STDOUT_FILENO, TCOFLUSH);
    (void)!write(STDOUT_FILENO, guard.restore, guard.restore_bytes); /* or nothing is left to do */
  }
  if (flags >= 0)
    (void)fcntl(STDOUT_FILENO, F_SETFL, flags);
  (void)tcsetattr(STDIN_FILENO, TCSANOW, &guard.modes);
}

static void end_now(int number)
{
  restore_now();
  (void)signal(number, SIG_DFL);
  (void)raise(number); /* is delivered when the handler returns, if it is its own */
}

static void on_loop_signal(int number)
{
  int error = errno;
  uint64_t one = 1;

  for (unsigned i = 0; i < LOOP_SIGNALS; i++) {
    if (loop_signals[i] != number)
      continue;
    if (i < END_SIGNALS && guard.pending[i])
      end_now(number);
    if (i < END_SIGNALS) {
      make_room(); /* the loop may hang in a paint that nobody reads */
      (void)alarm(END_GRACE_S);
    }
    guard.pending[i] = 1;
  }
  (void)!write(guard.wake_fd, &one, sizeof one); /* full means that the loop will wake anyway */
  errno = error;
}

static void on_grace_over(int number)
{
  (void)number;
  for (unsigned i = 0; i < END_SIGNALS; i++)
    if (guard.pending[i])
      end_now(loop_signals[i]);
}

static void on_fatal_signal(int number)
{
  restore_now();
  for (unsigned i = 0; i < FATAL_SIGNALS; i++)
    if (fatal_signals[i] == number)
      (void)sigaction(number, &guard.fatal_before[i], NULL);
  (void)raise(number); /* is delivered when this handler returns */
}

/* A stack overflow, too, must find room for its handler. */
static void *signal_stack_new(void)
{
  stack_t before, stack = {.ss_size = 64 * 1024};

  if (sigaltstack(NULL, &before) || !(before.ss_flags & SS_DISABLE))
    return NULL; /* somebody (a sanitizer) has set one up */
  stack.ss_sp = malloc(stack.ss_size);
  if (stack.ss_sp && sigaltstack(&stack, NULL)) {
    free(stack.ss_sp);
    return NULL;
  }
  return stack.ss_sp;
}

static void signal_stack_free(void *memory)
{
  stack_t off = {.ss_flags = SS_DISABLE};

  if (memory && !sigaltstack(&off, NULL))
    free(memory);
}

static void signals_take(void)
{
  struct sigaction loop = {.sa_handler = on_loop_signal, .sa_flags = SA_RESTART};
  struct sigaction fatal = {.sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK};
  struct sigaction grace = {.sa_handler = on_grace_over, .sa_flags = SA_RESTART};

  memset((void *)guard.pending, 0, sizeof guard.pending);
  for (unsigned i = 0; i < LOOP_SIGNALS; i++) {
    (void)sigaction(loop_signals[i], &loop, &guard.loop_before[i]);
    /* who started us under nohup does not want the hang-up to count */
    if (loop_signals[i] == SIGHUP && guard.loop_before[i].sa_handler == SIG_IGN)
      (void)sigaction(SIGHUP, &guard.loop_before[i], NULL);
  }
  for (unsigned i = 0; i < FATAL_SIGNALS; i++)
    (void)sigaction(fatal_signals[i], &fatal, &guard.fatal_before[i]);
  (void)sigaction(SIGALRM, &grace, &guard.alarm_before);
}

static void signals_give_back(void)
{
  (void)alarm(0);
  (void)sigaction(SIGALRM, &guard.alarm_before, NULL);
  for (unsigned i = 0; i < LOOP_SIGNALS; i++)
    (void)sigaction(loop_signals[i], &guard.loop_before[i], NULL);
  for (unsigned i = 0; i < FATAL_SIGNALS; i++)
    (void)sigaction(fatal_signals[i], &guard.fatal_before[i], NULL);
}

/* --- taking and giving back --- */

static void restore_prepare(bool mouse)
{
  size_t used = mouse ? sizeof MOUSE_OFF - 1 : 0;

  memcpy(guard.restore, MOUSE_OFF, used);
  guard.restore_bytes = capability_restore(guard.restore, sizeof guard.restore, used);
}

static int watch(int epoll_fd, int fd)
{
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void curses_modes(struct terminal *terminal)
{
  (void)raw(); /* ^C ^Z ^\ come as keys */
  (void)noecho();
  (void)nonl();
  (void)intrflush(stdscr, FALSE);
  (void)keypad(stdscr, TRUE);
  (void)nodelay(stdscr, TRUE);
  (void)curs_set(0);
  (void)set_escdelay(ESCAPE_DELAY_MS);
  if (terminal->mouse) {
    terminal->mouse =
        mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL) != 0;
    (void)mouseinterval(0);
  }
}

int terminal_open(bool mouse, struct terminal **ret_terminal)
{
  struct terminal *terminal;
  int error;

  if (guard.wake_fd > 0)
    return -EBUSY;
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &guard.modes))
    return -ENOTTY;
  if (!capability_is_screen())
    return -EINVAL;
  terminal = calloc(1, sizeof *terminal);
  if (!terminal)
    return -ENOMEM;
  terminal->mouse = mouse;
  terminal->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  terminal->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (terminal->epoll_fd < 0 || terminal->wake_fd < 0) {
    error = -errno;
    goto out;
  }
  error = watch(terminal->epoll_fd, STDIN_FILENO);
  if (!error)
    error = watch(terminal->epoll_fd, terminal->wake_fd);
  if (error)
    goto out;
  guard.owner = getpid();
  guard.wake_fd = terminal->wake_fd;
  terminal->signal_stack = signal_stack_new();
  signals_take(); /* before newterm, which leaves alone what is not at its default */
  terminal->screen = newterm(NULL, stdout, stdin);
  if (!terminal->screen) {
    error = -EINVAL;
    goto out;
  }
  restore_prepare(mouse);
  guard.active = 1;
  curses_modes(terminal);
  *ret_terminal = terminal;
  return 0;
out:
  terminal_close(terminal);
  return error;
}

void terminal_close(struct terminal *terminal)
{
  if (!terminal)
    return;
  if (terminal->screen) {
    make_room();
    if (terminal->mouse)
      (void)mousemask(0, NULL);
    (void)endwin();
    (void)tcsetattr(STDIN_FILENO, TCSANOW,
                    &guard.modes); /* what ncurses took for the former modes may be younger */
    delscreen(terminal->screen);
  }
  guard.active = 0;
  if (guard.wake_fd > 0) {
    signals_give_back();
    signal_stack_free(terminal->signal_stack);
    guard.wake_fd = 0;
  }
  if (terminal->epoll_fd >= 0)
    (void)close(terminal->epoll_fd);
  if (terminal->wake_fd >= 0)
    (void)close(terminal->wake_fd);
  free(terminal);
}

int terminal_fd(const struct terminal *terminal)
{
  return terminal->epoll_fd;
}

/* --- reading --- */

static const struct {
  int curses;
  uint32_t input;
} key_map[] = {
    {KEY_UP, INPUT_UP},        {KEY_DOWN, INPUT_DOWN},     {KEY_LEFT, INPUT_LEFT},
    {KEY_RIGHT, INPUT_RIGHT},  {KEY_PPAGE, INPUT_PAGE_UP}, {KEY_NPAGE, INPUT_PAGE_DOWN},
    {KEY_HOME, INPUT_HOME},    {KEY_END, INPUT_END},       {KEY_BACKSPACE, INPUT_BACKSPACE},
    {KEY_BTAB, INPUT_BACKTAB}, {KEY_ENTER, INPUT_ENTER},   {KEY_DC, INPUT_BACKSPACE},
};

static uint32_t input_of_key(wint_t key)
{
  if (key >= KEY_F(1) && key <= KEY_F(10))
    return INPUT_F1 + (uint32_t)(key - KEY_F(1));
  for (size_t i = 0; i < sizeof key_map / sizeof *key_map; i++)
    if ((wint_t)key_map[i].curses == key)
      return key_map[i].input;
  return INPUT_NONE;
}

static struct terminal_event read_mouse(void)
{
  MEVENT mouse;

  if (getmouse(&mouse) != OK || mouse.x < 0 || mouse.y < 0)
    return (struct terminal_event){.kind = TERMINAL_KEY, .input = INPUT_NONE};
  if (mouse.bstate & BUTTON4_PRESSED)
    return (struct terminal_event){.kind = TERMINAL_KEY, .input = INPUT_UP};
  if (mouse.bstate & BUTTON5_PRESSED)
    return (struct terminal_event){.kind = TERMINAL_KEY, .input = INPUT_DOWN};
  return (struct terminal_event){
      .kind = TERMINAL_CLICK, .row = (unsigned)mouse.y, .column = (unsigned)mouse.x};
}

static struct terminal_event read_key(void)
{
  struct terminal_event event = {.kind = TERMINAL_KEY};
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  wint_t key;
  int kind = get_wch(&key);

  if (kind == ERR) {
    bool gone = poll(&in, 1, 0) == 1 && in.revents & (POLLHUP | POLLERR | POLLNVAL);

    return (struct terminal_event){.kind = gone ? TERMINAL_END : TERMINAL_NOTHING};
  }
  if (kind == OK) {
    event.input = key == 0x7f || key == '\b' ? (uint32_t)INPUT_BACKSPACE
                  : key < INPUT_UP           ? (uint32_t)key
                                             : INPUT_NONE;
    return event;
  }
  if (key == KEY_MOUSE)
    return read_mouse();
  event.input = input_of_key(key); /* KEY_RESIZE, too, is none: SIGWINCH says it */
  return event;
}

static void resize(void)
{
  struct winsize size;

  if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
    (void)resizeterm(size.ws_row, size.ws_col);
}

static bool take_pending(int number)
{
  for (unsigned i = 0; i < LOOP_SIGNALS; i++) {
    if (loop_signals[i] == number && guard.pending[i]) {
      guard.pending[i] = 0;
      return true;
    }
  }
  return false;
}

struct terminal_event terminal_next(struct terminal *terminal)
{
  uint64_t count;
  bool resized, continued;

  (void)!read(terminal->wake_fd, &count, sizeof count); /* nothing there is fine: the flags tell */
  for (unsigned i = 0; i < END_SIGNALS; i++)
    if (guard.pending[i]) /* stays set: a second one must find it */
      return (struct terminal_event){.kind = TERMINAL_END, .signal = loop_signals[i]};
  if (take_pending(SIGTSTP))
    return (struct terminal_event){.kind = TERMINAL_STOP};
  continued = take_pending(SIGCONT);
  resized = take_pending(SIGWINCH);
  if (continued) {
    (void)reset_prog_mode(); /* the shell has had the terminal meanwhile */
    (void)clearok(curscr, TRUE);
  }
  if (continued || resized) {
    resize();
    return (struct terminal_event){.kind = TERMINAL_RESIZED};
  }
  return read_key();
}

bool terminal_is_writable(const struct terminal *terminal)
{
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

  (void)terminal;
  return poll(&out, 1, 0) == 1 && out.revents & POLLOUT;
}

void terminal_size(const struct terminal *terminal, unsigned *ret_rows, unsigned *ret_columns)
{
  int rows = getmaxy(stdscr), columns = getmaxx(stdscr);

  (void)terminal;
  *ret_rows = rows > 0 ? (unsigned)rows : 1;
  *ret_columns = columns > 0 ? (unsigned)columns : 1;
}

void terminal_suspend(struct terminal *terminal)
{
  struct sigaction stop = {.sa_handler = SIG_DFL}, ours;

  if (terminal->mouse)
    (void)mousemask(0, NULL);
  (void)endwin();
  (void)tcsetattr(STDIN_FILENO, TCSANOW, &guard.modes);
  guard.active = 0;
  /* The whole job, as the terminal itself would do it: a script that waits for us must stop,
   * too. Our own turn comes with raise(), which stops before it returns; and if nobody can
   * continue us (an orphaned group), it does nothing. */
  (void)kill(0, SIGTSTP);
  (void)sigaction(SIGTSTP, &stop, &ours);
  (void)raise(SIGTSTP);
  (void)sigaction(SIGTSTP, &ours, NULL);
  (void)take_pending(SIGTSTP);
  guard.active = 1;
  (void)reset_prog_mode();
  if (terminal->mouse)
    (void)mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
  (void)curs_set(0);
  (void)clearok(curscr, TRUE);
  resize();
}
