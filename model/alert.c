/* alert.c - see alert.h. The alerts are one array of pointers sorted like the rows of the relation,
 * so that filling it is a walk, and looking one up a binary search. */
#include "model/alert.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/phrase.h"

/* What all texts and member lists together may take. */
#define ALERTS_BYTES_MAX (16u << 20)
/* Kept free of findings that are not critical: a thousand leaks must not hide a deadlock. */
#define ALERTS_FOR_CRITICAL (ALERTS_MAX / 16)
/* A finding whose sentence is the same has its detail copied no more often: details carry ages and
 * rates, and each change of one is a row in the history. */
#define ALERT_DETAIL_REFRESH_NS (60ull * 1000000000)
/* Different troubles that share all their names in one tick are told apart as key, key#2 ... up to
 * this. */
#define ALERT_NAMESAKES_MAX 32

struct alert {
  char *key;
  char *target; /* name, NULL where it is about no single process */
  char *summary;
  char *detail;
  int64_t *members; /* pairs */
  size_t member_count;
  const char *rule;
  int64_t target_key, actor;
  uint64_t for_ns, keep_ns;
  uint64_t since_ns, found_ns, resolved_ns, detail_ns;
  int64_t since_ms, found_ms;
  uint8_t severity, certainty, state;
  bool found; /* in this tick */
  bool inhibited;
};

struct finding_sink {
  struct alert *alerts[ALERTS_MAX]; /* sorted by (key, since in seconds) */
  size_t count;
  size_t bytes;
  uint64_t lost;
  bool none_resolved; /* for sure: there is nobody to forget until the next tick */
  struct tick_clock now;
  const char *rule;
};

struct finding_sink *alerts_new(void)
{
  return calloc(1, sizeof(struct finding_sink));
}

static size_t text_bytes(const char *text)
{
  return text ? strlen(text) + 1 : 0;
}

static size_t alert_bytes(const struct alert *a)
{
  return sizeof(*a) + text_bytes(a->key) + text_bytes(a->target) + text_bytes(a->summary) +
         text_bytes(a->detail) + a->member_count * 2 * sizeof(int64_t);
}

static void alert_free(struct alert *a)
{
  if (!a)
    return;
  free(a->key);
  free(a->target);
  free(a->summary);
  free(a->detail);
  free(a->members);
  free(a);
}

void alerts_free(struct finding_sink *alerts)
{
  if (!alerts)
    return;
  for (size_t i = 0; i < alerts->count; i++)
    alert_free(alerts->alerts[i]);
  free(alerts);
}

void alerts_begin(struct finding_sink *alerts, struct tick_clock now)
{
  alerts->now = now;
  alerts->rule = NULL;
  for (size_t i = 0; i < alerts->count; i++)
    alerts->alerts[i]->found = false;
}

void alerts_rule(struct finding_sink *alerts, const char *rule)
{
  alerts->rule = rule;
}

uint64_t alerts_lost(const struct finding_sink *alerts)
{
  return alerts->lost;
}

/* --- the sorted array --- */

