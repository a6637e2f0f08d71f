/*
 * stack.c - see stack.h. What is put together here: the address space (space.h), its images (image.h), the walk up
 * the frames (unwind.h), what was found before (memo.h).
 */
#include "probe/thread/stack/stack.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/thread/stack/callsite.h"
#include "probe/thread/stack/demangle.h"
#include "probe/thread/stack/memo.h"
#include "probe/thread/stack/space.h"
#include "probe/thread/stack/unwind.h"

enum {
  NUMBER_BYTES = 24,    /* of a text: "+0x", its digits, and what stands around a library */
  MODULE_BYTES = 48,    /* ... a library */
  LONG_NAME_BYTES = 512 /* of names that tell more than is shown of them */
};

struct stack {
  struct space space;
  struct memo memo;
  struct window *window; /* with the first stack */
};

static pthread_once_t libelf_once = PTHREAD_ONCE_INIT;

static void libelf_begin(void)
{
  (void)elf_version(
      EV_CURRENT); /* refuses only versions that it does not know, and this is the only one */
}

int stack_open(const struct reach_target *target, struct stack **ret_stack)
{
  struct stack *stack = calloc(1, sizeof *stack);

  if (!stack)
    return -ENOMEM;
  (void)pthread_once(&libelf_once, libelf_begin); /* fails only for a wrong argument */
  space_init(&stack->space, target);
  *ret_stack = stack;
  return 0;
}

void stack_close(struct stack *stack)
{
  if (!stack)
    return;
  memo_done(&stack->memo);
  space_done(&stack->space);
  free(stack->window);
  free(stack);
}

void stack_refresh(struct stack *stack)
{
  stack->space.check = true;
}

/* Before every look-up: nothing is read where nobody asks. */
static void renew(struct stack *stack)
{
  if (space_renew(&stack->space))
    memo_forget(&stack->memo);
}

static const char *base_name(const struct mapping_image *mapped)
{
  const char *slash = strrchr(mapped->path, '/');

  return slash ? slash + 1 : mapped->path;
}

/* Where code is: its image, and its symbol as the image numbers addresses. */
struct place {
  const struct mapping_image *mapped; /* NULL: of no file */
  const struct image *image;
  const struct symbol *symbol;
};

static struct place find_place(struct stack *stack, uint64_t pc)
{
  struct place place = {0};

  /* a return address may be the first byte behind the function that calls */
  place.image = space_image(&stack->space, pc - 1, &place.mapped);
  if (place.image)
    place.symbol = symbols_find(&place.image->symbols, SYMBOLS_CODE, pc - 1 - place.image->bias);
  return place;
}

/* Appends to a text of STACK_TEXT_BYTES; the caller has left room. */
__attribute__((format(printf, 2, 3))) static void append(char *text, const char *format, ...)
{
  size_t length = strlen(text);
  va_list arguments;

  va_start(arguments, format);
  (void)vsnprintf(text + length, STACK_TEXT_BYTES - length, format, arguments);
  va_end(arguments);
}

bool stack_data_name(struct stack *stack, uint64_t address, char ret_text[STACK_TEXT_BYTES])
{
  const struct image *image;
  const struct symbol *symbol;

  renew(stack);
  image = space_image(&stack->space, address, NULL);
  symbol = image ? symbols_find(&image->symbols, SYMBOLS_DATA, address - image->bias) : NULL;
  if (!symbol)
    return false;
  demangle(symbols_name(&image->symbols, symbol), ret_text, STACK_TEXT_BYTES - NUMBER_BYTES);
  if (address - image->bias != symbol->value)
    append(ret_text, "+0x%" PRIx64, address - image->bias - symbol->value);
  return true;
}

/* "libfoo.so+0x1234", by the numbers of its file where they are known, else from where it lies. */
static void name_offset(struct stack *stack, const struct place *place, uint64_t pc,
                        char ret_text[STACK_TEXT_BYTES])
{
  const struct mapping_range *range = mapping_find(&stack->space.mapping, pc - 1);

  demangle(base_name(place->mapped), ret_text, STACK_TEXT_BYTES - NUMBER_BYTES);
  append(ret_text, "+0x%" PRIx64,
         place->image ? pc - place->image->bias : pc - range->start + range->offset);
}

