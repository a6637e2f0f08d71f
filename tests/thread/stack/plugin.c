/* plugin.c - a library that is loaded late; see blocked.c. */
#include <pthread.h>

void plugin_wait(pthread_mutex_t *mutex);

__attribute__((noinline)) static void plugin_deep(pthread_mutex_t *mutex)
{
  pthread_mutex_lock(mutex);
  __asm__ volatile("");
}

void plugin_wait(pthread_mutex_t *mutex)
{
  plugin_deep(mutex);
  __asm__ volatile("");
}
