/*
 * attach_again.c - opens a node again and again, and says how often that was refused and why: a healthy node is never
 * refused, whatever it is doing. Used by attach_test.sh; not a test by itself.
 *
 *   attach_again COUNT PID...     COUNT times each in turn; prints a line for each reason, and "N attached, M refused"
 *
 * Ends with 0 where none was refused, 1 where one was, 2 for wrong use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/reach/reach.h"
#include "probe/source.h"

extern const struct source source_beam;

enum { REASONS_MOST = 64 };

struct reasons {
  char texts[REASONS_MOST][SOURCE_REASON_BYTES];
  unsigned long counts[REASONS_MOST];
  size_t count;
};

/* Those that find no room are counted as the last one. */
static void add_reason(struct reasons *reasons, const char *text)
{
  size_t i = 0;
  while (i < reasons->count && strcmp(reasons->texts[i], text) != 0)
    i++;
  if (i == REASONS_MOST)
    i--;
  if (i == reasons->count)
    (void)snprintf(reasons->texts[reasons->count++], SOURCE_REASON_BYTES, "%s", text);
  reasons->counts[i]++;
}

static int attach_once(pid_t pid, char reason[SOURCE_REASON_BYTES])
{
  struct reach_target *target;
  void *session;
  int error = reach_open(pid, &target);
  if (error) {
    (void)snprintf(reason, SOURCE_REASON_BYTES, "%s", strerror(-error));
    return error;
  }
  error = source_beam.open(target, &session, reason);
  if (!error)
    source_beam.close(session);
  reach_close(target);
  return error;
}

int main(int argc, char **argv)
{
  static struct reasons reasons;
  unsigned long attached = 0, refused = 0;
  char reason[SOURCE_REASON_BYTES];
  unsigned long count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
  if (count == 0) {
    (void)fprintf(stderr, "usage: attach_again COUNT PID...\n");
    return 2;
  }
  for (unsigned long i = 0; i < count; i++)
    for (int j = 2; j < argc; j++) {
      reason[0] = '\0';
      if (attach_once((pid_t)atoi(argv[j]), reason) == 0) {
        attached++;
        continue;
      }
      refused++;
      add_reason(&reasons, reason);
    }
  for (size_t i = 0; i < reasons.count; i++)
    (void)printf("%lu x %s\n", reasons.counts[i], reasons.texts[i]);
  (void)printf("%lu attached, %lu refused\n", attached, refused);
  return refused ? 1 : 0;
}
