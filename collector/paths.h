/*
 * paths.h - where things are: the recording, the socket of a running recorder. XDG folders for a
 * user, /var/lib and /run for the service (root).
 */
#ifndef IMPASSE_COLLECTOR_PATHS_H
#define IMPASSE_COLLECTOR_PATHS_H

#include <stddef.h>
#include <sys/types.h>

enum { PATHS_ROOM = 4096 };

/* The group whose members may see rows of everybody. */
#define PATHS_GROUP "impasse"

/* Folder of the caller's own recording: /var/lib/impasse for root, else the XDG state folder. 0 or
 * -ENAMETOOLONG, or -ENOENT where neither XDG_STATE_HOME nor HOME is set. */
int paths_own_db(char ret_path[PATHS_ROOM]);

/* The recording that a command reads when none is named: the caller's own if there is one, else the
 * service's. */
int paths_default_db(char ret_path[PATHS_ROOM]);

/* Socket that the caller's recorder makes. */
int paths_own_socket(char ret_path[PATHS_ROOM]);
/* Sockets at which a recorder may answer the caller, best first: number 0, 1, ...; -ENOENT after
 * the last. */
int paths_socket(unsigned number, char ret_path[PATHS_ROOM]);

/* Makes the folder and those above it, 0750; those that exist stay as they are. 0 or -errno. */
int paths_make_folder(const char *path);

/* Id of PATHS_GROUP, or (gid_t)-1 where there is no such group. */
gid_t paths_group(void);

#endif
