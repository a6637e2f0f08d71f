/* test_sqlite3.h - runs the stock `sqlite3` program on a file, as a user would; for the tests of
 * store/. */
#ifndef IMPASSE_STORE_TEST_SQLITE3_H
#define IMPASSE_STORE_TEST_SQLITE3_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define SQLITE3_OUTPUT 65536

static inline bool sqlite3_is_installed(void)
{
  return access("/usr/bin/sqlite3", X_OK) == 0;
}

/* What it prints on both streams goes to `output`. Returns its exit status, -1 where it did not
 * exit by itself. With a `uid` other than 0 it runs as that user, in the group of the file's
 * owner. */
static inline int sqlite3_run(const char *path, const char *sql, uid_t uid, gid_t gid,
                              char output[SQLITE3_OUTPUT])
{
  int pipe_fds[2], status = 0;
  size_t length = 0;
  ssize_t n;
  pid_t pid;

  output[0] = '\0';
  if (pipe(pipe_fds) < 0)
    return -1;
  pid = fork();
  if (pid == 0) {
    char *const argv[] = {"sqlite3", "-readonly", "-batch", (char *)path, (char *)sql, NULL};

    if (dup2(pipe_fds[1], 1) < 0 || dup2(pipe_fds[1], 2) < 0 ||
        (uid && (setgid(gid) < 0 || setuid(uid) < 0)))
      _exit(126);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    execv("/usr/bin/sqlite3", argv);
    _exit(127);
  }
  (void)close(pipe_fds[1]);
  while (pid > 0 && length + 1 < SQLITE3_OUTPUT &&
         (n = read(pipe_fds[0], output + length, SQLITE3_OUTPUT - 1 - length)) > 0)
    length += (size_t)n;
  output[length] = '\0';
  (void)close(pipe_fds[0]);
  if (pid < 0 || waitpid(pid, &status, 0) < 0)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
