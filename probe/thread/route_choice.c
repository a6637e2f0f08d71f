/* route_choice.c - see route_choice.h. */
#include "probe/thread/route_choice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The better first. */
static const struct {
  const char *word; /* as the environment has it */
  const struct route_kind *kind;
} routes[] = {{"iterator", &route_bpf}, {"proc", &route_proc}};
enum { ROUTES = sizeof routes / sizeof routes[0] };

/* What is forced, or NULL. */
static const char *forced(void)
{
  const char *word = getenv("IMPASSE_THREAD_ROUTE");
  return word && *word ? word : NULL;
}

int route_choice_open(const struct reach_target *target, struct route **ret_route, char *reason,
                      size_t room)
{
  const char *only = forced();
  int error = -EINVAL;
  (void)snprintf(reason, room, "IMPASSE_THREAD_ROUTE is neither \"iterator\" nor \"proc\"");
  for (size_t i = 0; i < ROUTES && error; i++)
    if (!only || strcmp(only, routes[i].word) == 0)
      error = routes[i].kind->open(target, ret_route, reason, room);
  return error;
}

struct route *route_choice_instead(const struct reach_target *target, const struct route *failed)
{
  char reason[256];
  struct route *route = NULL;
  if (forced() || failed->kind == &route_proc ||
      route_proc.open(target, &route, reason, sizeof reason) != 0)
    return NULL;
  return route;
}
