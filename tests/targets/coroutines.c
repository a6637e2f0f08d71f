/*
 * coroutines.c - a program without threads whose actors are coroutines (ucontext): a
 * scheduler takes them up and lays them down, and they suspend in waits, one of them in two
 * nested ones. Shows that the hook library keeps nothing in threads; and has the USDT sites
 * of the inlined calls.
 *
 *     broker: calls clerk (rank 1); while it waits it takes a message and calls vault (rank 2)
 *     vault:  calls broker          -> circle broker, vault
 *     clerk:  waits for vault or a signal, any, open   -> free
 *
 * Checks by itself that its region says so, prints "ready", stays until its standard input ends,
 * resumes everybody and exits with 0.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if __has_include(<sys/sdt.h>)
#define IMPASSE_USDT
#endif
#include "probe/hook/impasse.h"

enum { BROKER, CLERK, VAULT, COROUTINES, STACK_BYTES = 256 * 1024 };

struct coroutine {
  struct impasse_actor actor;
  ucontext_t context;
  bool done;
};

static struct coroutine coroutines[COROUTINES];
static char stacks[COROUTINES][STACK_BYTES] __attribute__((aligned(64)));
static struct impasse_worker worker;
static ucontext_t scheduler;
static int current;

static struct impasse_ref ref_of(int i)
{
  return coroutines[i].actor.ref;
}

static void suspend(void)
{
  swapcontext(&coroutines[current].context, &scheduler);
}

static void run_broker(void)
{
  struct impasse_actor self = coroutines[BROKER].actor;
  struct impasse_wait outer = impasse_call_begin(self, ref_of(CLERK), 0, 0);
  suspend();
  impasse_take(impasse_mailbox_of(self), 1); /* a message came in between: served within the wait */
  struct impasse_wait inner = impasse_call_begin(self, ref_of(VAULT), 0, IMPASSE_WAIT_EXCLUSIVE);
  suspend();
  impasse_call_end(inner);
  impasse_call_end(outer);
}

static void run_vault(void)
{
  struct impasse_wait call =
      impasse_call_begin(coroutines[VAULT].actor, ref_of(BROKER), 0, IMPASSE_WAIT_EXCLUSIVE);
  suspend();
  impasse_call_end(call);
}

static void run_clerk(void)
{
  struct impasse_ref vault = ref_of(VAULT);
  struct impasse_wait_request request = {
      &vault, 1, IMPASSE_VIA_CHANNEL, IMPASSE_WAIT_ANY | IMPASSE_WAIT_OPEN, 0, 0};
  struct impasse_wait wait = impasse_wait_begin(coroutines[CLERK].actor, &request);
  suspend();
  impasse_wait_end(wait);
}

static void (*const bodies[COROUTINES])(void) = {run_broker, run_clerk, run_vault};

static void begin(void)
{
  bodies[current]();
  coroutines[current].done = true;
  suspend();
}

/* One turn of one coroutine, from one suspension to the next. */
static void resume(int i)
{
  struct coroutine *coroutine = &coroutines[i];
  current = i;
  impasse_runnable(coroutine->actor);
  impasse_run_begin(&worker, coroutine->actor);
  swapcontext(&scheduler, &coroutine->context);
  impasse_run_end(coroutine->actor, coroutine->done ? IMPASSE_RECEIVE : IMPASSE_BLOCKED);
}

static bool open_all(void)
{
  static const char *const names[COROUTINES] = {"broker", "clerk", "vault"};
  struct impasse_pool pool = impasse_pool_open(impasse_text("loop"), 1);
  struct impasse_actor nobody = {impasse_unknown()};
  worker = impasse_worker_begin(pool);
  for (int i = 0; i < COROUTINES; i++) {
    struct coroutine *coroutine = &coroutines[i];
    coroutine->actor = impasse_actor_open_in(impasse_registered(names[i]), nobody, pool);
    if (!coroutine->actor.ref.slot || getcontext(&coroutine->context) < 0)
      return false;
    coroutine->context.uc_stack.ss_sp = stacks[i];
    coroutine->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&coroutine->context, begin, 0);
  }
  return true;
}

/* What the region says of a suspended coroutine. */
static bool is_blocked(int i, uint8_t waits, uint8_t rank, int holder)
{
  const struct impasse_hot *hot = coroutines[i].actor.ref.slot;
  const struct impasse_wait_line *line = impasse_wait_line_of(hot, waits - 1u);
  return hot->run == IMPASSE_RUN(0, IMPASSE_BLOCKED) && hot->wait_mask == (1u << waits) - 1 &&
         line->rank == rank && line->run == (uint32_t)hot->runs &&
         (line->holders[0] & IMPASSE_REF_MASK) == impasse_ref_word(ref_of(holder));
}

int main(void)
{
  int error = impasse_start(NULL);
  if (error) {
    fprintf(stderr, "coroutines: the library is off: %s\n", strerror(-error));
    return 77;
  }
  if (!open_all())
    return 1;
  for (int i = 0; i < COROUTINES; i++)
    resume(i);
  bool outer = is_blocked(BROKER, 1, 1, CLERK);
  impasse_put(impasse_mailbox_of(coroutines[BROKER].actor), 1);
  resume(BROKER);
  bool nested = is_blocked(BROKER, 2, 2, VAULT) && is_blocked(VAULT, 1, 1, BROKER) &&
                is_blocked(CLERK, 1, 1, VAULT);
  puts("ready");
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0)
    ;
  bool ended = true;
  for (int i = 0; i < COROUTINES; i++) {
    resume(i);
    const struct impasse_hot *hot = coroutines[i].actor.ref.slot;
    ended = ended && coroutines[i].done && hot->wait_mask == 0 && !(hot->sequence & 1);
  }
  if (outer && nested && ended)
    return 0;
  fprintf(stderr, "coroutines: outer %d, nested %d, ended %d\n", outer, nested, ended);
  return 1;
}
