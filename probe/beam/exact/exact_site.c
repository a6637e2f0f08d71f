/*
 * exact_site.c - see exact_site.h.
 *
 * The wait for a lock is found in the code of the two functions that begin it:
 *
 *    ethr_rwmutex_rlock:  ... call A ... call W ... call ethr_fatal_error__ ...
 *    ethr_rwmutex_rwlock: ... call B ... call W ... call pthread_getspecific@plt ...
 *
 * W is the one function that both of them call, that lies near them (the table of the dynamic linker
 * does not) and that has no exported name (erts/lib_src/common/ethr_mutex.c: event_wait). The scan looks
 * at each byte, not at instructions: a call is e8 and a distance, and that such bytes in the middle of
 * another instruction name, in both functions, the same beginning of a function nearby is taken as
 * impossible. When there is not exactly one, it is refused.
 */
#include "probe/beam/exact/exact_site.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/beam/attach/elf_file.h"

enum {
  CODE_MOST = 2048, /* of one function */
  CALL = 0xe8,
  CALL_BYTES = 5,
  CALLS_MOST = 64,
  NEAR_BYTES = 64 << 10,
  FUNCTION_ALIGN = 16,
};

/* What both also call, with a name; whoever begins between a function and the next of these. */
static const char *const NAMED[] = {
    "ethr_free_ts_event__",  "ethr_make_ts_event__",  "ethr_fatal_error__",
    "ethr_assert_failed__",  "ethr_get_ts_event__",   "ethr_lookup_ts_event__",
    "ethr_rwmutex_rlock",    "ethr_rwmutex_rwlock",   "ethr_rwmutex_runlock",
    "ethr_rwmutex_rwunlock", "ethr_rwmutex_tryrlock", "ethr_rwmutex_tryrwlock",
    "ethr_event_wait",       "ethr_event_swait",      "ethr_event_set",
    "ethr_event_reset",
};

struct calls {
  uint64_t to[CALLS_MOST];
  size_t count;
};

static int refuse(char reason[SOURCE_REASON_BYTES], int error, const char *words, const char *name)
{
  (void)snprintf(reason, SOURCE_REASON_BYTES, words, name); /* cut is fine */
  return error;
}

static const char HIDDEN[] = "%s is not among the exported functions of this emulator (OTP 29 "
                             "hides them), so no probe can be put there; "
                             "show messages and sampled tables work all the same";

static int file_offset(const struct elf_file *file, uint64_t address, uint64_t *ret_offset)
{
  for (size_t i = 0; i < file->segment_count; i++) {
    const Elf64_Phdr *segment = &file->segments[i];
    if (address >= segment->p_vaddr && address - segment->p_vaddr < segment->p_filesz) {
      *ret_offset = address - segment->p_vaddr + segment->p_offset;
      return 0;
    }
  }
  return -EFAULT;
}

/* A site at an address that was found; looks at its first instruction.. */
static int site_at(const struct elf_file *file, const struct reach_target *target, uint64_t address,
                   struct beam_exact_site *ret_site)
{
  uint8_t code[SITE_CODE_BYTES];
  uint64_t offset;
  unsigned skip;
  bool stepped;
  int error = elf_file_read(file, address, code, sizeof code);
  if (!error)
    error = file_offset(file, address, &offset);
  if (error)
    return error;
  site_judge(code, &skip, &stepped);
  *ret_site = (struct beam_exact_site){
      .site = {.exe_fd = file->fd, .pid = reach_pid(target), .offset = offset + skip},
      .hit_ns = stepped ? SITE_STEP_NS : SITE_HIT_NS,
  };
  return 0;
}

static int open_file(const struct reach_target *target, struct elf_file *ret_file,
                     char reason[SOURCE_REASON_BYTES])
{
  int fd, error = reach_exe_open(target, &fd);
  if (error) {
    reach_explain(reach_pid(target), error, reason, SOURCE_REASON_BYTES);
    return error;
  }
  error = elf_file_init(ret_file, fd);
  if (error) {
    (void)close(fd); /* only read */
    return refuse(reason, error, "%s", "the executable cannot be read");
  }
  return 0;
}