void stack_code_name(struct stack *stack, uint64_t pc, char ret_text[STACK_TEXT_BYTES])
{
  char module[MODULE_BYTES];
  struct place place;

  renew(stack);
  place = find_place(stack, pc);
  if (!place.mapped) {
    (void)snprintf(ret_text, STACK_TEXT_BYTES, "0x%" PRIx64, pc);
  } else if (place.symbol) {
    demangle(base_name(place.mapped), module, sizeof module);
    demangle(symbols_name(&place.image->symbols, place.symbol), ret_text,
             STACK_TEXT_BYTES - NUMBER_BYTES - strlen(module));
    append(ret_text, "+0x%" PRIx64 " (%s)", pc - place.image->bias - place.symbol->value, module);
  } else {
    name_offset(stack, &place, pc, ret_text);
  }
}

static const struct image *on_image(void *context, uint64_t pc)
{
  return space_image(context, pc, NULL);
}

static bool on_executable(void *context, uint64_t address)
{
  const struct mapping_range *range = mapping_find(&((struct space *)context)->mapping, address);

  return range && range->executable;
}

/* The frames of the thread, from the memo or unwound now. -ENODATA: it is not known where it stands. */
static int find_frames(struct stack *stack, const struct thread_state *thread,
                       struct memo_entry **ret_entry)
{
  struct stack_frame frames[STACK_FRAMES_MOST];
  struct unwind_space space = {.target = stack->space.target,
                               .context = &stack->space,
                               .image = on_image,
                               .executable = on_executable};
  struct memo_entry *entry;
  size_t count;

  renew(stack);
  if (thread->sp == 0 || thread->pc == 0)
    return -ENODATA;
  entry = memo_find(&stack->memo, thread);
  if (entry) {
    *ret_entry = entry;
    return 0;
  }
  if (!stack->window && !(stack->window = malloc(sizeof *stack->window)))
    return -ENOMEM;
  window_begin(stack->window, stack->space.target);
  space.window = stack->window;
  count = unwind(&space, thread->sp, thread->pc, thread->frame, frames, STACK_FRAMES_MOST);
  entry = memo_keep(&stack->memo, thread, frames, count);
  if (!entry)
    return -ENOMEM;
  *ret_entry = entry;
  return 0;
}

int stack_unwind(struct stack *stack, const struct thread_state *thread,
                 struct stack_frame *ret_frames, size_t room)
{
  struct memo_entry *entry;
  int error = find_frames(stack, thread, &entry);

  if (error)
    return error;
  if (room > entry->count)
    room = entry->count;
  memcpy(ret_frames, entry->frames, room * sizeof *ret_frames);
  return (int)room;
}

/* The first frame that does more than carry the wait out. A thread of C++ whose function was inlined into the library's
 * template has none; then the template, which tells the function. */
static void search_call_site(struct stack *stack, const struct memo_entry *entry,
                             char ret_text[STACK_TEXT_BYTES])
{
  char name[LONG_NAME_BYTES];

  ret_text[0] = '\0';
  for (size_t i = 0; i < entry->count; i++) {
    struct place place = find_place(stack, entry->frames[i].pc);

    if (!place.mapped || callsite_is_library(base_name(place.mapped)))
      continue;
    if (!place.symbol) {
      name_offset(stack, &place, entry->frames[i].pc, ret_text);
      return;
    }
    demangle(symbols_name(&place.image->symbols, place.symbol), name, sizeof name);
    if (!callsite_is_wrapper(name)) {
      demangle(name, ret_text, STACK_TEXT_BYTES);
      return;
    }
    if (ret_text[0] == '\0')
      callsite_of_thread(name, ret_text, STACK_TEXT_BYTES);
  }
}

bool stack_call_site(struct stack *stack, const struct thread_state *thread,
                     char ret_text[STACK_TEXT_BYTES])
{
  char text[STACK_TEXT_BYTES];
  struct memo_entry *entry;

  if (find_frames(stack, thread, &entry))
    return false;
  if (!entry->call_site) {
    search_call_site(stack, entry, text);
    entry->call_site = strdup(text);
    if (!entry->call_site)
      return false;
  }
  (void)snprintf(ret_text, STACK_TEXT_BYTES, "%s", entry->call_site);
  return entry->call_site[0] != '\0';
}
