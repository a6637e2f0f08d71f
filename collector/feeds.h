/*
 * feeds.h - the three makers of a feed (model/feed.h), and the choice between them.
 *
 *    a time or a recording named --> feed_recording   store/recording.h
 *    a recorder answers          --> feed_recorder    the socket of a running `impasse record`
 *    else                        --> feed_sweep       our own workers
 */
#ifndef IMPASSE_COLLECTOR_FEEDS_H
#define IMPASSE_COLLECTOR_FEEDS_H

#include <uv.h>

#include "collector/options.h"
#include "collector/sampler.h"
#include "model/feed.h"

/* Sweeps on our own; `setup`'s publish and context are not used. */
int feed_sweep_new(uv_loop_t *loop, const struct sampler_setup *setup, struct feed **ret_feed);
/* See model_thread_gap; only for a feed of feed_sweep_new. */
void feed_sweep_gap(struct feed *feed, const char *reason, int64_t since_ms, int64_t until_ms,
                    int64_t count);

/* The recorder that listens at `path`. Where `options` names targets, rows of others are left out.
 * Waits a second for its first snapshot. -ENOENT and -ECONNREFUSED where none listens, -ENOENT also
 * where it does not watch one of those that are named, -ETIMEDOUT where it hangs, -EACCES and the
 * rest as snapshot_client.h has them. */
int feed_recorder_new(uv_loop_t *loop, const char *path, const struct options *options,
                      struct feed **ret_feed);

/* The recording in a directory or file. */
int feed_recording_new(uv_loop_t *loop, const char *path, struct feed **ret_feed,
                       struct complaint *complaint);

/* Chooses by the options. Own sweeps come at options->interval_ns, where it is not given at
 * `interval_ns`; whoever gives it, or wants probes, gets sweeps of their own. What probes cost is said
 * on standard error, but to a `screen` in `gaps` alone. `options` must outlive the feed. 0 or -errno
 * with the complaint. */
int feeds_open(uv_loop_t *loop, const struct options *options, uint64_t interval_ns, bool screen,
               struct feed **ret_feed, struct complaint *complaint);

/* Says on standard error what --exact costs one target, or why it cannot be had there. */
void feeds_tell_exact(const char *name, const char *text);

/* Do the options name a time or a recording? */
bool feeds_speak_of_past(const struct options *options);

/* The recording that the options mean, named or not. 0 or -ENOENT with the complaint. */
int feeds_recording_path(const struct options *options, char ret_path[4096],
                         struct complaint *complaint);

/* Checks each --target that is a pid: -ESRCH with the complaint where there is no such process. */
int feeds_check_targets(const struct options *options, struct complaint *complaint);

#endif