/* First place whose alert is not before (key, since). */
static size_t place(const struct finding_sink *alerts, const char *key, int64_t since_s)
{
  size_t low = 0, high = alerts->count;

  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct alert *a = alerts->alerts[middle];
    int order = strcmp(a->key, key);

    if (order < 0 || (order == 0 && a->since_ms / 1000 < since_s))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void take_out(struct finding_sink *alerts, size_t i)
{
  alerts->bytes -= alert_bytes(alerts->alerts[i]);
  alert_free(alerts->alerts[i]);
  alerts->count--;
  memmove(&alerts->alerts[i], &alerts->alerts[i + 1],
          (alerts->count - i) * sizeof(alerts->alerts[0]));
}

/* The alert of this key that is alive, or a resolved one that began in this very second: a row's
 * key is (key, second), so the second spell within it is the same row. */
static struct alert *alive(const struct finding_sink *alerts, const char *key)
{
  int64_t second = alerts->now.wall_ms / 1000;

  for (size_t i = place(alerts, key, INT64_MIN);
       i < alerts->count && strcmp(alerts->alerts[i]->key, key) == 0; i++) {
    struct alert *a = alerts->alerts[i];

    if (a->state != ALERT_RESOLVED || a->since_ms / 1000 == second)
      return a;
  }
  return NULL;
}

/* Forgets the alert that was resolved longest ago. */
static bool forget_one(struct finding_sink *alerts)
{
  size_t oldest = SIZE_MAX;

  if (alerts->none_resolved)
    return false;
  for (size_t i = 0; i < alerts->count; i++)
    if (alerts->alerts[i]->state == ALERT_RESOLVED &&
        (oldest == SIZE_MAX ||
         alerts->alerts[i]->resolved_ns < alerts->alerts[oldest]->resolved_ns))
      oldest = i;
  alerts->none_resolved = oldest == SIZE_MAX;
  if (alerts->none_resolved)
    return false;
  take_out(alerts, oldest);
  return true;
}

static bool make_room(struct finding_sink *alerts, uint8_t severity)
{
  size_t limit = severity == SEVERITY_CRITICAL ? ALERTS_MAX : ALERTS_MAX - ALERTS_FOR_CRITICAL;

  while (alerts->count >= limit)
    if (!forget_one(alerts))
      return false;
  return true;
}

/* --- taking a finding --- */

/* Copies `text` into *slot unless that says the same. -ENOMEM leaves the slot as it was. */
static int set_text(char **slot, const char *text)
{
  char *copy = NULL;

  if (*slot && text && strcmp(*slot, text) == 0)
    return 0;
  if (text) {
    copy = strdup(text);
    if (!copy)
      return -ENOMEM;
  }
  free(*slot);
  *slot = copy;
  return 0;
}

static int set_members(struct alert *a, const struct finding *f)
{
  size_t bytes = f->member_count * 2 * sizeof(int64_t);
  int64_t *copy = NULL;

  if (f->member_count == a->member_count &&
      (bytes == 0 || memcmp(a->members, f->members, bytes) == 0))
    return 0;
  if (bytes > 0) {
    copy = malloc(bytes);
    if (!copy)
      return -ENOMEM;
    memcpy(copy, f->members, bytes);
  }
  free(a->members);
  a->members = copy;
  a->member_count = f->member_count;
  return 0;
}

/* Takes the texts of a finding, the detail only when the sentence is a new one or the detail is
 * old. */
static int set_texts(struct alert *a, const struct finding *f, uint64_t now_ns)
{
  bool same =
      a->summary && f->summary && strcmp(a->summary, f->summary) == 0 && a->severity == f->severity;
  int error = set_text(&a->summary, f->summary);

  if (error == 0 && (!same || now_ns - a->detail_ns >= ALERT_DETAIL_REFRESH_NS)) {
    error = set_text(&a->detail, f->detail);
    a->detail_ns = now_ns;
  }
  if (error == 0)
    error = set_text(&a->target, f->target);
  if (error == 0)
    error = set_members(a, f);
  return error;
}

/* The alert stays, with its sentence; what it says in detail has no room. */
static int drop_detail(struct finding_sink *alerts, struct alert *a)
{
  alerts->bytes -= text_bytes(a->detail);
  free(a->detail);
  a->detail = NULL;
  return -ENOSPC;
}

static int take(struct finding_sink *alerts, struct alert *a, const struct finding *f)
{
  size_t before = alert_bytes(a);
  int error = set_texts(a, f, alerts->now.mono_ns);

  alerts->bytes = alerts->bytes - before + alert_bytes(a);
  if (error == 0 && alerts->bytes > ALERTS_BYTES_MAX && a->detail)
    error = drop_detail(alerts, a);
  a->severity = f->severity;
  if (a->state != ALERT_FIRING || f->certainty > a->certainty)
    a->certainty = f->certainty;
  a->for_ns = f->for_ns;
  a->keep_ns = f->keep_ns;
  a->target_key = f->target_key;
  a->actor = f->actor;
  a->found = true;
  a->found_ns = alerts->now.mono_ns;
  a->found_ms = alerts->now.wall_ms;
  return error;
}

static struct alert *begin(struct finding_sink *alerts, const char *key, uint8_t severity)
{
  struct alert *a = NULL;

  if (!make_room(alerts, severity) || alerts->bytes + strlen(key) >= ALERTS_BYTES_MAX)
    return NULL;
  a = calloc(1, sizeof(*a));
  if (!a)
    return NULL;
  a->key = strdup(key);
  if (!a->key) {
    free(a);
    return NULL;
  }
  a->rule = alerts->rule;
  a->state = ALERT_PENDING;
  a->since_ns = alerts->now.mono_ns;
  a->since_ms = alerts->now.wall_ms;
  size_t at = place(alerts, key, a->since_ms / 1000);
  memmove(&alerts->alerts[at + 1], &alerts->alerts[at],
          (alerts->count - at) * sizeof(alerts->alerts[0]));
  alerts->alerts[at] = a;
  alerts->count++;
  alerts->bytes += alert_bytes(a);
  return a;
}

static bool same_trouble(const struct alert *a, const struct finding *f)
{
  bool same_first = f->member_count == 0 || a->member_count == 0 ||
                    (a->members[0] == f->members[0] && a->members[1] == f->members[1]);
  return a->target_key == f->target_key && a->actor == f->actor && same_first;
}

void finding_add(struct finding_sink *alerts, const struct finding *f)
{
  char numbered[PHRASE_BYTES + 8];
  const char *key = f->key;
  struct alert *a = alive(alerts, key);

  for (unsigned n = 2; a && a->found; n++) {
    if (same_trouble(a, f))
      return;
    if (n > ALERT_NAMESAKES_MAX) {
      alerts->lost++;
      return;
    }
    (void)snprintf(numbered, sizeof(numbered), "%s#%u", f->key, n);
    key = numbered;
    a = alive(alerts, key);
  }
  if (a && a->state == ALERT_RESOLVED) {
    a->state = ALERT_PENDING;
    a->since_ns = alerts->now.mono_ns;
  }
  if (!a)
    a = begin(alerts, key, f->severity);
  if (!a || take(alerts, a, f) != 0)
    alerts->lost++;
}

/* --- the end of a tick --- */

/* Moves one alert along. False where it is to be forgotten. */
static bool move_on(struct alert *a, uint64_t now_ns)
{
  switch (a->state) {
  case ALERT_PENDING:
    if (!a->found)
      return false;
    if (now_ns - a->since_ns >= a->for_ns)
      a->state = ALERT_FIRING;
    return true;
  case ALERT_FIRING:
    if (!a->found && now_ns - a->found_ns >= a->keep_ns) {
      a->state = ALERT_RESOLVED;
      a->resolved_ns = now_ns;
    }
    return true;
  default:
    return now_ns - a->resolved_ns < ALERT_RESOLVED_KEEP_NS;
  }
}

static int pair_order(const void *left, const void *right)
{
  const int64_t *a = left, *b = right;

  if (a[0] != b[0])
    return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* Members of all deadlocks that fire, sorted. NULL where there are none. Without memory nothing is
 * inhibited, which shows too much rather than too little. */
static int64_t *firing_members(const struct finding_sink *alerts, size_t *ret_count)
{
  size_t count = 0, filled = 0;
  int64_t *pairs = NULL;

  for (size_t i = 0; i < alerts->count; i++)
    if (alerts->alerts[i]->state == ALERT_FIRING)
      count += alerts->alerts[i]->member_count;
  if (count > 0)
    pairs = malloc(count * 2 * sizeof(*pairs));
  if (!pairs)
    return NULL;
  for (size_t i = 0; i < alerts->count; i++) {
    const struct alert *a = alerts->alerts[i];

    if (a->state == ALERT_FIRING && a->member_count > 0) {
      memcpy(pairs + filled * 2, a->members, a->member_count * 2 * sizeof(*pairs));
      filled += a->member_count;
    }
  }
  qsort(pairs, count, 2 * sizeof(*pairs), pair_order);
  *ret_count = count;
  return pairs;
}

static void inhibit(struct finding_sink *alerts)
{
  size_t count = 0;
  int64_t *pairs = firing_members(alerts, &count);

  for (size_t i = 0; i < alerts->count; i++) {
    struct alert *a = alerts->alerts[i];
    const int64_t self[2] = {a->target_key, a->actor};

    a->inhibited = pairs && a->member_count == 0 && a->actor != VALUE_UNKNOWN &&
                   a->state != ALERT_RESOLVED &&
                   bsearch(self, pairs, count, sizeof(self), pair_order);
  }
  free(pairs);
}

void alerts_end(struct finding_sink *alerts)
{
  size_t kept = 0;

  for (size_t i = 0; i < alerts->count; i++) {
    struct alert *a = alerts->alerts[i];

    if (move_on(a, alerts->now.mono_ns)) {
      alerts->alerts[kept++] = a;
    } else {
      alerts->bytes -= alert_bytes(a);
      alert_free(a);
    }
  }
  alerts->count = kept;
  alerts->none_resolved = false;
  inhibit(alerts);
}

/* --- what others see --- */

static void fill_row(const struct alert *a, struct snapshot_builder *b, uint32_t row,
                     const char *host)
{
#define INTS(column) snapshot_builder_ints(b, RELATION_ALERTS, ALERTS_##column)[row]
#define TEXTS(column) snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_##column)[row]
#define ENUMS(column) snapshot_builder_enums(b, RELATION_ALERTS, ALERTS_##column)[row]
  TEXTS(KEY) = snapshot_builder_text(b, a->key);
  INTS(SINCE) = a->since_ms / 1000;
  TEXTS(HOST) = snapshot_builder_intern(b, host);
  TEXTS(TARGET) = snapshot_builder_intern(b, a->target);
  INTS(TARGET_KEY) = a->target_key;
  INTS(ACTOR) = a->actor;
  TEXTS(RULE) = snapshot_builder_intern(b, a->rule);
  ENUMS(SEVERITY) = a->severity;
  ENUMS(STATE) = a->state;
  ENUMS(CERTAINTY) = a->certainty;
  if (a->state == ALERT_RESOLVED)
    INTS(UNTIL) = a->found_ms / 1000;
  TEXTS(SUMMARY) = snapshot_builder_text(b, a->summary);
  TEXTS(DETAIL) = snapshot_builder_text(b, a->detail);
#undef INTS
#undef TEXTS
#undef ENUMS
}

int alerts_fill(const struct finding_sink *alerts, struct snapshot_builder *builder,
                const char *host)
{
  uint32_t rows = 0;
  int error = snapshot_builder_relation(builder, RELATION_ALERTS, (uint32_t)alerts->count);

  if (error != 0)
    return error;
  for (size_t i = 0; i < alerts->count; i++)
    if (!alerts->alerts[i]->inhibited)
      fill_row(alerts->alerts[i], builder, rows++, host);
  snapshot_builder_trim(builder, RELATION_ALERTS, rows);
  return 0;
}

static uint64_t due_ns(const struct alert *a)
{
  switch (a->state) {
  case ALERT_PENDING:
    return a->since_ns + a->for_ns;
  case ALERT_FIRING:
    return a->found ? UINT64_MAX : a->found_ns + a->keep_ns;
  default:
    return a->resolved_ns + ALERT_RESOLVED_KEEP_NS;
  }
}

uint64_t alerts_next_ns(const struct finding_sink *alerts)
{
  uint64_t next = UINT64_MAX;

  for (size_t i = 0; i < alerts->count; i++)
    if (due_ns(alerts->alerts[i]) < next)
      next = due_ns(alerts->alerts[i]);
  return next;
}
