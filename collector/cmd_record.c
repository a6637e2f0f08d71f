/*
 * cmd_record.c - `impasse record`: sweeps, writes every tick to a recording, and hands the newest
 * snapshot to the other commands of this machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "collector/clock.h"
#include "collector/command.h"
#include "collector/feeds.h"
#include "collector/loop.h"
#include "collector/paths.h"
#include "collector/snapshot_socket.h"
#include "collector/writer_thread.h"

#define DAYS_DEFAULT 7
#define BYTES_DEFAULT (INT64_C(2) << 30)

struct record {
  const struct options *options;
  uv_loop_t loop;
  uv_signal_t interrupt, terminate, hangup;
  uv_timer_t duration;
  struct feed *feed;
  struct snapshot_socket *socket;
  struct writer_thread *writer;
  uint64_t last_tick;
  int64_t last_ms;
};

/* --- what happens --- */

/* Ticks that the loop was too late for are not recorded: that is told. */
static void count_skipped(struct record *r, const struct snapshot_about *about)
{
  if (r->last_tick != 0 && about->tick > r->last_tick + 1)
    feed_sweep_gap(r->feed, "ticks not recorded: the recorder was held up", r->last_ms,
                   about->now.wall_ms, (int64_t)(about->tick - r->last_tick - 1));
  r->last_tick = about->tick;
  r->last_ms = about->now.wall_ms;
}

static void on_snapshot(void *context, int error, const char *text, const struct snapshot *snapshot)
{
  struct record *r = context;
  struct snapshot_about about;

  (void)text;
  if (error < 0)
    return; /* our own sweeps do not fail as a whole */
  about = snapshot_about(snapshot);
  count_skipped(r, &about);
  writer_thread_put(r->writer, snapshot);
  if (r->socket)
    snapshot_socket_show(r->socket, snapshot);
}

static void on_gap(void *context, const char *reason, int64_t since_ms, int64_t until_ms,
                   int64_t count)
{
  struct record *r = context;

  feed_sweep_gap(r->feed, reason, since_ms, until_ms, count);
}

static void on_state(void *context, int error, const char *text)
{
  (void)context;
  if (error < 0)
    (void)fprintf(stderr, "impasse: recording stopped: %s; it resumes by itself\n", text);
  else
    (void)fprintf(stderr, "impasse: recording goes on\n");
}

static void on_signal(uv_signal_t *handle, int number)
{
  (void)number;
  uv_stop(handle->loop);
}

static void on_duration(uv_timer_t *timer)
{
  uv_stop(timer->loop);
}

/* --- beginning and end --- */

/* Whoever sweeps has given up what lets root write everywhere. */
static int refuse_folder(const char *dir, int error, const char *words, struct complaint *complaint)
{
  struct stat folder;

  if (error == -EACCES && geteuid() == 0 && stat(dir, &folder) == 0 && folder.st_uid != 0)
    return complaint_set(complaint, error,
                         "%s belongs to user %u, and impasse gives up the rights of root before it "
                         "reads any program: `chown root %s`, or name another folder with --db DIR",
                         dir, (unsigned)folder.st_uid, dir);
  return complaint_set(complaint, error, "%s: %s; name another folder with --db DIR", dir, words);
}

static int open_writer(struct record *r, const char *dir, struct complaint *complaint)
{
  const struct options *o = r->options;
  const struct writer_thread_setup setup = {
      .dir = dir,
      .options = {.keep_days = o->days == OPTION_UNSET ? DAYS_DEFAULT : (unsigned)o->days,
                  .keep_bytes = o->bytes == OPTION_UNSET ? BYTES_DEFAULT : o->bytes},
      .gap = on_gap,
      .state = on_state,
      .context = r,
  };
  struct writer_error words = {""};
  int error = paths_make_folder(dir);

  if (error < 0)
    return refuse_folder(dir, error, strerror(-error), complaint);
  if (access(dir, W_OK | X_OK) != 0)
    return refuse_folder(dir, -errno, strerror(errno), complaint);
  error = writer_thread_start(&setup, &r->writer, &words);
  return error < 0
             ? complaint_set(complaint, error, "%s", *words.text ? words.text : strerror(-error))
             : 0;
}

/* Without the socket there is still a recording: said, and gone on. */
static int open_socket(struct record *r, struct complaint *complaint)
{
  char path[PATHS_ROOM] = "";
  int error = paths_own_socket(path);
  const struct snapshot_socket_setup setup = {
      .path = path, .group = paths_group(), .feed = r->feed};

  if (error == 0)
    error = snapshot_socket_open(&r->loop, &setup, &r->socket);
  if (error == -EADDRINUSE)
    return complaint_set(complaint, error, "a recorder is running already: it answers at %s", path);
  if (error < 0)
    (void)fprintf(stderr, "impasse: other commands cannot ask this recorder: %s: %s\n",
                  *path ? path : "no place for its socket", strerror(-error));
  return 0;
}

