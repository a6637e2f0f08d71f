/*
 * cmd_doctor.c - `impasse doctor`: what this machine and this user can observe, and what to do
 * about the rest. Each check is a row: a name and a function that fills in a finding.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "collector/clock.h"
#include "collector/command.h"
#include "collector/paths.h"
#include "collector/prober.h"
#include "collector/sandbox.h"
#include "collector/snapshot_client.h"
#include "collector/sources.h"
#include "model/jsontext.h"
#include "probe/reach/broker.h"
#include "probe/reach/reach.h"

enum { RECORDER_PATIENCE_MS = 1000 };

enum level { LEVEL_OK, LEVEL_LIMITED, LEVEL_NO };
static const char *const level_words[] = {"ok", "limited", "no"};

struct finding_of {
  char name[32];
  enum level level;
  char what[256];
  const char *remedy;                   /* NULL: nothing to do */
  char own_remedy[SOURCE_REASON_BYTES]; /* where `remedy` is made and not constant */
};

static void found(struct finding_of *f, enum level level, const char *remedy, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

static void found(struct finding_of *f, enum level level, const char *remedy, const char *format,
                  ...)
{
  va_list arguments;

  f->level = level;
  f->remedy = remedy;
  va_start(arguments, format);
  (void)vsnprintf(f->what, sizeof(f->what), format, arguments); /* cut is fine */
  va_end(arguments);
}

/* First number in a file of /proc/sys, or `otherwise`. */
static long read_number(const char *path, long otherwise)
{
  char *text;
  size_t length;
  long number;

  if (reach_machine_file(path, 64, &text, &length) < 0)
    return otherwise;
  number = strtol(text, NULL, 10);
  free(text);
  return number;
}

/* --- reading other processes --- */

static void check_kernel(struct finding_of *f)
{
  struct utsname name;
  unsigned major = 0, minor = 0;

  if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
    found(f, LEVEL_LIMITED, NULL, "unknown");
  else if (major < 5 || (major == 5 && minor < 3))
    found(f, LEVEL_NO, "impasse needs Linux 5.3 or later (pidfd_open)", "%s %s", name.sysname,
          name.release);
  else
    found(f, LEVEL_OK, NULL, "%s %s, %s", name.sysname, name.release, name.machine);
}

static void check_pidfd(struct finding_of *f)
{
  int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

  if (fd < 0) {
    found(f, LEVEL_NO, "allow pidfd_open in the seccomp filter of this container", "pidfd_open: %s",
          strerror(errno));
    return;
  }
  (void)close(fd);
  found(f, LEVEL_OK, NULL, "processes are held by pidfd");
}

static void check_memfd(struct finding_of *f)
{
  int fd = memfd_create("impasse-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0) {
    found(f, LEVEL_NO, "allow memfd_create in the seccomp filter; hooked programs need it too",
          "memfd_create: %s", strerror(errno));
    return;
  }
  (void)close(fd);
  found(f, LEVEL_OK, NULL, "hooked programs can publish their state");
}

static void check_vm_readv(struct finding_of *f)
{
  char from = 'x', to = 0;
  struct iovec local = {&to, 1}, remote = {&from, 1};

  if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1 || to != 'x')
    found(f, LEVEL_LIMITED, "allow process_vm_readv in the seccomp filter of this container",
          "process_vm_readv: %s", strerror(errno));
  else
    found(f, LEVEL_OK, NULL, "memory of processes can be read where the kernel allows it");
}

/* Numbers of linux/capability.h, which has not all of them on every machine. */
enum {
  CAP_NUMBER_DAC_READ_SEARCH = 2,
  CAP_NUMBER_SYS_PTRACE = 19,
  CAP_NUMBER_PERFMON = 38,
};

static bool has_capability(unsigned number)
{
  return broker_capabilities() >> number & 1;
}

/* In a user namespace of its own a capability holds for who is in it. */
static const char *every_user(void)
{
  char *text = NULL;
  size_t length;
  unsigned inside, outside;
  unsigned long count = UINT32_MAX;

  if (reach_machine_file("/proc/self/uid_map", 1 << 16, &text, &length) == 0)
    (void)sscanf(text, "%u %u %lu", &inside, &outside, &count); /* else it is the first one */
  free(text);
  return count == UINT32_MAX ? "every user" : "every user of this container";
}

