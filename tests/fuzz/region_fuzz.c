/*
 * region_fuzz.c - the reader of shared regions on arbitrary contents: whatever a target writes there, every sweep that
 * comes out passes sweep_check, and nothing outside of the region is touched.
 *
 * A region is 37 MiB, nearly all of it zero, so an input is a list of lines to be set in it:
 *
 *    2 bytes slot (or number of the line)   1 byte array, see below   1 byte region of the chain   64 bytes of contents
 *
 * array: enum impasse_array for the lines of slots and classes, IMPASSE_ARRAY_SHARDS for pieces of the shards,
 * IMPASSE_ARRAY_CELLS for pieces of the header. Two regions stand ready with right headers and some fresh slots.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>

#include "probe/hook/reader.h"
#include "probe/hook/test_region.h"

enum { REGIONS = 2, RECORD_BYTES = 4 + IMPASSE_LINE_BYTES, RECORDS_MOST = 4096, FRESH = 64 };

static unsigned char *images[REGIONS];
static uint64_t touched[RECORDS_MOST]; /* region << 32 | offset, to be made zero again */
static size_t touched_count;

static unsigned char *reserve(void)
{
  void *image = mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FUZZ_CHECK(image != MAP_FAILED);
  return image;
}

static void set_fresh(unsigned char *image, uint32_t count)
{
  for (unsigned i = 0; i < IMPASSE_SHARDS; i++)
    test_region_shard(image, i)->fresh_count = i == 0 ? count : 2; /* few slots, or it were slow */
}

static void prepare(void)
{
  for (unsigned r = 0; r < REGIONS; r++) {
    if (!images[r])
      images[r] = reserve();
    memset(images[r], 0, IMPASSE_CLASSES_OFFSET);
    test_region_header((struct impasse_header *)images[r], 1, r);
    set_fresh(images[r], FRESH);
  }
  for (size_t i = 0; i < touched_count; i++)
    memset(images[touched[i] >> 32] + (uint32_t)touched[i], 0, IMPASSE_LINE_BYTES);
  touched_count = 0;
}

/* Where a record's line stands; slots beyond the fresh ones may be named and must not be read. */
static uint32_t place(unsigned array, uint32_t number)
{
  if (array == IMPASSE_ARRAY_SHARDS)
    return IMPASSE_SHARDS_OFFSET + number % (IMPASSE_SHARDS * 3) * IMPASSE_LINE_BYTES;
  if (array == IMPASSE_ARRAY_CLASSES)
    return IMPASSE_CLASSES_OFFSET + number % IMPASSE_CLASSES * IMPASSE_LINE_BYTES;
  if (array >= IMPASSE_ARRAY_CELLS)
    return number % (IMPASSE_HEADER_BYTES / IMPASSE_LINE_BYTES) * IMPASSE_LINE_BYTES;
  return (uint32_t)IMPASSE_LINE_OFFSET(array) + number % IMPASSE_SLOTS * IMPASSE_LINE_BYTES;
}

static void apply(const uint8_t *record)
{
  uint32_t number = record[0] | (uint32_t)record[1] << 8;
  unsigned array = record[2] % IMPASSE_ARRAY_COUNT, region = record[3] % REGIONS;
  uint32_t offset = place(array, number);
  memcpy(images[region] + offset, record + 4, IMPASSE_LINE_BYTES);
  touched[touched_count++] = (uint64_t)region << 32 | offset;
}

static void check(struct sweep *sweep)
{
  FUZZ_CHECK(sweep_check(sweep) == 0);
  for (size_t i = 0; i < sweep->actor_count; i++)
    FUZZ_CHECK(sweep->actors[i].depth >= 0 || sweep->actors[i].depth == VALUE_UNKNOWN);
  for (size_t i = 0; i < sweep->wait_count; i++)
    FUZZ_CHECK(!sweep->waits[i].open || !sweep->waits[i].exclusive);
  sweep_free(sweep);
}

