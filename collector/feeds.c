/* feeds.c - see feeds.h: the choice between the makers. */
#include "collector/feeds.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/paths.h"
#include "collector/sources.h"
#include "probe/reach/reach.h"
#include "store/harmless.h"

static_assert(PATHS_ROOM == 4096, "feeds_recording_path's parameter");

bool feeds_speak_of_past(const struct options *options)
{
  return options->db || options->at_ms != OPTION_UNSET || options->since_ms != OPTION_UNSET ||
         options->until_ms != OPTION_UNSET;
}

int feeds_recording_path(const struct options *options, char ret_path[4096],
                         struct complaint *complaint)
{
  if (!options->db) {
    if (paths_default_db(ret_path) == 0)
      return 0;
    return complaint_set(
        complaint, -ENOENT,
        "no recording found; start one with `impasse record`, or name one with --db DIR");
  }
  if (strlen(options->db) >= PATHS_ROOM)
    return complaint_set(complaint, -ENAMETOOLONG, "--db: the path is too long");
  strcpy(ret_path, options->db);
  return 0;
}

int feeds_check_targets(const struct options *options, struct complaint *complaint)
{
  for (size_t i = 0; i < options->wish_count; i++) {
    struct reach_target *target = NULL;
    char *end;
    long long pid = strtoll(options->targets[i], &end, 10);

    if (*end != '\0')
      continue; /* a name: it may still come */
    if (pid < 1 || pid > INT32_MAX || reach_open((pid_t)pid, &target) == -ESRCH)
      return complaint_set(complaint, -ESRCH, "no process %s; `ps -e` lists those that run",
                           options->targets[i]);
    reach_close(target);
  }
  return 0;
}

/* A recorder that refuses us is none for us: what we may see we sweep ourselves. That one hangs is
 * told, for somebody has to see to it. */
static int open_recorder(uv_loop_t *loop, const struct options *options, struct feed **ret_feed)
{
  char path[PATHS_ROOM];
  int error = -ENOENT;

  for (unsigned i = 0; paths_socket(i, path) == 0; i++) {
    error = feed_recorder_new(loop, path, options, ret_feed);
    if (error == 0)
      return 0;
    if (error == -ETIMEDOUT)
      (void)fprintf(stderr, "impasse: the recorder at %s does not answer; sweeping without it\n",
                    path);
  }
  return error;
}

void feeds_tell_exact(const char *name, const char *text)
{
  char *harmless = harmless_text(name, strlen(name), harmless_locale_is_utf8(), NULL);

  (void)fprintf(stderr, "impasse: --exact: %s: %s\n", harmless ? harmless : "?", text);
  free(harmless);
}

static int open_sweep(uv_loop_t *loop, const struct options *options, uint64_t interval_ns,
                      bool screen, struct feed **ret_feed, struct complaint *complaint)
{
  const struct sampler_setup setup = {
      .interval_ns =
          options->interval_ns == OPTION_UNSET ? interval_ns : (uint64_t)options->interval_ns,
      .targets = options->targets,
      .target_count = options->target_count,
      .exact = options->exact,
      .told = screen ? NULL : feeds_tell_exact,
  };
  int error = feed_sweep_new(loop, &setup, ret_feed);

  return error < 0 ? complaint_set(complaint, error, "cannot start to sweep: %s", strerror(-error))
                   : 0;
}

int feeds_open(uv_loop_t *loop, const struct options *options, uint64_t interval_ns, bool screen,
               struct feed **ret_feed, struct complaint *complaint)
{
  char path[PATHS_ROOM];
  int error;

  if (feeds_speak_of_past(options)) {
    error = feeds_recording_path(options, path, complaint);
    return error < 0 ? error : feed_recording_new(loop, path, ret_feed, complaint);
  }
  error = feeds_check_targets(options, complaint);
  if (error < 0)
    return error;
  if (options->exact && !sources_have_probes())
    (void)fprintf(stderr,
                  "impasse: --exact: no source of this build has probes; programs that link "
                  "libimpasse count exactly without them\n");
  /* What a recorder reads it reads without our probes. */
  if (options->interval_ns == OPTION_UNSET && !(options->exact && sources_have_probes()) &&
      open_recorder(loop, options, ret_feed) == 0)
    return 0;
  return open_sweep(loop, options, interval_ns, screen, ret_feed, complaint);
}
