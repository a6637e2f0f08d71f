/*
 * sockets.c - see sockets.h.
 *
 *    places[]   namespace -> its newest list; the lock is held while a list is made, so that others wait for it
 *    sockets    counted references: a list that was replaced lives until its last reader has put it back
 */
#include "probe/queue/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "probe/clock.h"
#include "probe/queue/diag.h"
#include "probe/queue/proc_net.h"
#include "probe/queue/records.h"

enum {
  PLACES = 16,
  TEXT_BYTES_MOST = 32 << 20, /* of one file: 200,000 sockets */
  COST_SHARE = 100,           /* a list is kept for 100 times as long as it took */
};

struct sockets {
  atomic_uint references;
  uint64_t read_ns, cost_ns;
  struct records records;
};

static struct {
  pthread_mutex_t lock;
  struct place {
    uint64_t namespace;
    struct sockets *sockets;
  } places[PLACES];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct list {
  enum file_kind kind;
  int family;
  const char *file;
} LISTS[] = {
    {FILE_TCP, AF_INET, "net/tcp"},   {FILE_TCP, AF_INET6, "net/tcp6"},
    {FILE_UDP, AF_INET, "net/udp"},   {FILE_UDP, AF_INET6, "net/udp6"},
    {FILE_UNIX, AF_UNIX, "net/unix"},
};
enum { LIST_COUNT = sizeof LISTS / sizeof *LISTS };

/* ---- making a list ---- */

static int take_record(void *context, const struct file_record *record)
{
  return file_record_counts(record) ? records_add(context, record) : 0;
}

struct taking {
  enum file_kind kind;
  struct records *records;
};

static int take_message(void *context, const void *message, size_t length)
{
  struct taking *taking = context;
  struct file_record record;
  if (diag_read(taking->kind, message, length, &record) != 0)
    return 0; /* something else that the kernel had to say */
  return take_record(taking->records, &record);
}

static int list_by_diag(const struct list *list, struct records *records)
{
  struct diag_request request;
  struct taking taking = {list->kind, records};
  size_t length = diag_ask(list->kind, list->family, &request);
  return reach_sock_diag(&request, length, take_message, &taking);
}

/* A kernel without IPv6 has no such file. */
static int list_by_text(const struct reach_target *target, const struct list *list,
                        struct records *records)
{
  char *text = NULL;
  int error = reach_file(target, list->file, TEXT_BYTES_MOST, &text, NULL);
  if (error == -ENOENT)
    return 0;
  if (!error && list->kind == FILE_UNIX)
    error = proc_net_unix(text, take_record, records);
  else if (!error)
    error = proc_net_inet(text, list->kind, list->family, take_record, records);
  free(text);
  return error;
}

/* What a list gave before it failed would be there twice. */
static int make_list(const struct reach_target *target, const struct list *list, bool own,
                     struct records *records)
{
  size_t count = records->count, left_out = records->left_out;
  if (own && list_by_diag(list, records) == 0)
    return 0;
  records->count = count;
  records->left_out = left_out;
  return list_by_text(target, list, records);
}

/* Of two Unix sockets with one inode, one may be the work of somebody who put a line break into a path: what it is called
 * is not known then. */
static void distrust_doubles(struct records *records)
{
  for (size_t i = 1; i < records->count; i++) {
    struct file_record *a = &records->list[i - 1], *b = &records->list[i];
    if (a->inode == b->inode && a->kind == FILE_UNIX)
      a->name_length = b->name_length = 0;
  }
}

static int make(const struct reach_target *target, bool own, struct sockets **ret_sockets)
{
  struct sockets *sockets = calloc(1, sizeof *sockets);
  uint64_t began = clock_thread_ns();
  int error = 0;
  if (!sockets)
    return -ENOMEM;
  atomic_init(&sockets->references, 1);
  sockets->read_ns = clock_mono_ns();
  for (size_t i = 0; i < LIST_COUNT && !error; i++)
    error = make_list(target, &LISTS[i], own, &sockets->records);
  records_sort(&sockets->records);
  distrust_doubles(&sockets->records);
  sockets->cost_ns = clock_thread_ns() - began;
  if (error) {
    sockets_put(sockets);
    return error;
  }
  *ret_sockets = sockets;
  return 0;
}

/* ---- the newest list of each namespace ---- */

static bool fresh(const struct sockets *sockets, unsigned age_ms)
{
  uint64_t age = clock_mono_ns() - sockets->read_ns, may = age_ms * CLOCK_NS_PER_MS;
  return age_ms > 0 && (age < may || age < sockets->cost_ns * COST_SHARE);
}

/* Its place; where it has none yet, that of the oldest list. */
static struct place *find_place(uint64_t namespace)
{
  struct place *oldest = &cache.places[0];
  for (struct place *place = cache.places; place < cache.places + PLACES; place++) {
    if (place->sockets && place->namespace == namespace)
      return place;
    if (!place->sockets || (oldest->sockets && place->sockets->read_ns < oldest->sockets->read_ns))
      oldest = place;
  }
  sockets_put(oldest->sockets);
  *oldest = (struct place){.namespace = namespace};
  return oldest;
}

static int find_namespace(const struct reach_target *target, uint64_t *ret_namespace)
{
  char link[64];
  unsigned long long number;
  int error = reach_link(target, "ns/net", link, sizeof link);
  if (error)
    return error;
  if (sscanf(link, "net:[%llu]", &number) != 1)
    return -EPROTO;
  *ret_namespace = number;
  return 0;
}

int sockets_get(const struct reach_target *target, unsigned age_ms,
                const struct sockets **ret_sockets)
{
  uint64_t namespace;
  struct sockets *made;
  int error = find_namespace(target, &namespace);
  if (error)
    return error;
  (void)pthread_mutex_lock(&cache.lock); /* an ordinary mutex: cannot fail */
  struct place *place = find_place(namespace);
  if (!place->sockets || !fresh(place->sockets, age_ms)) {
    error = make(target, namespace == reach_sock_diag_namespace(), &made);
    if (!error) {
      sockets_put(place->sockets);
      place->sockets = made;
    }
  }
  if (!error) {
    (void)atomic_fetch_add_explicit(&place->sockets->references, 1, memory_order_relaxed);
    *ret_sockets = place->sockets;
  }
  (void)pthread_mutex_unlock(&cache.lock);
  return error;
}

void sockets_put(const struct sockets *sockets)
{
  struct sockets *ours = (struct sockets *)(uintptr_t)sockets; /* const to whoever reads it */
  if (!ours || atomic_fetch_sub_explicit(&ours->references, 1, memory_order_acq_rel) != 1)
    return;
  records_done(&ours->records);
  free(ours);
}

const struct file_record *sockets_find(const struct sockets *sockets, uint64_t inode)
{
  return records_find(&sockets->records, inode);
}

size_t sockets_left_out(const struct sockets *sockets)
{
  return sockets->records.left_out;
}
