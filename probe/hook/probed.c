/* probed.c - see probed.h. */
#include "probe/hook/probed.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/hook.h"
#include "bpf/mapped.h"
#include "probe/clock.h"
#include "probe/hook/budget.h"
#include "probe/hook/told.h"
#include "probe/hook/usdt.h"
#include "probe/reach/broker.h"
#include "probe/reach/reach.h"

enum { MAPPINGS_MOST = 4096, PARSED_MOST = 256 /* files looked into */ };

static const char REGION_PATH[] = "/memfd:" IMPASSE_REGION_NAME " (deleted)";

struct probed {
  const struct reach_target *target;
  struct usdt_sites sites;
  int files[HOOK_FILES_MOST]; /* those that have sites */
  size_t file_count;
  struct hook *hook; /* NULL: no probes */
  struct told *told; /* as long as there are probes, and after they were taken away */
  struct budget *budget;
  struct hook_totals totals; /* as of the last sweep */
  uint64_t attach_ns; /* processor time that attaching took; told once, with the next sweep */
};

/* ---- what a process maps ---- */

/* The program that lists mappings: loaded once, for it is the same for all processes, and a refusal is
 * remembered, for it would be the same too. The only state of this folder outside of sessions. */
static struct {
  pthread_mutex_t mutex;
  struct mapped *mapped;
  int error;
  char reason[READER_REASON_BYTES];
} lister = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int list_mappings(const struct reach_target *target, struct mapped_record **ret_list,
                         size_t *ret_count, char reason[READER_REASON_BYTES])
{
  (void)pthread_mutex_lock(&lister.mutex);
  if (!lister.mapped && !lister.error)
    lister.error = mapped_open(&lister.mapped, lister.reason, sizeof lister.reason);
  const struct mapped *mapped = lister.mapped;
  int error = lister.error;
  memcpy(reason, lister.reason, READER_REASON_BYTES);
  (void)pthread_mutex_unlock(&lister.mutex);
  if (error)
    return error;
  error = mapped_read(mapped, reach_pid(target), MAPPINGS_MOST, ret_list, ret_count);
  if (!error && !reach_alive(target)) {
    free(*ret_list);
    error = -ESRCH;
  }
  if (error)
    reach_explain(reach_pid(target), error, reason, READER_REASON_BYTES);
  return error;
}

static bool maps_region(const struct mapped_record *list, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(list[i].path, REGION_PATH) == 0)
      return true;
  return false;
}

int probed_find(const struct reach_target *target)
{
  char reason[READER_REASON_BYTES];
  struct mapped_record *list;
  size_t count;
  int error = list_mappings(target, &list, &count, reason);
  if (error)
    return error;
  bool found = maps_region(list, count);
  free(list);
  return found;
}

/* ---- its files ---- */

static bool is_seen(const struct mapped_record *list, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (list[k].executable && list[k].inode == list[i].inode &&
        strcmp(list[k].path, list[i].path) == 0)
      return true;
  return false;
}

/* Looks into one file. 0 also where it has no sites; words where it may have, and they cannot be used. */
static int look_into(struct probed *probed, const struct mapped_record *file,
                     char reason[READER_REASON_BYTES])
{
  size_t before = probed->sites.count;
  int fd, error = reach_machine_open(file->path, file->inode, file->file_bytes, &fd);
  if (error) {
    (void)snprintf(reason, READER_REASON_BYTES, "%.150s cannot be looked into for probes: %s",
                   file->path, error == -ESTALE ? "it is another file here" : strerror(-error));
    return error;
  }
  error = usdt_read(fd, (uint32_t)probed->file_count, &probed->sites);
  if (error == -ENOEXEC) /* not for us to judge: others have no sites either */
    error = 0;
  if (!error && probed->sites.count > before && probed->file_count == HOOK_FILES_MOST)
    error = -E2BIG;
  if (error)
    (void)snprintf(reason, READER_REASON_BYTES, "%.150s cannot be probed: %s", file->path,
                   strerror(-error));
  if (error || probed->sites.count == before)
    (void)close(fd); /* only read */
  else
    probed->files[probed->file_count++] = fd;
  return error;
}

static int look_into_all(struct probed *probed, const struct mapped_record *list, size_t count,
                         char reason[READER_REASON_BYTES])
{
  int error = 0;
  unsigned parsed = 0;
  reason[0] = '\0';
  for (size_t i = 0; i < count && parsed < PARSED_MOST && error != -E2BIG && error != -ENOMEM;
       i++) {
    if (!list[i].executable || list[i].path[0] != '/' || is_seen(list, i))
      continue;
    parsed++;
    error = look_into(probed, &list[i], reason);
  }
  if (error == -E2BIG || error == -ENOMEM)
    return error;
  if (probed->file_count > 0)
    return 0; /* a file that could not be looked into may have been none of them */
  if (!reason[0])
    (void)snprintf(reason, READER_REASON_BYTES,
                   probed->sites.unreadable
                       ? "its USDT sites are those of another version of libimpasse"
                       : "its libimpasse was built without USDT sites (<sys/sdt.h>)");
  return error ? error : -ENOTSUP;
}

