/*
 * claim.h - the directory of a recording belongs to one recorder at a time.
 *
 * Two connections that write or checkpoint at once can corrupt a WAL database (SQLite before
 * 3.51.3), so that a second recorder must be kept out whatever it is. The kernel lets the lock go
 * when its holder ends, however it ends.
 */
#ifndef IMPASSE_STORE_CLAIM_H
#define IMPASSE_STORE_CLAIM_H

#include <stddef.h>

/* Makes the directory (0750, group impasse) where there is none and locks DIR/impasse.lock; closing
 * *ret_fd lets it go. -EBUSY where another recorder has it, else -errno; then `text` says it in one
 * line. */
int claim_take(const char *dir, int *ret_fd, char *text, size_t room);

#endif
