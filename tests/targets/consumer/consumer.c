/* consumer.c - a program as a user writes it, against the installed library. */
#include <impasse.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
  int error = impasse_start(NULL);
  if (error) {
    fprintf(stderr, "consumer: the library is off: %s\n", strerror(-error));
    return 1;
  }
  struct impasse_actor client = impasse_actor_open(impasse_text("client"));
  struct impasse_actor bank = impasse_actor_open(impasse_text("bank"));
  struct impasse_wait call = impasse_call_begin(client, bank.ref, IMPASSE_TIMEOUT_NONE, 0);
  impasse_put(impasse_mailbox_of(bank), 1);
  impasse_take(impasse_mailbox_of(bank), 1);
  impasse_call_end(call);
  impasse_actor_close(bank);
  return impasse_ref_slot(client.ref) ? 0 : 1;
}
