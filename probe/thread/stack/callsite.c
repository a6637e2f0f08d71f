/* callsite.c - see callsite.h. One row adds one. */
#include "probe/thread/stack/callsite.h"

#include <stddef.h>
#include <string.h>

/* What a library's name begins with; a version, or nothing of a name, follows. */
static const char *const libraries[] = {
    "libc.so",       "libc-2.",       "libc.musl-",  "ld-musl-",  "ld-linux",   "ld-2.",
    "libpthread.so", "libpthread-2.", "librt.so",    "librt-2.",  "libdl.so",   "libm.so",
    "libgcc_s",      "libstdc++",     "libc++.so",   "libc++abi", "libasan.so", "libtsan.so",
    "libubsan.so",   "libjemalloc",   "libtcmalloc",
};

/* What a function's name begins with. */
static const char *const prefixes[] = {
    /* glibc and musl in static programs */
    "pthread_",
    "__pthread_",
    "___pthread_",
    "__lll_",
    "__futex_",
    "futex_",
    "__GI_",
    "__libc_",
    "__clock_nanosleep",
    "__syscall",
    "syscall_cp",
    "__timedwait",
    "__wait",
    "sem_",
    "__sem_",
    "__new_sem_",
    "start_thread",
    "__cp_",
    "do_futex_wait",
    "mtx_",
    "cnd_",
    "thrd_",
    "__clone",
    "clone3",
    /* C++ */
    "std::",
    "__gthread_",
    "__gthrw_",
    "__gnu_cxx::",
    "std::__1::",
    "boost::mutex::",
    "boost::unique_lock",
    "boost::condition_variable",
    "absl::Mutex",
    "absl::MutexLock",
    "absl::synchronization_internal",
    "tbb::",
    "folly::detail::",
    /* Rust, Go, libuv, GLib, Qt, CPython */
    "core::ops::",
    "core::sync",
    "alloc::sync",
    "alloc::boxed",
    "<std::",
    "<alloc::",
    "<core::",
    "parking_lot",
    "<parking_lot",
    "lock_api::",
    "<lock_api::",
    "runtime.",
    "sync.",
    "internal/",
    "uv_mutex_",
    "uv_rwlock_",
    "uv_cond_",
    "uv_sem_",
    "uv_thread_",
    "uv__",
    "g_mutex_",
    "g_rec_mutex_",
    "g_rw_lock_",
    "g_cond_",
    "QMutex",
    "QBasicMutex",
    "QReadWriteLock",
    "QWaitCondition",
    "QSemaphore",
    "PyThread_",
};

/* Whole names: what else a static libc waits with. */
static const char *const names[] = {
    "syscall",
    "nanosleep",
    "clock_nanosleep",
    "usleep",
    "sleep",
    "read",
    "write",
    "poll",
    "ppoll",
    "select",
    "pselect",
    "accept",
    "recv",
    "recvfrom",
    "recvmsg",
    "send",
    "sendmsg",
    "epoll_wait",
    "epoll_pwait",
    "pause",
    "wait4",
    "waitpid",
    "__nanosleep",
    "__poll",
    "__read",
    "__libc_read",
    "sigsuspend",
    "sigwait",
    "sigtimedwait",
    "futex",
    "msgrcv",
    "msgsnd",
    "mq_receive",
    "mq_timedreceive",
    "flock",
    "fcntl",
    "ioctl",
    "_start",
    "__lockfile",
};

static bool begins_one(const char *text, const char *const *list, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (strncmp(text, list[i], strlen(list[i])) == 0)
      return true;
  return false;
}

bool callsite_is_library(const char *module)
{
  return begins_one(module, libraries, sizeof libraries / sizeof *libraries);
}

bool callsite_is_wrapper(const char *function)
{
  if (begins_one(function, prefixes, sizeof prefixes / sizeof *prefixes))
    return true;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(function, names[i]) == 0)
      return true;
  return false;
}

void callsite_of_thread(const char *function, char *ret_text, size_t room)
{
  static const char run[] = "std::thread::_State_impl<", tuple[] = "std::tuple<";
  const char *first = strncmp(function, run, sizeof run - 1) == 0 ? strstr(function, tuple) : NULL;
  size_t length = 0, depth = 0;

  if (first)
    for (first += sizeof tuple - 1; first[length] && length < room - 1; length++) {
      depth += strchr("<({", first[length]) != NULL;
      if (depth == 0 && strchr(",>", first[length]))
        break;
      depth -= depth && strchr(">)}", first[length]);
    }
  if (first)
    memcpy(ret_text, first, length);
  ret_text[length] = '\0';
}
