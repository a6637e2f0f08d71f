// cxx.cpp - threads blocked in each way that the C++ library knows, one case each; see program.h.
#include "program.h"

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>

using namespace std::chrono_literals;

namespace
{

struct Thread {
  pid_t tid = 0;

  // It says who it is, then does something.
  explicit Thread(std::function<void()> run)
  {
    std::thread([this, run] {
      program_here(&tid);
      run();
    }).detach();
  }
};

void stay()
{
  for (;;)
    pause();
}

// A thread that holds something for ever, from when this returns.
pid_t holds(std::function<void()> take)
{
  static std::atomic<pid_t> taken;
  taken = 0;
  std::thread([take] {
    take();
    taken = program_tid();
    stay();
  }).detach();
  while (!taken)
    program_pause_ms(1);
  return taken;
}

void blocks(std::function<void()> run, const char *kind, pid_t owner, const char *flags)
{
  program_blocked(&(new Thread(std::move(run)))->tid, kind, owner, flags);
}

// A lock that one thread holds and another wants.
template <class Mutex> void contend(const char *kind = "mutex")
{
  static Mutex mutex;
  pid_t owner = holds([] { mutex.lock(); });
  blocks([] { mutex.lock(); }, kind, owner, "-");
}

template <class Mutex> void contend_for(const char *kind = "mutex")
{
  static Mutex mutex;
  pid_t owner = holds([] { mutex.lock(); });
  blocks([] { (void)mutex.try_lock_for(1h); }, kind, owner, "t");
}

template <class Mutex> void contend_shared()
{
  static Mutex written, read;
  pid_t owner = holds([] { written.lock(); });
  blocks([] { written.lock_shared(); }, "rwlock_writer", owner, "r");
  blocks([] { written.lock(); }, "rwlock_writer", owner, "-");
  (void)holds([] { read.lock_shared(); });
  blocks([] { read.lock(); }, "rwlock_readers", 0, "-");
}

void wait_for_condition()
{
  static std::mutex mutex;
  static std::condition_variable changed;
  static std::condition_variable_any any;
  blocks(
      [] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [] { return false; });
      },
      "idle", 0, "-");
  blocks(
      [] {
        std::unique_lock lock(mutex);
        (void)changed.wait_for(lock, 1h, [] { return false; });
      },
      "idle", 0, "t");
  blocks(
      [] {
        std::unique_lock lock(mutex);
        any.wait(lock, [] { return false; });
      },
      "idle", 0, "-");
}

void wait_for_future()
{
  static std::promise<int> promise;
  static std::shared_future<int> future = promise.get_future().share();
  blocks([] { (void)future.get(); }, "idle", 0, "-");
  blocks([] { (void)future.wait_for(1h); }, "idle", 0, "t");
}

void join()
{
  static std::thread sleeper;
  static pid_t tid;
  sleeper = std::thread([] {
    program_here(&tid);
    stay();
  });
  while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
    program_pause_ms(1);
  blocks([] { sleeper.join(); }, "join", tid, "-");
}

void wait_at_latch()
{
  static std::latch latch(1);
  blocks([] { latch.wait(); }, "idle", 0, "-");
}

// After two rounds, so that the library's own count of them is a 2 at some time.
void wait_at_barrier()
{
  static std::barrier barrier(2);
  Thread *other = new Thread([] {
    for (;;)
      barrier.arrive_and_wait();
  });
  for (int round = 0; round < 2; round++) {
    (void)program_wait_asleep(&other->tid);
    barrier.arrive_and_wait();
  }
  program_blocked(&other->tid, "idle", 0, "-");
}

void wait_for_semaphore()
{
  static std::counting_semaphore<8> semaphore(0);
  blocks([] { semaphore.acquire(); }, "idle", 0, "-");
}

// What it waits for a change of is a 2, as a contended mutex's word; with data behind it, among which a
// thread's number.
void wait_for_atomic()
{
  static struct {
    std::atomic<int> value{2};
    int data[15] = {7, 0, 3, 5};
  } guarded;
  guarded.data[1] = program_tid();
  blocks([] { guarded.value.wait(2); }, "idle", 0, "-");
}

void call_once()
{
  static std::once_flag once;
  static std::atomic<bool> entered;
  std::thread([] {
    std::call_once(once, [] {
      entered = true;
      stay();
    });
  }).detach();
  while (!entered)
    program_pause_ms(1);
  blocks([] { std::call_once(once, [] {}); }, "idle", 0, "-");
}

const struct {
  const char *name;
  void (*block)();
} cases[] = {
    {"mutex", [] { contend<std::mutex>(); }},
    {"recursive_mutex", [] { contend<std::recursive_mutex>(); }},
    {"timed_mutex", [] { contend<std::timed_mutex>(); }},
    {"timed_mutex_for", [] { contend_for<std::timed_mutex>(); }},
    {"recursive_timed_mutex_for", [] { contend_for<std::recursive_timed_mutex>(); }},
    {"shared_mutex", contend_shared<std::shared_mutex>},
    {"shared_timed_mutex", contend_shared<std::shared_timed_mutex>},
    {"shared_timed_mutex_for", [] { contend_for<std::shared_timed_mutex>("rwlock_writer"); }},
    {"condition_variable", wait_for_condition},
    {"future", wait_for_future},
    {"join", join},
    {"latch", wait_at_latch},
    {"barrier", wait_at_barrier},
    {"semaphore", wait_for_semaphore},
    {"atomic_wait", wait_for_atomic},
    {"call_once", call_once},
};

} // namespace

int main(int argc, char **argv)
{
  const char *name = argc == 2 ? argv[1] : "";
  program_mortal(PROGRAM_SECONDS);
  for (const auto &the_case : cases) {
    if (strcmp(name, "list") == 0)
      (void)puts(the_case.name);
    if (strcmp(name, the_case.name) == 0) {
      the_case.block();
      program_ready();
    }
  }
  return strcmp(name, "list") == 0 ? 0 : 2;
}
