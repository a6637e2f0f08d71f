/* sources.c - see sources.h. */
#include "collector/sources.h"

#include <stdio.h>

extern const struct source source_hook, source_beam, source_thread, source_queue;

/* Those that are `whole` before those that are `beneath`, so that a look need not be taken back. */
const struct source *const sources[] = {
    &source_hook,   /* programs that link the library */
    &source_beam,   /* Erlang nodes */
    &source_thread, /* threads of any other program */
    &source_queue,  /* queues of the kernel */
    NULL,
};

bool sources_have_probes(void)
{
  for (const struct source *const *source = sources; *source; source++)
    if ((*source)->exact)
      return true;
  return false;
}

void sources_write_none(char *ret_text, size_t room)
{
  size_t length = (size_t)snprintf(ret_text, room, "no source recognises it");
  const char *before = ": it ";

  for (const struct source *const *source = sources; *source && length < room; source++) {
    if (!(*source)->otherwise)
      continue;
    length +=
        (size_t)snprintf(ret_text + length, room - length, "%s%s", before, (*source)->otherwise);
    before = ", it ";
  }
}
