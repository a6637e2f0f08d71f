/*
 * impasse_name.c - names: texts, and classes with a number each.
 * Not here: putting them together for people; the reader does that.
 */
#include <sched.h>
#include <string.h>

#include "probe/hook/impasse_inner.h"

uint32_t impasse_name_store(struct impasse_process *process, char *ret_text, size_t room,
                            const char *text)
{
  size_t length = strnlen(text, room);
  if (length == room) {
    length = room - 1;
    impasse_loss_add(process, IMPASSE_LOSS_NAMES);
  }
  memset(ret_text, 0, room);
  memcpy(ret_text, text, length);
  return (uint32_t)length;
}

static struct impasse_class_entry *class_entries(struct impasse_header *header)
{
  return (struct impasse_class_entry *)(void *)((char *)header + IMPASSE_CLASSES_OFFSET);
}

void impasse_name_inherit(struct impasse_header *from, struct impasse_header *to)
{
  struct impasse_class_entry *old = class_entries(from), *new = class_entries(to);
  for (uint32_t i = 0; i < IMPASSE_CLASSES; i++) {
    uint32_t state = __atomic_load_n(&old[i].state, __ATOMIC_ACQUIRE);
    if (state == 0)
      return;
    if (state == 2)
      new[i] = old[i];
  }
}

/* The entry for `text` at this place: taken when free, awaited when another thread writes it. */
static bool class_is(struct impasse_class_entry *entry, const struct impasse_class_entry *wanted)
{
  uint32_t state = 0;
  if (__atomic_compare_exchange_n(&entry->state, &state, 1, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE)) {
    entry->length = wanted->length;
    memcpy(entry->text, wanted->text, sizeof entry->text);
    __atomic_store_n(&entry->state, 2, __ATOMIC_RELEASE);
    return true;
  }
  for (int i = 0; state == 1 && i < IMPASSE_PATIENCE; i++) {
    (void)sched_yield();
    state = __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE);
  }
  return state == 2 && memcmp(entry->text, wanted->text, sizeof entry->text) == 0;
}

uint32_t impasse_class_abi(uint64_t abi, const char *text)
{
  struct impasse_class_entry wanted = {0};
  struct impasse_process *process = impasse_process_ready(abi);
  if (!process || !text || !*text)
    return 0;
  wanted.length = impasse_name_store(process, wanted.text, sizeof wanted.text, text);
  struct impasse_class_entry *entries = class_entries(process->regions[0]);
  for (uint32_t i = 0; i < IMPASSE_CLASSES; i++)
    if (class_is(&entries[i], &wanted))
      return i + 1;
  impasse_loss_add(process, IMPASSE_LOSS_CLASSES);
  return 0;
}
