/*
 * quota.h - how many sessions may be open at once: in all, and of one user, so that whoever starts
 * hooked programs without end leaves room for those of others. Pure.
 *
 * Not here: how much one program may hand over (the source that reads it).
 */
#ifndef IMPASSE_COLLECTOR_QUOTA_H
#define IMPASSE_COLLECTOR_QUOTA_H

#include <stddef.h>
#include <stdint.h>

enum { QUOTA_MAX = 1024, QUOTA_USER_MAX = 512 };

/* May a session of `uid` be opened beside those of `uids`? VALUE_UNKNOWN is a user of its own;
 * `own` is the user that impasse runs as: it can crowd out nobody but itself. 0, -EXFULL where
 * QUOTA_MAX are open, -EDQUOT where QUOTA_USER_MAX of this user are. */
int quota_check(const int64_t *uids, size_t count, int64_t uid, int64_t own);

#endif
