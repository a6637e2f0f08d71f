/* wishes.c - see wishes.h. */
#include "collector/wishes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/feeds.h"
#include "probe/reach/reach.h"

enum { COMMAND_BYTES = 64 };

static bool is_number(const char *wish)
{
  return wish[strspn(wish, "0123456789")] == '\0';
}

static bool read_command(pid_t pid, char ret_command[COMMAND_BYTES])
{
  char path[64], *text;
  size_t length;

  (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
  if (reach_machine_file(path, COMMAND_BYTES, &text, &length) < 0)
    return false;
  (void)snprintf(ret_command, COMMAND_BYTES, "%s", text);
  ret_command[strcspn(ret_command, "\n")] = '\0';
  free(text);
  return true;
}

static void add_pid(struct options *options, size_t wish, pid_t pid)
{
  size_t i = options->target_count;

  if (i == OPTIONS_TARGETS_MAX)
    return;
  (void)snprintf(options->pids[i], sizeof options->pids[i], "%d", (int)pid);
  options->targets[i] = options->pids[i];
  options->wish_of[i] = (uint8_t)wish;
  options->target_count++;
}

static int open_wish(const char *wish, pid_t *ret_pid)
{
  struct reach_target *target = NULL;
  int error;

  *ret_pid = is_number(wish) ? (pid_t)strtol(wish, NULL, 10) : 0;
  error = *ret_pid > 0 ? reach_open(*ret_pid, &target) : -ESRCH;
  reach_close(target);
  return error;
}

bool wishes_is_there(const char *wish)
{
  pid_t pid;

  return open_wish(wish, &pid) == 0;
}

void wishes_explain_missing(const char *wish, char *ret_text, size_t room)
{
  pid_t pid;
  int error = open_wish(wish, &pid);

  if (error == -ENOENT || error == -EACCES || error == -EPERM) /* it runs, but is hidden from us */
    reach_explain(pid, -EACCES, ret_text, room);
  else if (error == 0)
    (void)snprintf(ret_text, room,
                   "process %d was not read in time, the machine is too busy: try again", (int)pid);
  else
    (void)snprintf(ret_text, room, "no process \"%s\" that impasse can watch", wish);
}

void wishes_expand(struct options *options)
{
  size_t wishes = options->wish_count, count;
  pid_t *pids;

  if (wishes == 0 || feeds_speak_of_past(options) || reach_pids(&pids, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++) {
    char command[COMMAND_BYTES];

    if (!read_command(pids[i], command))
      continue; /* it has gone */
    for (size_t wish = 0; wish < wishes; wish++)
      if (!is_number(options->targets[wish]) && strcmp(options->targets[wish], command) == 0)
        add_pid(options, wish, pids[i]);
  }
  free(pids);
}
