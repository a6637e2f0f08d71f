/*
 * impasse_wait.c - what of waiting is not inlined: the clock, waits with more than one
 * holder; pools, services.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/hook/impasse_inner.h"

/* ---- Waits ---- */

uint64_t impasse_wait_clock(void)
{
  uint64_t now_ns = impasse_clock_ns(CLOCK_MONOTONIC);
  struct impasse_process *process = impasse_process_on();
  if (process)
    impasse_heartbeat(process, now_ns);
  return now_ns;
}

void impasse_wait_lost(void)
{
  struct impasse_process *process = impasse_process_on();
  if (process)
    impasse_loss_add(process, IMPASSE_LOSS_WAITS);
}

/* Puts the holders from the third on into a list of their own. Returns its reference, 0 when there
 * is no slot. */
static uint64_t holders_list(struct impasse_process *process, const uint64_t *words, uint32_t count)
{
  struct impasse_opening opening = {0};
  opening.kind = IMPASSE_KIND_LIST;
  struct impasse_ref list = impasse_open_slot(process, &opening);
  for (uint32_t i = 0; list.slot && i < count; i++)
    __atomic_store_n(impasse_list_ref(list.slot, i), words[i], __ATOMIC_RELEASE);
  if (list.slot)
    IMPASSE_PROBE(list, list.stamp & 0xffffffu, count, list.slot);
  return impasse_ref_word(list);
}

/* References of the known holders, at most `room`; says whether that is all of them. */
static uint32_t holders_known(struct impasse_process *process,
                              const struct impasse_wait_request *request, uint64_t *ret_words,
                              uint32_t room, bool *ret_all)
{
  uint32_t count = 0;
  *ret_all = true;
  for (uint32_t i = 0; i < request->holder_count; i++) {
    const struct impasse_ref *holder = &request->holders[i];
    uint64_t word = impasse_ref_word(*holder);
    IMPASSE_PROBE(wait_holder, holder->stamp & 0xffffffu, i, holder->slot);
    if (!word) {
      *ret_all = false;
    } else if (count < room) {
      ret_words[count++] = word;
    } else {
      *ret_all = false;
      impasse_loss_add(process, IMPASSE_LOSS_HOLDERS);
    }
  }
  return count;
}

struct impasse_wait impasse_wait_begin_many(struct impasse_ref waiter,
                                            const struct impasse_wait_request *request)
{
  uint64_t words[2 + IMPASSE_LIST_REFS] = {0};
  struct impasse_wait_line fill = {0};
  struct impasse_wait none = {impasse_unknown(), 0};
  struct impasse_process *process = impasse_process_on();
  struct impasse_hot *hot = impasse_ref_slot(waiter);
  bool all;
  if (!process || !hot || !request || request->via >= IMPASSE_VIA_COUNT)
    return none;
  bool full = hot->wait_mask == (1u << IMPASSE_WAITS_MOST) - 1;
  fill.holder_count = holders_known(process, request, words, 2 + IMPASSE_LIST_REFS, &all);
  if (fill.holder_count > IMPASSE_HOLDERS_INLINE && !full) {
    uint64_t list = holders_list(process, words + 2, fill.holder_count - 2);
    fill.list = list != 0;
    if (list)
      words[2] = list;
    else
      all = false;
  }
  if (!fill.list && fill.holder_count > IMPASSE_HOLDERS_INLINE)
    fill.holder_count = IMPASSE_HOLDERS_INLINE;
  memcpy(fill.holders, words, sizeof fill.holders);
  fill.via = (uint8_t)request->via;
  fill.flags = (uint8_t)((request->flags & IMPASSE_WAIT_FLAGS) | (all ? 0 : IMPASSE_WAIT_OPEN));
  fill.object = request->object;
  fill.timeout_ns = request->timeout_ns;
  fill.since_ns = impasse_wait_clock();
  struct impasse_wait wait = impasse_wait_publish(waiter, &fill);
  IMPASSE_PROBE(wait_begin_many, waiter.stamp & 0xffffffu, fill.holder_count, waiter.slot);
  return wait;
}

void impasse_wait_list_close(uint64_t list)
{
  struct impasse_process *process = impasse_process_on();
  if (process)
    impasse_close_ref(impasse_ref_of_word(process, list));
}

/* ---- Pools and services ---- */

struct impasse_worker impasse_worker_of(struct impasse_ref pool)
{
  struct impasse_process *process = impasse_process_ready(IMPASSE_ABI);
  struct impasse_worker worker = {pool, 0, 0};
  if (process) {
    worker.tid = (uint32_t)syscall(SYS_gettid); /* cannot fail */
    worker.stamp = process->gate.epoch + 1;
  }
  return worker;
}

/* In the list that begins at `hot`, puts `to` in the place of the first `from`. Returns whether
 * there was one, and the slot where the list ends. */
static bool list_replace(const struct impasse_process *process, struct impasse_hot *hot,
                         uint64_t from, uint64_t to, struct impasse_hot **ret_last)
{
  for (unsigned depth = 0; hot && depth < IMPASSE_LIST_CHAIN_MOST; depth++) {
    for (unsigned i = 0; i < IMPASSE_LIST_REFS; i++) {
      uint64_t expected = from;
      if (__atomic_compare_exchange_n(impasse_list_ref(hot, i), &expected, to, false,
                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return true;
    }
    const struct impasse_cold *cold = impasse_line(hot, IMPASSE_ARRAY_COLD);
    uint64_t next = __atomic_load_n(&cold->next, __ATOMIC_ACQUIRE);
    *ret_last = next ? NULL : hot;
    hot = next ? impasse_ref_of_word(process, next).slot : NULL;
  }
  return false;
}

void impasse_member_add(struct impasse_ref service, uint64_t member)
{
  struct impasse_process *process = impasse_process_on();
  struct impasse_hot *hot = impasse_ref_slot(service), *last = NULL;
  if (!process || !hot || !member)
    return;
  while (!list_replace(process, hot, 0, member, &last)) {
    uint64_t list = last ? holders_list(process, NULL, 0) : 0, none = 0;
    if (!list) {
      impasse_loss_add(process, IMPASSE_LOSS_HOLDERS);
      return;
    }
    struct impasse_cold *cold = impasse_line(last, IMPASSE_ARRAY_COLD);
    if (!__atomic_compare_exchange_n(&cold->next, &none, list, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
      impasse_wait_list_close(list); /* another thread has made it longer */
    else
      IMPASSE_PROBE(member_list, service.stamp & 0xffffffu, 0, last);
  }
  IMPASSE_PROBE_TWO(member_add, service.stamp & 0xffffffu, IMPASSE_REF_NUMBER(member),
                    last ? last : hot, impasse_ref_of_word(process, member).slot);
}

void impasse_member_remove(struct impasse_ref service, uint64_t member)
{
  const struct impasse_process *process = impasse_process_on();
  struct impasse_hot *hot = impasse_ref_slot(service), *last;
  if (!process || !hot || !member)
    return;
  (void)list_replace(process, hot, member, 0, &last); /* not a member: nothing to do */
  IMPASSE_PROBE(member_remove, service.stamp & 0xffffffu, IMPASSE_REF_NUMBER(member), hot);
}