static void tell_places(const struct record *r, const char *dir)
{
  char path[PATHS_ROOM];

  if (r->socket && paths_own_socket(path) == 0)
    (void)fprintf(stderr, "impasse: other commands are answered at %s\n", path);
  (void)fprintf(stderr, "impasse: recording to %s\n", dir);
}

static void start_signals(struct record *r)
{
  uv_signal_t *const handles[] = {&r->interrupt, &r->terminate, &r->hangup};
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

  for (size_t i = 0; i < 3; i++) {
    (void)uv_signal_init(&r->loop, handles[i]); /* these cannot fail on a fresh loop */
    (void)uv_signal_start(handles[i], on_signal, numbers[i]);
  }
  if (r->options->duration_ns == OPTION_UNSET)
    return;
  (void)uv_timer_init(&r->loop, &r->duration);
  (void)uv_timer_start(&r->duration, on_duration,
                       (uint64_t)r->options->duration_ns / CLOCK_NS_PER_MS, 0);
}

static int start(struct record *r, const char *dir, struct complaint *complaint)
{
  const struct sampler_setup sampler = {
      .interval_ns = r->options->interval_ns == OPTION_UNSET ? SAMPLER_INTERVAL_NS
                                                             : (uint64_t)r->options->interval_ns,
      .targets = r->options->targets,
      .target_count = r->options->target_count,
      .exact = r->options->exact,
      .told = feeds_tell_exact,
  };
  int error = feeds_check_targets(r->options, complaint);

  if (error < 0)
    return error;
  error = feed_sweep_new(&r->loop, &sampler, &r->feed);
  if (error < 0)
    return complaint_set(complaint, error, "cannot start to sweep: %s", strerror(-error));
  error = open_socket(r, complaint);
  if (error == 0)
    error = open_writer(r, dir, complaint);
  if (error < 0)
    return error;
  start_signals(r);
  tell_places(r, dir);
  r->feed->ops->subscribe(r->feed, on_snapshot, r);
  return 0;
}

/* The writer goes first, for it tells its gaps to the feed; the socket before the feed that answers
 * its questions. */
static void end(struct record *r)
{
  struct writer_stats stats = {0};
  bool recorded = r->writer != NULL;

  stats = writer_thread_stop(r->writer);
  snapshot_socket_close(r->socket);
  feed_close(r->feed);
  loop_end(&r->loop);
  if (recorded)
    (void)fprintf(
        stderr, "impasse: recorded %" PRIu64 " ticks, %" PRIu64 " rows; %" PRIu64 " ticks failed\n",
        stats.ticks, stats.rows, stats.failed);
}

static int record(const struct options *options, struct complaint *complaint)
{
  struct record r = {.options = options};
  char dir[PATHS_ROOM];
  int error = 0;

  if (options->arg_count > 0)
    return complaint_set(complaint, EXIT_TROUBLE,
                         "record takes no arguments; for one process: --target %s",
                         options->args[0]);
  if (options->db && strlen(options->db) >= sizeof(dir))
    return complaint_set(complaint, EXIT_TROUBLE, "--db: the path is too long");
  if (options->db)
    strcpy(dir, options->db);
  else if (paths_own_db(dir) < 0)
    return complaint_set(complaint, EXIT_TROUBLE,
                         "no place for a recording: set HOME, or name a folder with --db DIR");
  error = loop_begin(&r.loop);
  if (error < 0)
    return complaint_set(complaint, EXIT_TROUBLE, "cannot make an event loop: %s",
                         uv_strerror(error));
  error = start(&r, dir, complaint);
  if (error == 0)
    (void)uv_run(&r.loop, UV_RUN_DEFAULT); /* until a signal or --duration */
  end(&r);
  return error < 0 ? EXIT_TROUBLE : EXIT_FINE;
}

const struct command cmd_record = {
    .name = "record",
    .args = "",
    .help = "Record everything, and answer for the other commands",
    .manual = "Writes each tick to the recording in --db DIR, readable with the stock sqlite3\n"
              "and with --db of the other commands, and keeps --days and --bytes of it.\n"
              "While it runs, top, show, query, check and watch of the same user, of root and\n"
              "of the group impasse get their snapshots from it and do not sweep themselves.\n"
              "Ends orderly on SIGINT, SIGTERM or after --duration.\n",
    .options = OPTION_BIT(TARGET) | OPTION_BIT(DB) | OPTION_BIT(DAYS) | OPTION_BIT(BYTES) |
               OPTION_BIT(INTERVAL) | OPTION_BIT(DURATION) | OPTION_BIT(EXACT),
    .trouble_code = EXIT_TROUBLE,
    .run = record,
};
