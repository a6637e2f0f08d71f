/*
 * blocked.c - threads that stand where everybody knows, to be looked at from outside. Not a program that anybody
 * should learn locking from.
 *
 *    blocked                 "chain" waits in worker > book > transfer, "direct" in keeper
 *    blocked signal          "signal" waits in a signal handler, on a stack of its own, that interrupted sigsuspend()
 *    blocked library FILE    after a byte on its input: "library" waits in plugin_wait() of FILE
 *    blocked exec FILE       after a byte on its input: becomes FILE
 *
 * Writes a byte once all threads were started.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP __asm__ volatile("") /* no jump instead of a call */

static pthread_mutex_t accounts[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
pthread_mutex_t ledger = PTHREAD_MUTEX_INITIALIZER;
static const char *library;

static void tell(void)
{
  if (write(STDOUT_FILENO, "r", 1) != 1)
    _exit(1);
}

static void await(void)
{
  char byte;
  if (read(STDIN_FILENO, &byte, 1) != 1)
    _exit(1);
}

__attribute__((noinline)) static void transfer(int number)
{
  char used[200];
  (void)snprintf(used, sizeof used, "%d", number);
  pthread_mutex_lock(&accounts[number]);
  pthread_mutex_unlock(&accounts[number]);
}

__attribute__((noinline)) void book(int number)
{
  transfer(number);
  KEEP;
}

static void *worker(void *context)
{
  char used[3000];
  (void)snprintf(used, sizeof used, "%p", context);
  book(1);
  KEEP;
  return context;
}

static void *keeper(void *context)
{
  pthread_mutex_lock(&ledger);
  KEEP;
  return context;
}

__attribute__((noinline)) static void on_signal(int number)
{
  (void)number;
  pthread_mutex_lock(&ledger);
  KEEP;
}

/* The signal comes here and nowhere else: it is blocked before. */
__attribute__((noinline)) static void interrupted(void)
{
  sigset_t nothing;
  sigemptyset(&nothing);
  sigsuspend(&nothing);
  KEEP;
}

static void *signalled(void *context)
{
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, NULL);
  sigset_t signal;
  sigaction(SIGUSR1, &action, NULL);
  sigemptyset(&signal);
  sigaddset(&signal, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signal, NULL);
  tell();
  interrupted();
  return context;
}

#ifdef STATIC /* where the C library warns of loading anything */
static void *caller(void *context)
{
  return context;
}
#else
static void *caller(void *context)
{
  void *handle = dlopen(library, RTLD_NOW);
  void (*wait)(pthread_mutex_t *) =
      handle ? (void (*)(pthread_mutex_t *))dlsym(handle, "plugin_wait") : NULL;
  if (!wait)
    _exit(2);
  wait(&ledger);
  return context;
}
#endif

struct beginning {
  const char *name;
  void *(*body)(void *);
};

/* A thread names itself: another one would have to write into /proc. */
static void *begin(void *context)
{
  struct beginning *beginning = context;
  pthread_setname_np(pthread_self(), beginning->name);
  beginning->body(context);
  KEEP;
  return context;
}

static void start(const char *name, void *(*body)(void *), pthread_t *ret_thread)
{
  struct beginning *beginning = malloc(sizeof *beginning);
  if (!beginning)
    _exit(3);
  *beginning = (struct beginning){name, body};
  if (pthread_create(ret_thread, NULL, begin, beginning) != 0)
    _exit(3);
}

int main(int count, char **words)
{
  const char *mode = count > 1 ? words[1] : "";
  pthread_t thread;

  pthread_mutex_lock(&accounts[1]);
  pthread_mutex_lock(&ledger);
  if (strcmp(mode, "signal") == 0) {
    start("signal", signalled, &thread);
    await();
    pthread_kill(thread, SIGUSR1);
  } else if (strcmp(mode, "library") == 0) {
    library = words[2];
    start("direct", keeper, &thread);
    tell();
    await();
    start("library", caller, &thread);
  } else if (strcmp(mode, "exec") == 0) {
    start("direct", keeper, &thread);
    tell();
    await();
    execv(words[2], (char *[]){words[2], NULL});
    _exit(4);
  } else {
    start("chain", worker, &thread);
    start("direct", keeper, &thread);
  }
  tell();
  pthread_join(thread, NULL);
  return 0;
}
