// blocked.cpp - threads that wait for locks of the C++ library; see blocked.c.
#include <mutex>
#include <pthread.h>
#include <shared_mutex>
#include <thread>
#include <unistd.h>

namespace bank
{
struct Account {
  std::mutex mutex;
  static std::mutex audit;
  void transfer(Account &, long);
  template <typename Visit> __attribute__((noinline)) void each(Visit visit);
};
std::mutex Account::audit;
static Account first;
static std::shared_mutex rates;

__attribute__((noinline)) void Account::transfer(Account &, long)
{
  std::lock_guard<std::mutex> guard(mutex);
}

template <typename Visit> void Account::each(Visit visit)
{
  std::lock_guard<std::mutex> guard(audit);
  visit(*this);
}
} // namespace bank

static void named(const char *name)
{
  pthread_setname_np(pthread_self(), name);
}

int main()
{
  bank::first.mutex.lock();
  bank::Account::audit.lock();
  bank::rates.lock();
  std::thread method([] {
    named("method");
    bank::first.transfer(bank::first, 3);
    __asm__ volatile("");
  });
  std::thread generic([] {
    named("generic");
    bank::first.each([](bank::Account &account) { account.transfer(account, 1); });
    __asm__ volatile("");
  });
  std::thread lambda([] {
    named("lambda");
    std::shared_lock<std::shared_mutex> guard(bank::rates);
  });
  if (write(STDOUT_FILENO, "r", 1) != 1)
    return 1;
  method.join();
}
