/* quota.c - see quota.h. */
#include "collector/quota.h"

#include <errno.h>

int quota_check(const int64_t *uids, size_t count, int64_t uid, int64_t own)
{
  size_t of_user = 0;

  if (count >= QUOTA_MAX)
    return -EXFULL;
  for (size_t i = 0; i < count; i++)
    of_user += uids[i] == uid;
  return of_user >= QUOTA_USER_MAX && uid != own ? -EDQUOT : 0;
}