static void check_user(struct finding_of *f)
{
  uint64_t set = broker_capabilities();

  if (has_capability(CAP_NUMBER_SYS_PTRACE))
    found(f, LEVEL_OK, NULL, "uid %u, capabilities %" PRIx64 ": processes of %s", geteuid(), set,
          every_user());
  else
    found(f, LEVEL_LIMITED, "run as root, or let a recorder of root run and join the group impasse",
          "uid %u, capabilities %" PRIx64 ": only your own processes", geteuid(), set);
}

static void check_yama(struct finding_of *f)
{
  static const char *const words[] = {"0: your own processes can be read",
                                      "1: only descendants can be read",
                                      "2: only with CAP_SYS_PTRACE", "3: no process can be read"};
  long scope = read_number("/proc/sys/kernel/yama/ptrace_scope", 0);
  const char *remedy = "sysctl kernel.yama.ptrace_scope=0, or run as root; Erlang nodes need that, "
                       "hooked programs are "
                       "read all the same as long as they keep their memfd open";

  if (scope < 0 || scope > 3)
    scope = 3;
  if (scope == 0 || (scope < 3 && has_capability(CAP_NUMBER_SYS_PTRACE)))
    found(f, LEVEL_OK, NULL, "ptrace_scope %s", words[scope]);
  else
    found(f, scope == 3 ? LEVEL_NO : LEVEL_LIMITED, remedy, "ptrace_scope %s", words[scope]);
}

static void check_hidepid(struct finding_of *f)
{
  const char *mount = NULL;
  char *text, line[512];
  size_t length;

  if (reach_machine_file("/proc/self/mounts", 1 << 20, &text, &length) < 0) {
    found(f, LEVEL_LIMITED, NULL, "unknown");
    return;
  }
  for (const char *next = text; (next = strstr(next, " /proc proc ")); next++)
    mount = next; /* the last one covers the others */
  length = mount ? strcspn(mount, "\n") : 0;
  (void)snprintf(line, sizeof(line), "%.*s", (int)length, mount ? mount : "");
  if (strstr(line, "hidepid=") && !strstr(line, "hidepid=0") &&
      !has_capability(CAP_NUMBER_SYS_PTRACE))
    found(f, LEVEL_LIMITED, "mount /proc with hidepid=0, or with gid= of a group of yours",
          "hidepid is set: processes of other users are not even listed");
  else
    found(f, LEVEL_OK, NULL, "all processes are listed");
  free(text);
}

static void check_perf(struct finding_of *f)
{
  long paranoid = read_number("/proc/sys/kernel/perf_event_paranoid", 2);

  if (paranoid < 2 || has_capability(CAP_NUMBER_PERFMON))
    found(f, LEVEL_OK, NULL, "perf_event_paranoid %ld", paranoid);
  else
    found(f, LEVEL_OK, NULL, "perf_event_paranoid %ld; not needed by this version", paranoid);
}

/* --- what is given up, and what the broker keeps: asked once the sandbox stands --- */

static void rung_broker(struct finding_of *f)
{
  int error = sandbox_enter();

  if (error < 0)
    found(f, LEVEL_NO, "nothing can be swept; allow fork and socketpair here", "none: %s",
          strerror(-error));
  else if (broker_runs())
    found(f, LEVEL_OK, NULL,
          "a process of its own holds the capabilities for reading; what takes the bytes of "
          "programs apart has none");
  else
    found(f, LEVEL_OK, NULL, "none: there are no capabilities to keep apart");
}

static void rung_memory(struct finding_of *f)
{
  if (has_capability(CAP_NUMBER_SYS_PTRACE))
    found(f, LEVEL_OK, NULL, "CAP_SYS_PTRACE: memory of the processes of %s", every_user());
  else
    found(f, LEVEL_LIMITED, "run as root or with CAP_SYS_PTRACE",
          "no CAP_SYS_PTRACE: memory of your own processes only");
}

static void rung_files(struct finding_of *f)
{
  if (has_capability(CAP_NUMBER_DAC_READ_SEARCH))
    found(f, LEVEL_OK, NULL, "CAP_DAC_READ_SEARCH: what /proc tells of the processes of %s",
          every_user());
  else
    found(f, LEVEL_LIMITED, "run as root or with CAP_DAC_READ_SEARCH",
          "no CAP_DAC_READ_SEARCH: of other users' processes neither descriptors nor system calls");
}

