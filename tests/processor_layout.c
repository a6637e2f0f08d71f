/*
 * processor_layout.c - the numbers of probe/processor against the headers of the C library and the kernel of
 * the same processor. Nothing runs: it compiles or it does not (processor_test.sh, for each processor).
 */
#include <asm/ptrace.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "probe/processor/processor.h"

#define HOLDS(condition) _Static_assert(condition, #condition)
#define MUTEX(field, offset)                                                                       \
  HOLDS(offsetof(pthread_mutex_t, __data.field) == PROCESSOR_MUTEX_##offset)
#define RWLOCK(field, offset)                                                                      \
  HOLDS(offsetof(pthread_rwlock_t, __data.field) == PROCESSOR_RWLOCK_##offset)

HOLDS(offsetof(pthread_mutex_t, __data.__lock) == 0);
MUTEX(__count, COUNT);
MUTEX(__owner, OWNER);
MUTEX(__nusers, NUSERS);
MUTEX(__kind, KIND);
MUTEX(__spins, SPINS);
MUTEX(__list.__prev, PREV);
MUTEX(__list.__next, NEXT);
HOLDS(sizeof(((pthread_mutex_t *)0)->__data) == PROCESSOR_MUTEX_BYTES);
HOLDS(-PROCESSOR_MUTEX_NEXT == PROCESSOR_JOIN_ROBUST_VALUE);

RWLOCK(__readers, READERS);
RWLOCK(__writers, WRITERS);
RWLOCK(__wrphase_futex, WRPHASE_WORD);
RWLOCK(__writers_futex, WRITERS_WORD);
RWLOCK(__pad3, PAD);
HOLDS(offsetof(pthread_rwlock_t, __data.__pad4) == PROCESSOR_RWLOCK_PAD + 4);
RWLOCK(__cur_writer, WRITER);
RWLOCK(__shared, SHARED);
HOLDS(offsetof(pthread_rwlock_t, __data.__shared) + 4 == PROCESSOR_RWLOCK_REST);
HOLDS(offsetof(pthread_rwlock_t, __data.__pad2) == PROCESSOR_RWLOCK_REST + 8);
RWLOCK(__flags, FLAGS);
HOLDS(sizeof(pthread_rwlock_t) == PROCESSOR_RWLOCK_BYTES);

HOLDS(PROCESSOR_CALL_FUTEX == SYS_futex);
HOLDS(PROCESSOR_CALL_FUTEX_WAITV == SYS_futex_waitv);

#ifdef __x86_64__
HOLDS(PROCESSOR_REGS_BYTES == sizeof(struct pt_regs));
#else
HOLDS(PROCESSOR_REGS_BYTES == sizeof(struct user_pt_regs));
#endif
