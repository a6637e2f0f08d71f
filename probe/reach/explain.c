/*
 * explain.c - turns "Operation not permitted" into who is meant and what to do about it.
 *
 * The kernel's check answers five different reasons with one errno. They are looked up here in the
 * order in which the kernel tests them (__ptrace_may_access in kernel/ptrace.c, then the security
 * modules; Linux 5.3 to 6.12), so the first that applies is the one that refused.
 *
 * Not here: deciding anything. Whoever reads simply tries, and asks for words only after a refusal.
 */
#include "probe/reach/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/reach/broker.h"
#include "probe/reach/reach.h"

enum { STATUS_BYTES = 16384, PATH_BYTES = 64 };

/* The text behind "\nLABEL", or NULL. A line break in front, since the name of the process comes
 * first and is free. */
static const char *status_field(const char *status, const char *label)
{
  for (const char *line = status; (line = strchr(line, '\n')); line++)
    if (strncmp(line + 1, label, strlen(label)) == 0)
      return line + 1 + strlen(label);
  return NULL;
}

bool explain_status_capabilities(const char *status, const char *label, uint64_t *ret_capabilities)
{
  const char *text = status_field(status, label);
  return text && sscanf(text, "%" SCNx64, ret_capabilities) == 1;
}

bool explain_status_ids(const char *status, const char *label, unsigned ret_ids[3])
{
  const char *text = status_field(status, label);
  return text && sscanf(text, "%u %u %u", &ret_ids[0], &ret_ids[1], &ret_ids[2]) == 3;
}

static bool all_are(const unsigned ids[3], unsigned id)
{
  return ids[0] == id && ids[1] == id && ids[2] == id;
}

static void gather_theirs(const char *status, uint64_t ours, struct explain_facts *facts)
{
  unsigned uids[3], gids[3];
  uint64_t permitted;
  if (!explain_status_ids(status, "Uid:", uids) || !explain_status_ids(status, "Gid:", gids))
    return;
  facts->known = true;
  facts->uid = uids[0];
  facts->other_user = !all_are(uids, geteuid()) || !all_are(gids, getegid());
  if (explain_status_capabilities(status, "CapPrm:", &permitted))
    facts->capabilities = permitted & ~ours;
}

/* The files (not the directory) of a process that is not dumpable belong to root: task_dump_owner,
 * fs/proc/base.c. */
static bool is_undumpable(const char *status_path, const struct explain_facts *facts)
{
  struct stat file;
  return facts->known && facts->uid != 0 && stat(status_path, &file) == 0 && file.st_uid == 0;
}

static int gather_yama(void)
{
  char *text = NULL;
  int scope = 0;
  if (reach_machine_file("/proc/sys/kernel/yama/ptrace_scope", PATH_BYTES, &text, NULL) == 0)
    scope = atoi(text);
  free(text);
  return scope;
}

void explain_gather(pid_t pid, struct explain_facts *ret_facts)
{
  char path[PATH_BYTES];
  char *status = NULL;
  uint64_t ours = broker_capabilities();
  struct explain_facts facts = {.yama = gather_yama(),
                                .privileged = ours >> CAP_SYS_PTRACE & 1,
                                .enters = ours >> CAP_DAC_READ_SEARCH & 1};

  (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid); /* a pid always fits */
  int error = reach_machine_file(path, STATUS_BYTES, &status, NULL);
  if (error == -ENOENT || error == -ESRCH) {
    /* Signal 0 reaches nobody but tells whether the number is taken. */
    facts.hidden = pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
    facts.gone = !facts.hidden;
  } else if (error) {
    facts.hidden = true; /* hidepid=1 shows the directory and opens nothing in it */
  } else {
    gather_theirs(status, ours, &facts);
    facts.undumpable = is_undumpable(path, &facts);
  }
  free(status);
  *ret_facts = facts;
}

static bool is_gone(const struct explain_facts *f)
{
  return f->gone;
}

static bool is_hidden(const struct explain_facts *f)
{
  return f->hidden && !f->privileged;
}