int beam_exact_site_function(const struct reach_target *target, const char *name,
                             struct beam_exact_site *ret_site, char reason[SOURCE_REASON_BYTES])
{
  struct elf_file file;
  uint64_t address;
  int error = open_file(target, &file, reason);
  if (error)
    return error;
  if (elf_file_symbol(&file, name, &address) != 0)
    error = refuse(reason, -ENOTSUP, HIDDEN, name);
  else if ((error = site_at(&file, target, address, ret_site)) != 0)
    (void)refuse(reason, error, "the code of %s cannot be read", name);
  if (error)
    (void)close(file.fd); /* only read */
  return error;
}

/* All that is called between `begin` and the next named function, as far as it may be the one. */
static int calls_of(const struct elf_file *file, uint64_t begin, const uint64_t *named,
                    size_t named_count, struct calls *ret_calls)
{
  uint8_t code[CODE_MOST];
  size_t length = sizeof code;
  int error;
  for (size_t i = 0; i < named_count; i++)
    if (named[i] > begin && named[i] - begin < length)
      length = (size_t)(named[i] - begin);
  error = elf_file_read(file, begin, code, length);
  if (error)
    return error;
  ret_calls->count = 0;
  for (size_t i = 0; i + CALL_BYTES <= length && ret_calls->count < CALLS_MOST; i++) {
    int32_t distance;
    uint64_t to;
    if (code[i] != CALL)
      continue;
    memcpy(&distance, code + i + 1, sizeof distance);
    if (distance > NEAR_BYTES || distance < -NEAR_BYTES)
      continue;
    to = begin + i + CALL_BYTES + (uint64_t)(int64_t)distance;
    if (to % FUNCTION_ALIGN == 0)
      ret_calls->to[ret_calls->count++] = to;
  }
  return 0;
}

static bool among(uint64_t address, const uint64_t *list, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (list[i] == address)
      return true;
  return false;
}

/* The one that both call; 0 when there is none, or several. */
static uint64_t shared_call(const struct calls *left, const struct calls *right,
                            const uint64_t *named, size_t named_count)
{
  uint64_t found = 0;
  for (size_t i = 0; i < left->count; i++) {
    uint64_t to = left->to[i];
    if (to == found || !among(to, right->to, right->count) || among(to, named, named_count))
      continue;
    if (found)
      return 0;
    found = to;
  }
  return found;
}

static int find_lock_wait(const struct elf_file *file, uint64_t *ret_address)
{
  enum { NAMED_COUNT = sizeof NAMED / sizeof NAMED[0] };
  uint64_t named[NAMED_COUNT] = {0}, read_lock, write_lock;
  struct calls reading, writing;
  int error;
  for (size_t i = 0; i < NAMED_COUNT; i++)
    (void)elf_file_symbol(file, NAMED[i], &named[i]); /* 0: this version has it not */
  if (elf_file_symbol(file, "ethr_rwmutex_rlock", &read_lock) != 0 ||
      elf_file_symbol(file, "ethr_rwmutex_rwlock", &write_lock) != 0)
    return -ENOTSUP;
  error = calls_of(file, read_lock, named, NAMED_COUNT, &reading);
  if (!error)
    error = calls_of(file, write_lock, named, NAMED_COUNT, &writing);
  if (error)
    return error;
  *ret_address = shared_call(&reading, &writing, named, NAMED_COUNT);
  return *ret_address ? 0 : -ENOENT;
}

int beam_exact_site_lock_wait(const struct reach_target *target, struct beam_exact_site *ret_site,
                              char reason[SOURCE_REASON_BYTES])
{
  struct elf_file file;
  uint64_t address;
  int error = open_file(target, &file, reason);
  if (error)
    return error;
  error = find_lock_wait(&file, &address);
  if (error == -ENOTSUP)
    (void)refuse(reason, error, HIDDEN, "ethr_rwmutex_rlock");
  else if (error)
    (void)refuse(reason, error = -ENOTSUP,
                 "the wait inside %s was not found in the code of this emulator",
                 "ethr_rwmutex_rlock");
  else if ((error = site_at(&file, target, address, ret_site)) != 0)
    (void)refuse(reason, error, "the code of %s cannot be read", "the wait for locks");
  if (error)
    (void)close(file.fd); /* only read */
  return error;
}

void beam_exact_site_done(struct beam_exact_site *site)
{
  if (site->site.exe_fd >= 0)
    (void)close(site->site.exe_fd); /* only read */
  site->site.exe_fd = -1;
}