/* Takes over as many regions as have a right header, in order. */
static void attach(struct reader *reader)
{
  for (unsigned r = 0; r < REGIONS; r++) {
    struct reader_region *region;
    if (reader_region_of_bytes(images[r], &region) != 0)
      return;
    if (region->header.chain != r) {
      reader_region_free(region);
      return;
    }
    reader->regions.chain[reader->regions.count++] = region;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct reader reader = {.target_key = TARGET_KEY(1, 1), .same_clock = true};
  struct sweep *sweep;
  prepare();
  for (size_t at = 0; at + RECORD_BYTES <= size && touched_count < RECORDS_MOST; at += RECORD_BYTES)
    apply(bytes + at);
  attach(&reader);
  if (reader.regions.count > 0) {
    FUZZ_CHECK(reader_sweep(&reader, false, &sweep) == 0);
    check(sweep);
    FUZZ_CHECK(reader_round(&reader, &sweep) == 0);
    check(sweep);
    FUZZ_CHECK(reader_sweep(&reader, true, &sweep) == 0);
    check(sweep);
  }
  reader_done(&reader);
  return 0;
}

/* ---- seeds: images made by hand, written as records ---- */

static struct impasse_hot *open_slot(void *image, uint32_t index, enum impasse_kind kind)
{
  struct impasse_hot *hot = test_region_open(image, index, (uint8_t)kind);
  struct impasse_box *box = impasse_line(hot, IMPASSE_ARRAY_BOX);
  box->generation = 1;
  box->put = 10;
  hot->taken = 3;
  hot->run = IMPASSE_RUN(7, IMPASSE_RUNNING);
  return hot;
}

static void seed_calls(void *image)
{
  struct impasse_class_entry *class = (void *)((char *)image + IMPASSE_CLASSES_OFFSET);
  memcpy(class->text, "worker", 7);
  class->state = 2;
  for (uint32_t i = 0; i < 4; i++) {
    struct impasse_hot *hot = open_slot(image, i, IMPASSE_KIND_ACTOR);
    struct impasse_cold *cold = impasse_line(hot, IMPASSE_ARRAY_COLD);
    struct impasse_wait_line *wait = test_region_wait(hot, IMPASSE_REF((i + 1) % 4, 1));
    cold->name_kind = i % 2 ? IMPASSE_NAME_NUMBERED : IMPASSE_NAME_TEXT;
    cold->class_id = 1;
    cold->number = i;
    cold->parent = IMPASSE_REF(0, 1);
    memcpy(impasse_line(hot, IMPASSE_ARRAY_TEXT), "text", 5);
    wait->object = 1;
    wait->flags = IMPASSE_WAIT_EXCLUSIVE;
    wait->timeout_ns = i * 1000;
    hot->function = 1;
  }
}

static void seed_indirect(void *image)
{
  struct impasse_hot *service = open_slot(image, 0, IMPASSE_KIND_SERVICE);
  struct impasse_hot *list = open_slot(image, 1, IMPASSE_KIND_LIST);
  struct impasse_hot *promise = open_slot(image, 2, IMPASSE_KIND_PROMISE);
  struct impasse_hot *mailbox = open_slot(image, 3, IMPASSE_KIND_MAILBOX);
  struct impasse_hot *waiter = open_slot(image, 4, IMPASSE_KIND_ACTOR);
  struct impasse_hot *many = open_slot(image, 5, IMPASSE_KIND_ACTOR);
  (void)open_slot(image, 6, IMPASSE_KIND_POOL);
  (void)open_slot(image, 7, IMPASSE_KIND_QUEUE);
  *impasse_list_ref(service, 0) = IMPASSE_REF(4, 1);
  ((struct impasse_cold *)impasse_line(service, IMPASSE_ARRAY_COLD))->next = IMPASSE_REF(1, 1);
  *impasse_list_ref(list, 0) = IMPASSE_REF(5, 1);
  *impasse_list_ref(list, 1) = IMPASSE_REF(2, 1);
  ((struct impasse_cold *)impasse_line(promise, IMPASSE_ARRAY_COLD))->owner = IMPASSE_REF(3, 1);
  ((struct impasse_cold *)impasse_line(mailbox, IMPASSE_ARRAY_COLD))->owner = IMPASSE_REF(4, 1);
  (void)test_region_wait(waiter, IMPASSE_REF(0, 1));
  struct impasse_wait_line *wait = test_region_wait(many, IMPASSE_REF(2, 1));
  wait->list = 1;
  wait->holder_count = 4;
  wait->holders[1] = IMPASSE_REF(6, 1);
  wait->holders[2] = IMPASSE_REF(1, 1);
  wait->flags = IMPASSE_WAIT_ANY | IMPASSE_WAIT_OPEN;
}

static void seed_tables(void *image)
{
  for (uint32_t i = 0; i < 3; i++) {
    struct impasse_hot *holder = open_slot(image, i, IMPASSE_KIND_ACTOR);
    uint64_t *held = impasse_line(holder, IMPASSE_ARRAY_HELD);
    held[0] = IMPASSE_REF(3, 1) | (i == 0 ? IMPASSE_HELD_WRITE : 0);
    holder->held_mask = 1;
    test_region_wait(holder, IMPASSE_REF(3, 1))->via =
        i % 2 ? IMPASSE_VIA_LOCK : IMPASSE_VIA_RDLOCK;
  }
  struct impasse_hot *table = open_slot(image, 3, IMPASSE_KIND_TABLE);
  struct impasse_table_line *line = impasse_line(table, IMPASSE_ARRAY_BOX);
  *line = (struct impasse_table_line){.generation = 1, .waiting = 1 << 20 | 2, .holding = 3};
  ((struct impasse_cold *)impasse_line(table, IMPASSE_ARRAY_COLD))->table_kind = IMPASSE_RWLOCK;
}

static void (*const seeds[])(void *image) = {seed_calls, seed_indirect, seed_tables};

static size_t add_record(uint8_t *ret_bytes, size_t size, size_t room, uint32_t number,
                         unsigned array, const void *line)
{
  static const uint8_t zeros[IMPASSE_LINE_BYTES];
  if (memcmp(line, zeros, sizeof zeros) == 0 || size + RECORD_BYTES > room)
    return size;
  const uint8_t head[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)array, 0};
  memcpy(ret_bytes + size, head, sizeof head);
  memcpy(ret_bytes + size + sizeof head, line, IMPASSE_LINE_BYTES);
  return size + RECORD_BYTES;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  size_t size = 0;
  if (number >= sizeof seeds / sizeof *seeds)
    return 0;
  unsigned char *image = reserve();
  test_region_header((struct impasse_header *)image, 1, 0);
  seeds[number](image);
  for (uint32_t i = 0; i < 8; i++) {
    for (unsigned array = IMPASSE_ARRAY_HOT; array < IMPASSE_ARRAY_CELLS; array++)
      size = add_record(ret_bytes, size, room, i, array, image + place(array, i));
    size = add_record(ret_bytes, size, room, i, IMPASSE_ARRAY_CLASSES,
                      image + place(IMPASSE_ARRAY_CLASSES, i));
    size = add_record(ret_bytes, size, room, i, IMPASSE_ARRAY_CELLS,
                      image + place(IMPASSE_ARRAY_CELLS, i));
  }
  (void)munmap(image, IMPASSE_FILE_BYTES); /* ours, whole: cannot fail */
  return size;
}
