/*
 * plugin.c - a shared object that brings a copy of the hook library along, as a plugin that links
 * it statically does. For two_copies.c.
 */
#include "probe/hook/impasse.h"

int plugin_start(void);
int plugin_status(void);
int plugin_opens(void);

int plugin_start(void)
{
  return impasse_start(NULL);
}

int plugin_status(void)
{
  return impasse_status();
}

/* Whether an actor that it opens is one that can be seen. */
int plugin_opens(void)
{
  struct impasse_actor actor = impasse_actor_open(impasse_text("plugin"));
  impasse_put(impasse_mailbox_of(actor), 1);
  impasse_actor_close(actor);
  return actor.ref.slot != NULL;
}
