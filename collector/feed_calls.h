/*
 * feed_calls.h - what the three makers of a feed (model/feed.h) share: questions are answered on
 * the loop's thread, in their order, whatever thread knows the answer first; and the newest
 * snapshot, for those who ask and subscribe.
 *
 *    loop: feed_calls_add_...() --> feed_call --(any thread)--> feed_call_answer()
 *    loop: callback <-- uv_async <----------------------------------'
 *
 * Snapshots that come faster than the loop takes them are overwritten by newer ones.
 */
#ifndef IMPASSE_COLLECTOR_FEED_CALLS_H
#define IMPASSE_COLLECTOR_FEED_CALLS_H

#include <stdint.h>
#include <uv.h>

#include "model/feed.h"

struct feed_calls;
struct feed_call;

int feed_calls_new(uv_loop_t *loop, struct feed_calls **ret_calls);

/* No callback comes any more; calls that are still open may be answered, into the void. NULL is
 * fine. Loop's thread. */
void feed_calls_close(struct feed_calls *calls);

/* --- the loop's thread --- */

/* A question, to be answered by feed_call_answer or feed_call_snapshot, once. Without memory the
 * callback is called with -ENOMEM at once and NULL returned. */
struct feed_call *feed_calls_add_answer(struct feed_calls *calls, feed_answer_fn *answer,
                                        void *context);
struct feed_call *feed_calls_add_snapshot(struct feed_calls *calls, feed_snapshot_fn *answer,
                                          void *context);

/* A question for the newest snapshot: answered by it, or by the first one that will be
 * published. */
void feed_calls_ask_newest(struct feed_calls *calls, feed_snapshot_fn *answer, void *context);
void feed_calls_subscribe(struct feed_calls *calls, feed_snapshot_fn *each, void *context);

/* --- any thread --- */

void feed_call_answer(struct feed_call *call, int error, const char *text);
void feed_call_snapshot(struct feed_call *call, int error, const char *text,
                        const struct snapshot *snapshot);

void feed_calls_publish(struct feed_calls *calls, const struct snapshot *snapshot);
/* There will be no snapshot for now: open and later questions for the newest, and the subscriber,
 * get the error. Until the next feed_calls_publish. */
void feed_calls_fail(struct feed_calls *calls, int error, const char *text);

/* A reference, or NULL. */
struct snapshot *feed_calls_newest(struct feed_calls *calls);

#endif