int probed_open(const struct reach_target *target, struct probed **ret_probed,
                char reason[READER_REASON_BYTES])
{
  struct mapped_record *list = NULL;
  size_t count;
  struct probed *probed = calloc(1, sizeof *probed);
  int error = probed ? list_mappings(target, &list, &count, reason) : -ENOMEM;
  if (error)
    goto out;
  probed->target = target;
  if (maps_region(list, count)) {
    error = look_into_all(probed, list, count, reason);
  } else {
    error = -ENOENT;
    (void)snprintf(reason, READER_REASON_BYTES, "process %d publishes no region",
                   (int)reach_pid(target));
  }
  if (error)
    goto out;
  *ret_probed = probed;
  probed = NULL;
out:
  free(list);
  if (probed && !probed->target)
    free(probed);
  else
    probed_close(probed, NULL);
  return error;
}

/* ---- probes ---- */

static uint64_t count_hits(void *context)
{
  const struct probed *probed = context;
  return hook_totals(probed->hook).hits;
}

static void take_away(void *context)
{
  struct probed *probed = context;
  hook_detach(probed->hook);
}

void probed_detach(struct probed *probed, struct reader_regions *regions)
{
  budget_stop(probed->budget);
  hook_close(probed->hook);
  told_free(probed->told, regions);
  probed->budget = NULL;
  probed->hook = NULL;
  probed->told = NULL;
  probed->totals = (struct hook_totals){0};
}

void probed_close(struct probed *probed, struct reader_regions *regions)
{
  if (!probed)
    return;
  probed_detach(probed, regions);
  for (size_t i = 0; i < probed->file_count; i++)
    (void)close(probed->files[i]); /* only read */
  usdt_done(&probed->sites);
  free(probed);
}

int probed_attach(struct probed *probed, struct reader_regions *regions,
                  char reason[READER_REASON_BYTES])
{
  const struct hook_at at = {.pid = reach_pid(probed->target),
                             .files = probed->files,
                             .file_count = probed->file_count,
                             .sites = probed->sites.list,
                             .site_count = probed->sites.count};
  const struct budget_setup budget = {PROBED_HITS_PER_S, count_hits, take_away, probed};
  uint64_t begin_ns = clock_thread_ns() + broker_thread_ns();
  if (probed->hook)
    probed_detach(probed, regions);
  int error = hook_open(&at, &probed->hook, reason, READER_REASON_BYTES);
  if (error)
    return error;
  error = reach_alive(probed->target) ? told_new(regions, &probed->told) : -ESRCH;
  if (!error)
    error = budget_start(&budget, &probed->budget);
  if (error) {
    (void)snprintf(reason, READER_REASON_BYTES, "%s", strerror(-error)); /* shorter */
    probed_detach(probed, regions);
    return error;
  }
  probed->attach_ns = clock_thread_ns() + broker_thread_ns() - begin_ns;
  (void)snprintf(
      reason, READER_REASON_BYTES,
      "its memory may not be read, so %zu probes tell of it: each message put or taken "
      "costs it about %.1f us, a call or wait about %.1f us; detached above %d hits a second",
      probed->sites.count, HOOK_HIT_NS / 1000.0, 2.5 * HOOK_HIT_NS / 1000.0,
      (int)PROBED_HITS_PER_S);
  return 0;
}

enum probed_state probed_state(const struct probed *probed)
{
  if (!probed->hook)
    return PROBED_OFF;
  return budget_over(probed->budget) ? PROBED_OVER : PROBED_ON;
}

int probed_fill(struct probed *probed, struct reader_regions *regions,
                char reason[READER_REASON_BYTES])
{
  return told_fill(probed->told, probed->hook, regions, reason);
}

/* ---- what is not known ---- */

static void add_gap(struct sweep *sweep, const char *reason, uint64_t count)
{
  struct sweep_gap *gap = count > 0 ? sweep_add_gap(sweep) : NULL;
  if (!gap)
    return;
  gap->reason = sweep_add_text(sweep, reason, strlen(reason));
  gap->count = count > INT64_MAX ? VALUE_UNKNOWN : (int64_t)count;
}

static void add_losses(struct probed *probed, struct sweep *sweep)
{
  struct hook_totals now = hook_totals(probed->hook), *old = &probed->totals;
  add_gap(sweep, "more actors than probes have room for: changes not seen", now.lost - old->lost);
  add_gap(sweep, "changes that probes could not read", now.unread - old->unread);
  add_gap(sweep, "changes faster than probes: the next one will tell", now.hurried - old->hurried);
  *old = now;
}

/* Sites in the library alone: what is opened, and tables. */
static void forget_inlined(struct sweep *sweep)
{
  for (size_t i = 0; i < sweep->actor_count; i++) {
    struct sweep_actor *row = &sweep->actors[i];
    row->depth = row->put_count = row->take_count = row->dropped_count = row->work_count =
        VALUE_UNKNOWN;
    row->depth_is = row->state = ENUM_UNKNOWN;
    row->head = 0;
    row->tid = 0;
  }
  sweep->wait_count = sweep->holder_count = 0;
}

void probed_temper(struct probed *probed, struct sweep *sweep)
{
  sweep->target.born_count = sweep->target.died_count = VALUE_UNKNOWN;
  for (size_t i = 0; i < sweep->wait_count; i++)
    sweep->waits[i].exclusive = false;
  if (!probed->sites.inlined)
    forget_inlined(sweep);
  if (sweep->kind != SWEEP_FULL)
    return;
  if (!probed->sites.inlined)
    add_gap(sweep,
            "the program was compiled without IMPASSE_USDT: probes tell neither messages nor calls",
            UINT64_MAX);
  add_losses(probed, sweep);
  sweep->passing_ns += probed->attach_ns;
  probed->attach_ns = 0;
}
