/* rows.c - see rows.h. */
#include "collector/rows.h"

#include <errno.h>
#include <string.h>

#include "collector/command.h"
#include "collector/dump_snapshot.h"
#include "collector/feeds.h"
#include "collector/paths.h"
#include "collector/take.h"
#include "store/format.h"

static int open_live(struct rows *rows, struct complaint *complaint)
{
  int error = live_new(&rows->live);

  if (error < 0)
    return complaint_set(complaint, error, "cannot make tables of the snapshot: %s",
                         strerror(-error));
  live_show(rows->live, rows->snapshot);
  rows->sql = live_sql(rows->live);
  return 0;
}

static int open_instant(struct rows *rows, int64_t wall_ms, struct complaint *complaint)
{
  struct recording_error words = {""};
  int error = recording_snapshot(rows->recording, wall_ms, &rows->snapshot, &words);

  if (error == -ENODATA)
    return complaint_set(complaint, error, "nothing was recorded at or before that time");
  if (error < 0)
    return complaint_set(complaint, error, "%s", *words.text ? words.text : strerror(-error));
  return open_live(rows, complaint);
}

static int open_past(struct rows *rows, const struct options *options, bool whole_db,
                     struct complaint *complaint)
{
  struct recording_error words = {""};
  char path[PATHS_ROOM];
  int error = feeds_recording_path(options, path, complaint);

  if (error < 0)
    return error;
  error = recording_open(path, &rows->recording, &words);
  if (error < 0)
    return complaint_set(complaint, error, "%s", *words.text ? words.text : strerror(-error));
  if (options->at_ms != OPTION_UNSET)
    return open_instant(rows, options->at_ms, complaint);
  if (!whole_db && options->since_ms == OPTION_UNSET && options->until_ms == OPTION_UNSET)
    return open_instant(rows, FEED_NEWEST, complaint);
  rows->sql = recording_sql(rows->recording);
  return 0;
}

int rows_open(struct rows *rows, const struct options *options, bool whole_db,
              struct complaint *complaint)
{
  int error;

  *rows = (struct rows){0};
  if (options->at_ms != OPTION_UNSET &&
      (options->since_ms != OPTION_UNSET || options->until_ms != OPTION_UNSET))
    return complaint_set(complaint, -EINVAL,
                         "--at is one instant; leave it out, or --since and --until");
  if (options->crash_dump) {
    if (feeds_speak_of_past(options))
      return complaint_set(complaint, -EINVAL, "--crash-dump is of one instant, and no recording");
    error = dump_snapshot(options->crash_dump, &rows->snapshot, complaint);
    return error < 0 ? error : open_live(rows, complaint);
  }
  if (feeds_speak_of_past(options))
    return open_past(rows, options, whole_db, complaint);
  error = take_one(options, &rows->snapshot, complaint);
  return error < 0 ? error : open_live(rows, complaint);
}

void rows_close(struct rows *rows)
{
  live_free(rows->live);
  recording_free(rows->recording);
  snapshot_unref(rows->snapshot);
}

/* A reader that went away in mid-print has seen enough. */
static int finish(int error, const struct query_error *words, struct complaint *complaint)
{
  if (error == 0 || error == -EPIPE)
    return EXIT_FINE;
  return complaint_set(complaint, EXIT_TROUBLE, "%s",
                       *words->text ? words->text : strerror(-error));
}

static int open_sink(const struct options *options, int relation, struct query_sink **ret_sink,
                     struct complaint *complaint)
{
  int error = format_new(options->format, stdout, relation, ret_sink);

  return error < 0 ? complaint_set(complaint, EXIT_TROUBLE, "--format %s: %s", options->format,
                                   strerror(-error))
                   : EXIT_FINE;
}

int rows_print_query(struct rows *rows, const struct options *options, const char *sql,
                     struct complaint *complaint)
{
  struct query_error words = {""};
  struct query_sink *sink;
  int code = open_sink(options, FORMAT_NO_RELATION, &sink, complaint);

  if (code != EXIT_FINE)
    return code;
  code = finish(query_run(rows->sql, sql, NULL, sink, &words), &words, complaint);
  format_free(sink);
  return code;
}

int rows_print_show(struct rows *rows, const struct options *options, const struct query_show *show,
                    struct complaint *complaint)
{
  struct query_error words = {""};
  struct query_sink *sink;
  int code = open_sink(options, (int)show->relation, &sink, complaint);

  if (code != EXIT_FINE)
    return code;
  code = finish(query_show_run(rows->sql, show, NULL, sink, &words), &words, complaint);
  format_free(sink);
  return code;
}
