/*
 * subject.c - a hooked program that does to itself what programs do: forks, execs, closes its descriptors, or lies.
 *
 * usage: subject ACTION [PID]
 * It has two actors, subject_a and subject_b, that wait for each other (recorded only, nothing blocks), prints `ready`,
 * waits for SIGUSR1, does ACTION, prints `done PID` (PID: of its child where there is one, else its own) and waits
 * for its end. Actions that lie open no actors of their own.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fcntl.h>

#include "probe/hook/impasse.h"

/* Nobody is left behind should the test be killed. */
enum { LIFE_S = 600 };

static int child_pid;

static void wait_for(int signal)
{
  sigset_t set;
  int got;
  sigemptyset(&set);
  sigaddset(&set, signal);
  (void)sigwait(&set, &got); /* fails for signals that do not exist only */
}

static void open_circle(void)
{
  struct impasse_actor a = impasse_actor_open(impasse_registered("subject_a"));
  struct impasse_actor b = impasse_actor_open(impasse_registered("subject_b"));
  impasse_call_begin(a, b.ref, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
  impasse_call_begin(b, a.ref, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
}

/* --- what programs do --- */

static bool do_nothing(const char *argument)
{
  (void)argument;
  return true;
}

/* The child has an actor of its own, and none of its parent's. */
static bool do_fork(const char *argument)
{
  (void)argument;
  child_pid = fork();
  if (child_pid != 0)
    return child_pid > 0;
  alarm(LIFE_S);
  impasse_actor_open(impasse_registered("subject_child"));
  wait_for(SIGTERM);
  exit(0);
}

/* The child never calls the library, but has inherited its memory and descriptors. */
static bool do_fork_quietly(const char *argument)
{
  (void)argument;
  child_pid = fork();
  if (child_pid != 0)
    return child_pid > 0;
  alarm(LIFE_S);
  wait_for(SIGTERM);
  _exit(0);
}

static bool do_exec(const char *argument)
{
  (void)argument;
  printf("done %d\n", (int)getpid());
  (void)fflush(stdout);
  execlp("sleep", "sleep", "600", (char *)NULL);
  return false;
}

/* As a daemon does. */
static bool do_close(const char *argument)
{
  (void)argument;
  return close_range(3, ~0u, 0) == 0;
}

/* --- what liars do --- */

/* Maps the region of another process and keeps it open, as if it were its own. */
static bool do_claim(const char *argument)
{
  char folder[64];
  (void)snprintf(folder, sizeof folder, "/proc/%d/fd", atoi(argument));
  DIR *descriptors = opendir(folder);
  if (!descriptors)
    return false;
  bool claimed = false;
  for (struct dirent *entry; !claimed && (entry = readdir(descriptors));) {
    char link[128];
    ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, link, sizeof link - 1);
    if (length < 0)
      continue;
    link[length] = '\0';
    if (strncmp(link, "/memfd:impasse", strlen("/memfd:impasse")) != 0)
      continue;
    int region = openat(dirfd(descriptors), entry->d_name, O_RDWR | O_CLOEXEC);
    claimed = region >= 0 && mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                                  region, 0) != MAP_FAILED;
  }
  closedir(descriptors);
  return claimed;
}

/* Open and mapped, as a region is. */
static int make_region(off_t bytes, unsigned seals)
{
  int region = memfd_create(IMPASSE_REGION_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (region < 0 || ftruncate(region, bytes) < 0 || fcntl(region, F_ADD_SEALS, seals) < 0)
    return -1;
  if (mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0) == MAP_FAILED)
    return -1;
  return region;
}

/* A region that ends in the middle of its header. */
static bool do_truncate(const char *argument)
{
  (void)argument;
  return make_region(100, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) >= 0;
}

/* A region that could be truncated under the reader. */
static bool do_unseal(const char *argument)
{
  (void)argument;
  return make_region(IMPASSE_FILE_BYTES, 0) >= 0;
}

/* A region of the right shape whose header is noise. */
static bool do_garble(const char *argument)
{
  (void)argument;
  int region = make_region(IMPASSE_FILE_BYTES, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  unsigned char noise[IMPASSE_HEADER_BYTES];
  for (size_t i = 0; i < sizeof noise; i++)
    noise[i] = (unsigned char)(i * 37 + 11);
  return region >= 0 && pwrite(region, noise, sizeof noise, 0) == (ssize_t)sizeof noise;
}

static const struct {
  const char *name;
  bool hooked;
  bool (*act)(const char *argument);
} actions[] = {
    {"nothing", true, do_nothing},
    {"fork", true, do_fork},
    {"fork_quietly", true, do_fork_quietly},
    {"exec", true, do_exec},
    {"close", true, do_close},
    {"claim", false, do_claim},
    {"truncate", false, do_truncate},
    {"unseal", false, do_unseal},
    {"garble", false, do_garble},
};

int main(int argc, char **argv)
{
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  alarm(LIFE_S);

  for (size_t i = 0; argc >= 2 && i < sizeof actions / sizeof actions[0]; i++) {
    if (strcmp(actions[i].name, argv[1]) != 0)
      continue;
    if (actions[i].hooked)
      open_circle();
    puts("ready");
    (void)fflush(stdout);
    wait_for(SIGUSR1);
    if (!actions[i].act(argc > 2 ? argv[2] : "")) {
      perror(argv[1]);
      return 1;
    }
    printf("done %d\n", child_pid ? child_pid : (int)getpid());
    (void)fflush(stdout);
    wait_for(SIGTERM);
    return 0;
  }
  fputs("usage: subject ACTION [PID]\n", stderr);
  return 2;
}
