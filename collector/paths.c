/* paths.c - see paths.h. */
#include "collector/paths.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE_DB "/var/lib/impasse"
#define SERVICE_SOCKET "/run/impasse/snapshot.sock"

static int join(char ret_path[PATHS_ROOM], const char *folder, const char *rest)
{
  int length = snprintf(ret_path, PATHS_ROOM, "%s%s", folder, rest);

  return length < 0 || length >= PATHS_ROOM ? -ENAMETOOLONG : 0;
}

/* An XDG variable counts only when it is an absolute path (XDG Base Directory Specification 0.8).
 */
static const char *xdg(const char *variable)
{
  const char *value = getenv(variable);

  return value && value[0] == '/' ? value : NULL;
}

int paths_own_db(char ret_path[PATHS_ROOM])
{
  const char *state = xdg("XDG_STATE_HOME"), *home = xdg("HOME");

  if (state)
    return join(ret_path, state, "/impasse");
  if (geteuid() == 0)
    return join(ret_path, SERVICE_DB, "");
  return home ? join(ret_path, home, "/.local/state/impasse") : -ENOENT;
}

int paths_default_db(char ret_path[PATHS_ROOM])
{
  int error = paths_own_db(ret_path);

  if (error == 0 && access(ret_path, F_OK) == 0)
    return 0;
  return access(SERVICE_DB, R_OK | X_OK) == 0 ? join(ret_path, SERVICE_DB, "") : error;
}

int paths_own_socket(char ret_path[PATHS_ROOM])
{
  const char *runtime = xdg("XDG_RUNTIME_DIR");
  char state[PATHS_ROOM];
  int error;

  if (runtime)
    return join(ret_path, runtime, "/impasse/snapshot.sock");
  if (geteuid() == 0)
    return join(ret_path, SERVICE_SOCKET, "");
  error = paths_own_db(state);
  return error < 0 ? error : join(ret_path, state, "/snapshot.sock");
}

int paths_socket(unsigned number, char ret_path[PATHS_ROOM])
{
  char own[PATHS_ROOM];
  int error = paths_own_socket(own);
  bool own_is_service = error < 0 || strcmp(own, SERVICE_SOCKET) == 0;

  if (number == 0 && !own_is_service)
    return join(ret_path, own, "");
  if (number == (own_is_service ? 0 : 1))
    return join(ret_path, SERVICE_SOCKET, "");
  return -ENOENT;
}

int paths_make_folder(const char *path)
{
  char part[PATHS_ROOM];
  int error = join(part, path, "");

  if (error < 0)
    return error;
  for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(part, 0750) < 0 && errno != EEXIST)
      return -errno;
    *slash = '/';
  }
  return mkdir(part, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

gid_t paths_group(void)
{
  char buffer[4096];
  struct group entry, *found = NULL;

  if (getgrnam_r(PATHS_GROUP, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
    return (gid_t)-1;
  return found->gr_gid;
}
