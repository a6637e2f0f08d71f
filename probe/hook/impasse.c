/*
 * impasse.c - the hook library starts and stops.
 *
 * Process-wide state stands in one private page that a fork wipes (MADV_WIPEONFORK, which raw
 * clone obeys too):
 *
 *    impasse_gate -> impasse_process      epoch, phase, regions[]    child sees zeros: not started
 *    last_epoch, inherited[]: plain data  where regions are mapped   child sees its parent's
 *
 * A handle carries the epoch, so it is inert in a child until the child starts; from then on it
 * points to zeros, which the child has put where its parent's regions were (impasse_region.c), and
 * whose generation 0 is nobody's.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>

#include "probe/hook/impasse_inner.h"

#ifndef MADV_WIPEONFORK /* Linux 4.14 */
#define MADV_WIPEONFORK 18
#endif

enum { SLOTS_MOST_DEFAULT = 1 << 22, EPOCHS = 254 };

struct impasse_gate impasse_gate_closed;
struct impasse_gate *impasse_gate = &impasse_gate_closed;

/* Survives a fork. Written by the one thread that starts. */
static uint32_t last_epoch;

static int process_new(struct impasse_process **ret_process)
{
  void *page = mmap(NULL, sizeof(struct impasse_process), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return -errno;
  if (madvise(page, sizeof(struct impasse_process), MADV_WIPEONFORK) < 0) {
    int error = -errno;
    (void)munmap(page, sizeof(struct impasse_process));
    return error;
  }
  struct impasse_gate *expected = &impasse_gate_closed;
  if (!__atomic_compare_exchange_n(&impasse_gate, &expected, (struct impasse_gate *)page, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    (void)munmap(page, sizeof(struct impasse_process)); /* another thread was faster */
    page = expected;
  }
  *ret_process = page;
  return 0;
}

static uint32_t slots_most(const struct impasse_options *options)
{
  uint32_t all = IMPASSE_CHAIN_MOST * IMPASSE_SLOTS;
  uint32_t most = options && options->slots_most ? options->slots_most : SLOTS_MOST_DEFAULT;
  return most < all ? most : all;
}

static int process_start(struct impasse_process *process, const struct impasse_options *options)
{
  process->slots_most = slots_most(options);
  for (unsigned i = 0; i < IMPASSE_SHARDS; i++)
    process->place[i] = i;
  int error = impasse_region_first(process);
  if (error)
    return error;
  last_epoch = last_epoch % EPOCHS + 1;
  __atomic_store_n(&process->gate.epoch, last_epoch, __ATOMIC_RELEASE);
  return 0;
}

static int phase_result(const struct impasse_process *process, uint32_t phase)
{
  if (phase == IMPASSE_PHASE_ON)
    return 0;
  return phase == IMPASSE_PHASE_OFF ? __atomic_load_n(&process->error, __ATOMIC_RELAXED) : -EAGAIN;
}

/* One thread starts, the others wait for it, but not for ever: it may be a signal handler
 * that interrupted it. */
static int process_start_once(struct impasse_process *process,
                              const struct impasse_options *options)
{
  uint32_t phase = IMPASSE_PHASE_UNSTARTED;
  if (__atomic_compare_exchange_n(&process->phase, &phase, (uint32_t)IMPASSE_PHASE_STARTING, false,
                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    int error = process_start(process, options);
    __atomic_store_n(&process->error, error, __ATOMIC_RELAXED);
    phase = error ? IMPASSE_PHASE_OFF : IMPASSE_PHASE_ON;
    __atomic_store_n(&process->phase, phase, __ATOMIC_RELEASE);
  }
  for (int i = 0; phase == IMPASSE_PHASE_STARTING && i < IMPASSE_PATIENCE; i++) {
    (void)sched_yield(); /* cannot fail */
    phase = __atomic_load_n(&process->phase, __ATOMIC_ACQUIRE);
  }
  return phase_result(process, phase);
}

int impasse_start_abi(uint64_t abi, const struct impasse_options *options)
{
  if (abi != IMPASSE_ABI)
    return -EPROTO;
  int saved = errno, error = 0;
  struct impasse_process *process = impasse_process_now();
  if (!process)
    error = process_new(&process);
  if (!error)
    error = process_start_once(process, options);
  errno = saved;
  return error;
}

struct impasse_process *impasse_process_ready(uint64_t abi)
{
  if (abi != IMPASSE_ABI)
    return NULL;
  struct impasse_process *process = impasse_process_on();
  if (!process && impasse_start_abi(abi, NULL) == 0)
    process = impasse_process_on();
  return process;
}

void impasse_stop_now(void)
{
  struct impasse_process *process = impasse_process_on();
  if (!process)
    return;
  __atomic_store_n(&process->error, -ESHUTDOWN, __ATOMIC_RELAXED);
  __atomic_store_n(&process->phase, (uint32_t)IMPASSE_PHASE_OFF, __ATOMIC_RELEASE);
  __atomic_store_n(&process->gate.epoch, 0, __ATOMIC_RELEASE);
  uint32_t count = __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < count; i++)
    __atomic_store_n(&process->regions[i]->state, (uint32_t)IMPASSE_REGION_CLOSED,
                     __ATOMIC_RELEASE);
  if (count > 0)
    IMPASSE_PROBE(stop, count, 0, process->regions[0]); /* no slot has changed: the header has */
}

__attribute__((destructor)) static void process_exits(void)
{
  impasse_stop_now();
}

int impasse_status_now(void)
{
  const struct impasse_process *process = impasse_process_now();
  if (!process)
    return -EAGAIN;
  return phase_result(process, __atomic_load_n(&process->phase, __ATOMIC_ACQUIRE));
}
