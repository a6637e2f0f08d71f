/*
 * explain.h - why a read was refused: the facts, and apart from them the words. Inside this folder
 * only; apart, so that the words of a machine that we are not on (Yama, hidepid) are tested too.
 */
#ifndef IMPASSE_PROBE_REACH_EXPLAIN_H
#define IMPASSE_PROBE_REACH_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the kernel's check (ptrace_may_access, kernel/ptrace.c) looks at. Everything is false or 0
 * where it could not be found out. */
struct explain_facts {
  bool gone;             /* there is no such process */
  bool hidden;           /* it lives, but /proc does not show it: hidepid */
  bool privileged;       /* we hold CAP_SYS_PTRACE */
  bool enters;           /* we hold CAP_DAC_READ_SEARCH: files of others in /proc can be opened */
  bool known;            /* its /proc/PID/status could be read: the four below hold */
  bool other_user;       /* one of its user or group ids is not ours */
  uid_t uid;             /* its real user id */
  uint64_t capabilities; /* that it may use and we may not */
  bool undumpable;
  int yama; /* kernel.yama.ptrace_scope, 0 where there is no Yama */
};

void explain_gather(pid_t pid, struct explain_facts *ret_facts);
void explain_words(pid_t pid, int error, const struct explain_facts *facts, char *ret_text,
                   size_t room);

/* The hexadecimal number behind `label` ("CapPrm:") in the text of a status file; false where there
 * is none. */
bool explain_status_capabilities(const char *status, const char *label, uint64_t *ret_capabilities);
/* The first three ids (real, effective, saved) behind `label` ("Uid:"). */
bool explain_status_ids(const char *status, const char *label, unsigned ret_ids[3]);

#endif