/* --- impasse itself --- */

static void check_recorder(struct finding_of *f)
{
  char path[PATHS_ROOM] = "";

  for (unsigned i = 0; paths_socket(i, path) == 0; i++) {
    struct snapshot_client client;
    struct snapshot *newest = NULL;
    struct ucred peer = {0};
    socklen_t length = sizeof(peer);
    int error;

    if (snapshot_client_open(&client, path) < 0)
      continue;
    /* It worked when the client was opened. */
    (void)getsockopt(client.fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    error = snapshot_client_newest(&client, 0, RECORDER_PATIENCE_MS, -1, &newest);
    if (error == 0)
      found(f, LEVEL_OK, NULL, "runs as pid %d, answers at %s", peer.pid, path);
    else
      found(f, LEVEL_LIMITED, "see whether it is stopped, else end it and start it again",
            "pid %d at %.100s: %.100s", peer.pid, path, client.error);
    snapshot_unref(newest);
    snapshot_client_close(&client);
    return;
  }
  found(f, LEVEL_LIMITED, "start `impasse record` for a history and for quick answers",
        "none runs");
}

static void check_group(struct finding_of *f)
{
  gid_t group = paths_group(), groups[256];
  int count = getgroups(256, groups);
  bool member = geteuid() == 0 || getegid() == group;

  for (int i = 0; i < count; i++)
    member |= groups[i] == group;
  if (group == (gid_t)-1)
    found(f, LEVEL_LIMITED, "groupadd --system " PATHS_GROUP,
          "no group " PATHS_GROUP ": only root and its own user "
          "see what a recorder knows");
  else if (!member)
    found(f, LEVEL_LIMITED, "usermod --append --groups " PATHS_GROUP " YOU, then log in again",
          "you are not in the group " PATHS_GROUP);
  else
    found(f, LEVEL_OK, NULL, "you may ask a recorder of root");
}

/* The nearest folder that exists decides whether one can be made. */
static bool can_write(const char *path)
{
  char part[PATHS_ROOM];
  char *slash;

  strncpy(part, path, sizeof(part) - 1);
  part[sizeof(part) - 1] = '\0';
  while (access(part, F_OK) < 0 && (slash = strrchr(part, '/')) != NULL && slash != part)
    *slash = '\0';
  return access(part, W_OK | X_OK) == 0;
}

static void check_recording(struct finding_of *f)
{
  char path[PATHS_ROOM];

  if (paths_own_db(path) < 0)
    found(f, LEVEL_NO, "set HOME or XDG_STATE_HOME, or use --db DIR", "no place for a recording");
  else if (!can_write(path))
    found(f, LEVEL_NO, "use --db DIR", "%.200s cannot be written", path);
  else
    found(f, LEVEL_OK, NULL, "%.220s", path);
}

static void check_runtime_folder(struct finding_of *f)
{
  char path[PATHS_ROOM];

  if (paths_own_socket(path) < 0)
    found(f, LEVEL_LIMITED, "set XDG_RUNTIME_DIR", "no place for a recorder's socket");
  else if (!can_write(path))
    found(f, LEVEL_LIMITED, "set XDG_RUNTIME_DIR to a folder of yours", "%.200s cannot be made",
          path);
  else
    found(f, LEVEL_OK, NULL, "%.220s", path);
}

static void check_sqlite(struct finding_of *f)
{
  found(f, LEVEL_OK, NULL, "SQLite %s", sqlite3_libversion());
}

static void check_terminal(struct finding_of *f)
{
  const char *term = getenv("TERM");
  struct winsize size = {0};
  bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

  if (!isatty(STDOUT_FILENO))
    found(f, LEVEL_LIMITED, "`impasse top` prints once and ends here",
          "standard output is no terminal");
  else if (!term || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
    found(f, LEVEL_LIMITED, "set TERM", "TERM is not set");
  else if (size.ws_col < 40 || size.ws_row < 10)
    found(f, LEVEL_LIMITED, "make it larger: 40x10 at least", "%s, %ux%u", term, size.ws_col,
          size.ws_row);
  else
    found(f, LEVEL_OK, NULL, "%s, %ux%u, %s%s", term, size.ws_col, size.ws_row,
          utf8 ? "UTF-8" : "ASCII only", getenv("NO_COLOR") ? ", no colours (NO_COLOR)" : "");
}

struct check {
  const char *name;
  void (*check)(struct finding_of *f);
};

static const struct check checks[] = {
    {"kernel", check_kernel},
    {"pidfd", check_pidfd},
    {"memfd", check_memfd},
    {"read memory", check_vm_readv},
    {"user", check_user},
    {"yama", check_yama},
    {"hidepid", check_hidepid},
    {"perf", check_perf},
    {"recorder", check_recorder},
    {"group", check_group},
    {"recording", check_recording},
    {"socket", check_runtime_folder},
    {"sqlite", check_sqlite},
    {"terminal", check_terminal},
    /* from here on as a sweep has it */
    {"broker", rung_broker},
    {"memory of", rung_memory},
    {"files of", rung_files},
};
enum {
  CHECKS = sizeof(checks) / sizeof(checks[0]),
  FINDINGS_MAX = CHECKS + LADDER_RUNGS_MOST + 1 + SOURCES_MAX /* 1: who holds up */
};

/* --- what runs here --- */

/* Longer than a busy machine needs for one look, so that nobody is blamed for it. */
#define LOOK_PATIENCE_NS (3 * CLOCK_NS_PER_S)

struct census {
  unsigned readable, refused;
  char reason[SOURCE_REASON_BYTES]; /* of the first that is refused */
};

/* All of them are asked, but for those beneath one that reads the whole. */
static void ask_all(void *context, struct look *look)
{
  (void)context;
  for (size_t i = 0; sources[i]; i++)
    look->asked[i] = true;
}

/* Returns whether it was given up: the broker has less patience with some than we have. */
static bool count_look(struct census censuses[SOURCES_MAX], const struct look *look)
{
  bool given_up = look->error == -ETIMEDOUT;

  for (size_t i = 0; sources[i]; i++) {
    struct census *census = &censuses[i];

    if (!look->asked[i])
      continue;
    given_up |= look->verdicts[i] == -ETIMEDOUT;
    census->readable += look->verdicts[i] == SOURCE_MINE;
    if (look->verdicts[i] == SOURCE_MINE_UNREADABLE && census->refused++ == 0)
      memcpy(census->reason, look->reasons[i], sizeof(census->reason));
  }
  return given_up;
}

/* Returns how many hold up who looks at them. */
static unsigned count_some(struct census censuses[SOURCES_MAX], const pid_t *pids, size_t count)
{
  const struct prober_setup setup = {.plan = ask_all};
  struct prober *prober;
  unsigned held = 0;

  for (size_t i = 0, done; i < count; i += done) {
    bool all;

    if (prober_start(pids + i, count - i, &setup, &prober) < 0)
      return held; /* nobody is counted */
    all = prober_wait(prober, LOOK_PATIENCE_NS, &done);
    for (size_t k = 0; k < done; k++)
      held += count_look(censuses, prober_look(prober, k));
    if (all) {
      prober_free(prober);
    } else {
      prober_leave(prober);
      held++;
      done++;
    }
  }
  return held;
}

/* Asks all sources about all processes. Returns how many of those hold up who looks at them. */
static unsigned count_processes(struct census censuses[SOURCES_MAX])
{
  pid_t *pids;
  size_t count, others = 0;
  unsigned held = 0;

  if (reach_pids(&pids, &count) < 0)
    return 0; /* nobody is counted */
  for (size_t i = 0; i < count; i++)
    if (pids[i] != getpid() && pids[i] != broker_pid())
      pids[others++] = pids[i];
  for (size_t i = 0; i < others; i += PROBER_LOOKS_MAX)
    held += count_some(censuses, pids + i,
                       others - i < PROBER_LOOKS_MAX ? others - i : PROBER_LOOKS_MAX);
  free(pids);
  return held;
}

/* What a source reads, and how many processes of this machine that is now. */
static void tell_source(struct finding_of *f, const struct source *source,
                        const struct census *census)
{
  char refused[64] = "";

  if (census->refused > 0) {
    (void)snprintf(refused, sizeof(refused), ", %u more may not be read", census->refused);
    memcpy(f->own_remedy, census->reason, sizeof(f->own_remedy));
  }
  found(f, census->refused > 0 ? LEVEL_LIMITED : LEVEL_OK,
        census->refused > 0 ? f->own_remedy : NULL, "%u here now%s. %s", census->readable, refused,
        source->help);
  (void)snprintf(f->name, sizeof(f->name), "source %s", source->name);
}

static void tell_held(struct finding_of *f, unsigned held)
{
  if (held > 0)
    found(f, LEVEL_LIMITED,
          "impasse show targets names them; see what they run from: a file system that is gone?",
          "%u hold up who looks at them, and are not read", held);
  else
    found(f, LEVEL_OK, NULL, "all of them can be looked at without delay");
  (void)snprintf(f->name, sizeof(f->name), "processes");
}

static size_t find_sources(struct finding_of *list)
{
  struct census censuses[SOURCES_MAX] = {0};
  size_t count = 0;

  tell_held(&list[count++], count_processes(censuses));
  for (size_t i = 0; sources[i]; i++)
    tell_source(&list[count++], sources[i], &censuses[i]);
  return count;
}

/* Programs for the kernel, each tried. */
static size_t find_rungs(struct finding_of *list)
{
  struct ladder_rung rungs[LADDER_RUNGS_MOST];
  size_t count = ladder_climb(rungs);

  for (size_t i = 0; i < count; i++) {
    const struct ladder_rung *rung = &rungs[i];
    found(&list[i], rung->error ? LEVEL_LIMITED : LEVEL_OK, rung->error ? rung->without : NULL,
          "%s", rung->words);
    (void)snprintf(list[i].name, sizeof(list[i].name), "%s", rung->name);
  }
  return count;
}

/* What is checked, then what can be read. Returns how many there are. */
static size_t find_all(struct finding_of list[FINDINGS_MAX])
{
  size_t count = 0;

  for (size_t i = 0; i < CHECKS; i++) {
    struct finding_of *f = &list[count++];

    found(f, LEVEL_NO, NULL, "not checked");
    checks[i].check(f);
    (void)snprintf(f->name, sizeof(f->name), "%s", checks[i].name);
  }
  count += find_rungs(&list[count]);
  count += find_sources(&list[count]);
  return count;
}

/* --- printing --- */

static void print_table(const struct finding_of *list, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    (void)printf("%-8s %-12s %s\n", level_words[list[i].level], list[i].name, list[i].what);
    if (list[i].remedy)
      (void)printf("%-8s %-12s   -> %s\n", "", "", list[i].remedy);
  }
}

static void print_json(const struct finding_of *list, size_t count)
{
  char text[16384];
  struct jsontext json;

  jsontext_init(&json, text, sizeof(text));
  jsontext_array(&json, NULL);
  for (size_t i = 0; i < count; i++) {
    jsontext_object(&json, NULL);
    jsontext_text(&json, "check", list[i].name);
    jsontext_text(&json, "state", level_words[list[i].level]);
    jsontext_text(&json, "what", list[i].what);
    jsontext_text(&json, "remedy", list[i].remedy);
    jsontext_end(&json);
  }
  jsontext_end(&json);
  (void)puts(text); /* errors of the output are main's */
}

static int doctor(const struct options *options, struct complaint *complaint)
{
  struct finding_of list[FINDINGS_MAX];
  size_t count;

  if (options->arg_count > 0)
    return complaint_set(complaint, EXIT_TROUBLE, "doctor takes no arguments");
  count = find_all(list);
  if (strcmp(options->format, "json") == 0)
    print_json(list, count);
  else
    print_table(list, count);
  return EXIT_FINE;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .args = "",
    .help = "Tell what can be observed here, and what of it needs help",
    .manual = "Each line is ok, limited or no, what was found, and the remedy. The lines bpf ...\n"
              "are programs for the kernel, each tried here, and what is done without it:\n"
              "threads of your own programs are read without any. The last lines are the\n"
              "sources: what each reads, and how many such processes run here now.\n",
    .options = OPTION_BIT(FORMAT) | OPTION_BIT(JSON),
    .trouble_code = EXIT_TROUBLE,
    .run = doctor,
};
