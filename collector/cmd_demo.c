/* cmd_demo.c - `impasse demo`: runs the demo program's shapes in this process until it is told to
 * end. */
#include "collector/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "demo/demo.h"

enum { SHAPES_MAX = 32, READY_POLL_MS = 10 };
static const int64_t SCALE_MAX = 2 * 1000 * 1000;

/* The shapes that the arguments name, each once or more; none named, or `all`, means all. */
static int demo_choose(const struct options *options, const struct demo_shape **shapes,
                       struct complaint *complaint)
{
  size_t count = 0;
  bool all = options->arg_count == 0;
  for (size_t i = 0; i < options->arg_count; i++) {
    const char *name = options->args[i];
    const struct demo_shape *shape = demo_shape_by_name(name);
    if (!shape && strcmp(name, "all") != 0)
      return complaint_set(complaint, -EINVAL,
                           "demo: there is no shape '%s'; see impasse demo --help", name);
    if (!shape)
      all = true;
    else if (count < SHAPES_MAX)
      shapes[count++] = shape;
  }
  if (all)
    for (count = 0; demo_shapes[count]; count++)
      shapes[count] = demo_shapes[count];
  shapes[count] = NULL;
  return 0;
}

static int64_t monotonic_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Waits for one of the signals until the deadline (OPTION_UNSET: for ever), looking at `ready`
 * meanwhile: each time until it holds. Returns whether it ever did. */
static bool demo_wait(struct demo *demo, const sigset_t *signals, int64_t deadline_ns)
{
  bool ready = false;
  for (;;) {
    if (!ready && demo_ready(demo)) {
      ready = true;
      puts("ready");
      (void)fflush(stdout); /* who reads it may be gone; the demo goes on */
    }
    int64_t left_ns = deadline_ns == OPTION_UNSET ? INT64_MAX : deadline_ns - monotonic_ns();
    if (left_ns <= 0)
      return ready;
    if (!ready && left_ns > READY_POLL_MS * INT64_C(1000000))
      left_ns = READY_POLL_MS * INT64_C(1000000);
    struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000),
                            .tv_nsec = left_ns % 1000000000};
    bool endless = ready && deadline_ns == OPTION_UNSET;
    if ((endless ? sigwaitinfo(signals, NULL) : sigtimedwait(signals, NULL, &left)) > 0)
      return ready;
  }
}

static int demo_fail(int error, struct complaint *complaint)
{
  if (error == -ENOTSUP)
    return complaint_set(
        complaint, EXIT_TROUBLE,
        "demo: the hook library could not start, so there would be nothing to see; it needs "
        "memfd_create(2) and memory for its region");
  return complaint_set(
      complaint, EXIT_TROUBLE,
      "demo: cannot start its actors: %s; try fewer with --scale, or raise the limit of "
      "threads (ulimit -u)",
      strerror(-error));
}

static int demo_run(const struct options *options, struct complaint *complaint)
{
  const struct demo_shape *shapes[SHAPES_MAX + 1];
  if (demo_choose(options, shapes, complaint) < 0)
    return EXIT_TROUBLE;
  if (options->scale != OPTION_UNSET && (options->scale < 1 || options->scale > SCALE_MAX))
    return complaint_set(complaint, EXIT_TROUBLE, "demo: --scale is a number from 1 to %lld",
                         (long long)SCALE_MAX);
  int64_t deadline_ns = OPTION_UNSET;
  if (options->duration_ns != OPTION_UNSET)
    deadline_ns = monotonic_ns() + options->duration_ns;

  /* Blocked before any thread is made, so that only the wait below gets them. */
  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, &before);

  /* In the column `target` it is not to be taken for the monitor. */
  (void)prctl(PR_SET_NAME, "impasse-demo");
  printf("impasse demo: pid %d\n", (int)getpid());
  (void)fflush(stdout); /* as above */
  struct demo *demo = NULL;
  unsigned scale = options->scale == OPTION_UNSET ? 0 : (unsigned)options->scale;
  int error = demo_start(shapes, scale, &demo);
  int code = EXIT_FINE;
  if (error < 0) {
    code = demo_fail(error, complaint);
  } else if (!demo_wait(demo, &signals, deadline_ns) && deadline_ns != OPTION_UNSET) {
    code = complaint_set(complaint, EXIT_TROUBLE, "demo: the time was over before %s was ready",
                         demo_unready(demo)->name);
  }
  demo_stop(demo);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

static void demo_list(FILE *out)
{
  for (const struct demo_shape *const *shape = demo_shapes; *shape; shape++)
    (void)fprintf(out, "  %-12s %s\n", (*shape)->name, (*shape)->help);
  (void)fprintf(out, "  %-12s %s\n", "all", "all of them, in one process");
}

const struct command cmd_demo = {
    .name = "demo",
    .args = "[SHAPE...]",
    .help = "Run a program that shows the failure shapes for real",
    .manual = "Runs real threads, locks and queues that are watched through the hook library,\n"
              "prints the process id, and `ready` when every shape has reached its state.\n"
              "It ends on SIGINT, SIGTERM, or after --duration.\n"
              "\n"
              "--scale sets the number of the shape's numerous actors: clients, callers,\n"
              "writers, the idle actors of healthy.\n"
              "\n"
              "The shapes; without a name, all of them:\n",
    .list = demo_list,
    .options = OPTION_BIT(DURATION) | OPTION_BIT(SCALE),
    .trouble_code = EXIT_TROUBLE,
    .run = demo_run,
};
