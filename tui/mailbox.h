/*
 * mailbox.h - which rows of `actors` are worth a line among mailboxes, and which come first. Not here:
 * cells.
 */
#ifndef IMPASSE_TUI_MAILBOX_H
#define IMPASSE_TUI_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

/* How full it is beside others, in messages; of pipes and streams 4 KiB count as one. -1 unknown. */
int64_t mailbox_weight(const struct snapshot *snapshot, uint32_t row);

/* A machine has thousands of threads that sleep: a thread is there when it waits for somebody or
 * somebody for it. */
bool mailbox_is_shown(const struct snapshot *snapshot, uint32_t row);

/* Messages in all mailboxes; what counts bytes or connections is left out. */
int64_t mailbox_messages(const struct snapshot *snapshot);

#endif