static bool is_of_other_user(const struct explain_facts *f)
{
  return f->other_user && !f->privileged;
}

static bool is_undumpable_to_us(const struct explain_facts *f)
{
  return f->undumpable && !f->privileged;
}

static bool has_capabilities(const struct explain_facts *f)
{
  return f->capabilities && !f->privileged;
}

static bool yama_children_only(const struct explain_facts *f)
{
  return f->yama == 1 && !f->privileged;
}

static bool yama_privileged_only(const struct explain_facts *f)
{
  return f->yama == 2 && !f->privileged;
}

static bool yama_nobody(const struct explain_facts *f)
{
  return f->yama >= 3;
}

static bool is_closed(const struct explain_facts *f)
{
  return f->other_user && f->privileged && !f->enters;
}

static bool is_unprivileged(const struct explain_facts *f)
{
  return !f->privileged;
}

static bool always(const struct explain_facts *f)
{
  (void)f;
  return true;
}

static const struct {
  bool (*applies)(const struct explain_facts *facts);
  const char *words; /* behind "process PID " */
  const char *remedy;
} reasons[] = {
    {is_gone, "has gone", "nothing is left to read"},
    {is_hidden, "is hidden by /proc (mounted with hidepid)",
     "run as root, or as a member of the group that the mount option gid= names"},
    {is_of_other_user, "belongs to another user", "run as that user or as root"},
    {is_undumpable_to_us,
     "is not dumpable (it changed its user, was started set-user-id, or asked for it)",
     "run as root, or let the program call prctl(PR_SET_DUMPABLE, 1)"},
    {has_capabilities, "holds capabilities that impasse does not",
     "run as root or with CAP_SYS_PTRACE"},
    {yama_children_only,
     "is guarded by Yama (kernel.yama.ptrace_scope = 1: only a parent may read it)",
     "run as root, set kernel.yama.ptrace_scope to 0, or let the program call "
     "prctl(PR_SET_PTRACER)"},
    {yama_privileged_only,
     "is guarded by Yama (kernel.yama.ptrace_scope = 2: only administrators may read it)",
     "run as root or with CAP_SYS_PTRACE"},
    {yama_nobody, "is guarded by Yama (kernel.yama.ptrace_scope = 3: nobody may read it)",
     "change the setting, which needs a reboot"},
    {is_closed, "belongs to another user, whose files in /proc impasse may not open",
     "run as root, or with CAP_DAC_READ_SEARCH beside CAP_SYS_PTRACE"},
    {is_unprivileged, "refuses to be read (a security module or a container forbids it)",
     "run as root; in a container, add the capability SYS_PTRACE"},
    {always, "refuses to be read even by the privileged (a security module forbids it)",
     "ask its administrator, or run impasse on the side of the process"},
};

void explain_words(pid_t pid, int error, const struct explain_facts *facts, char *ret_text,
                   size_t room)
{
  bool refused = error == -EPERM || error == -EACCES;
  if (!refused && error != -ESRCH && !facts->gone) {
    char words[128];
    (void)snprintf(ret_text, room, "process %d cannot be read: %s", (int)pid,
                   strerror_r(abs(error), words, sizeof words));
    return;
  }
  struct explain_facts seen = *facts;
  seen.gone |=
      error == -ESRCH && !facts->hidden; /* its number may have found a new owner meanwhile */
  size_t i = 0;
  while (!reasons[i].applies(&seen)) /* the last one always does */
    i++;
  char user[32] = "";
  if (reasons[i].applies == is_of_other_user && seen.known)
    (void)snprintf(user, sizeof user, " (uid %u)", (unsigned)seen.uid); /* always fits */
  /* Cut where there is no room: the reason stands first. */
  (void)snprintf(ret_text, room, "process %d %s%s: %s", (int)pid, reasons[i].words, user,
                 reasons[i].remedy);
}

void reach_explain(pid_t pid, int error, char *ret_text, size_t room)
{
  struct explain_facts facts;
  explain_gather(pid, &facts);
  explain_words(pid, error, &facts, ret_text, room);
}
