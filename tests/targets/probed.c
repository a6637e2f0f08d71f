/*
 * probed.c - a hooked program whose memory may not be read, to be told of by probes: it is not dumpable, and its
 * operations have USDT sites.
 *
 * It opens its actors, puts three messages into the mailbox of `ledger` and prints `ready`. At SIGUSR1 it goes on: one
 * message more, one taken, a wait for the table `accounts` that ends, and a circle of calls between `ledger` and
 * `teller` (recorded only, nothing blocks). It prints `done` and waits for its end.
 */
#define IMPASSE_USDT
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probe/hook/impasse.h"

enum { LIFE_S = 600 }; /* nobody is left behind should the test be killed */

static void wait_for(int signal)
{
  sigset_t set;
  int got;
  sigemptyset(&set);
  sigaddset(&set, signal);
  (void)sigwait(&set, &got); /* fails for signals that do not exist only */
}

static void say(const char *word)
{
  (void)puts(word);
  (void)fflush(stdout);
}

static void use_table(struct impasse_table table, struct impasse_actor actor)
{
  struct impasse_table_wait wait =
      impasse_table_wait_begin(table, actor, IMPASSE_WRITE, IMPASSE_TIMEOUT_NONE);
  impasse_table_wait_end(wait);
  impasse_table_acquired(table, actor, IMPASSE_WRITE);
  impasse_table_released(table, actor);
}

int main(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  (void)alarm(LIFE_S);
  struct impasse_actor ledger = impasse_actor_open(impasse_registered("ledger"));
  struct impasse_actor teller = impasse_actor_open(impasse_registered("teller"));
  struct impasse_table accounts = impasse_table_open(impasse_text("accounts"), IMPASSE_RWLOCK);
  impasse_put(impasse_mailbox_of(ledger), 3);
  if (impasse_status() != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
    return 1;
  say("ready");
  wait_for(SIGUSR1);
  impasse_put(impasse_mailbox_of(ledger), 1);
  impasse_take(impasse_mailbox_of(ledger), 1);
  use_table(accounts, teller);
  (void)impasse_call_begin(ledger, teller.ref, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
  (void)impasse_call_begin(teller, ledger.ref, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
  say("done");
  for (;;)
    pause();
}
