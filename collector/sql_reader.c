/* sql_reader.c - see sql_reader.h. */
#include "collector/sql_reader.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/job_thread.h"
#include "store/format.h"
#include "store/live.h"
#include "store/query.h"
#include "store/recording.h"

struct sql_reader {
  struct job_thread *thread;
  struct live *live; /* one of the two */
  struct recording *recording;
  atomic_bool cancel;
};

struct select_job {
  struct sql_reader *reader;
  struct snapshot *snapshot;
  char *sql, *format;
  struct feed_call *call;
};

struct snapshot_job {
  struct sql_reader *reader;
  int64_t wall_ms;
  struct feed_call *call;
};

static int select_text(struct select_job *job, char **ret_text, struct query_error *error)
{
  struct sql_reader *reader = job->reader;
  const struct query_limits limits = {.cancel = &reader->cancel};
  struct query_sink *sink = NULL;
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  int result = -ENOMEM;

  if (!out)
    return -ENOMEM;
  result = format_new(job->format, out, FORMAT_NO_RELATION, &sink);
  if (result < 0) {
    (void)snprintf(error->text, sizeof(error->text), "no format \"%s\"", job->format);
    goto out;
  }
  if (reader->live)
    live_show(reader->live, job->snapshot);
  result = query_run(reader->live ? live_sql(reader->live) : recording_sql(reader->recording),
                     job->sql, &limits, sink, error);
  if (reader->live)
    live_show(reader->live, NULL);
out:
  format_free(sink);
  if (fclose(out) != 0 && result == 0)
    result = -ENOMEM;
  if (result == 0)
    *ret_text = text;
  else
    free(text);
  return result;
}

static void select_run(void *data, bool cancelled)
{
  struct select_job *job = data;
  struct query_error error = {""};
  char *text = NULL;
  int result = cancelled ? -ECANCELED : select_text(job, &text, &error);

  feed_call_answer(job->call, result,
                   result == 0   ? text
                   : *error.text ? error.text
                                 : strerror(-result));
  free(text);
  snapshot_unref(job->snapshot);
  free(job->sql);
  free(job->format);
  free(job);
}

void sql_reader_select(struct sql_reader *reader, const struct snapshot *snapshot, const char *sql,
                       const char *format, struct feed_call *call)
{
  struct select_job *job = calloc(1, sizeof(*job));
  int result = -ENOMEM;

  if (job) {
    *job = (struct select_job){
        .reader = reader, .sql = strdup(sql), .format = strdup(format), .call = call};
    job->snapshot = snapshot ? snapshot_ref(snapshot) : NULL;
    if (job->sql && job->format)
      result = job_thread_add(reader->thread, select_run, job);
  }
  if (result == 0)
    return;
  feed_call_answer(call, result, strerror(-result));
  if (job) {
    snapshot_unref(job->snapshot);
    free(job->sql);
    free(job->format);
    free(job);
  }
}

static void snapshot_run(void *data, bool cancelled)
{
  struct snapshot_job *job = data;
  struct recording_error error = {""};
  struct snapshot *snapshot = NULL;
  int result = cancelled
                   ? -ECANCELED
                   : recording_snapshot(job->reader->recording, job->wall_ms, &snapshot, &error);

  if (result == -ENODATA)
    result = -ENOENT; /* nothing there at that time */
  feed_call_snapshot(job->call, result,
                     result == 0   ? NULL
                     : *error.text ? error.text
                                   : strerror(-result),
                     snapshot);
  snapshot_unref(snapshot);
  free(job);
}

void sql_reader_snapshot(struct sql_reader *reader, int64_t wall_ms, struct feed_call *call)
{
  struct snapshot_job *job = malloc(sizeof(*job));
  int result = -ENOMEM;

  if (job) {
    *job = (struct snapshot_job){.reader = reader, .wall_ms = wall_ms, .call = call};
    result = job_thread_add(reader->thread, snapshot_run, job);
  }
  if (result == 0)
    return;
  feed_call_snapshot(call, result, strerror(-result), NULL);
  free(job);
}

int sql_reader_start(struct recording *recording, struct sql_reader **ret_reader)
{
  struct sql_reader *reader = calloc(1, sizeof(*reader));
  int error = reader ? 0 : -ENOMEM;

  if (error == 0 && !recording)
    error = live_new(&reader->live);
  if (error == 0)
    error = job_thread_start(&reader->thread);
  if (error < 0) {
    if (reader)
      live_free(reader->live);
    free(reader);
    return error;
  }
  reader->recording = recording;
  *ret_reader = reader;
  return 0;
}

void sql_reader_stop(struct sql_reader *reader)
{
  if (!reader)
    return;
  atomic_store(&reader->cancel, true);
  job_thread_stop(reader->thread);
  live_free(reader->live);
  recording_free(reader->recording);
  free(reader);
}
