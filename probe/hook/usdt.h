/*
 * usdt.h - the USDT sites of libimpasse in an executable or library, and where each keeps the addresses of
 * the slots that have just changed. Not for attaching (bpf/hook.h).
 *
 * The file is foreign: it is read, not mapped, and every offset in it is bounded.
 *
 * A site is a note in section .note.stapsdt (systemtap's sys/sdt.h describes it):
 *    address of the nop, link-time address of .stapsdt.base, semaphore, "impasse\0" name "\0" arguments "\0"
 * with arguments like "4@%eax 8@$1 8@24(%rsp)": bytes (negative: signed) @ operand of the assembler.
 */
#ifndef IMPASSE_PROBE_HOOK_USDT_H
#define IMPASSE_PROBE_HOOK_USDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/hook_record.h"

struct usdt_sites {
  struct hook_site *list;
  size_t count, room;
  size_t unreadable; /* whose arguments are in no form that is known here */
  bool
      inlined; /* the program was compiled with IMPASSE_USDT: without it, nothing is told of messages
                      * and calls */
};

/* Adds those of one file, with `file` as its number. 0 also when it has none; -ENOEXEC no file for
 * this processor, or malformed; -E2BIG, -ENOMEM, -EIO. */
int usdt_read(int fd, uint32_t file, struct usdt_sites *sites);
void usdt_done(struct usdt_sites *sites);

/* Takes argument number `n` of a description apart; -ENOTSUP in no form that is known here, -ENOENT there
 * is none. For tests, too. */
int usdt_argument(const char *arguments, unsigned n, struct hook_argument *ret_argument);

#endif
