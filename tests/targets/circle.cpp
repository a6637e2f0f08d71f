/*
 * circle.cpp - a C++17 program that uses impasse.hpp: two server threads that call each other and
 * lock up, for real. A third thread waits for a lock that one of them holds. Checks by itself that
 * its region says so, prints "ready", and stays until its standard input ends; then it lets
 * everybody go and exits with 0.
 */
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include <unistd.h>

#include "probe/hook/impasse.hpp"

namespace
{

std::mutex books;
std::shared_mutex stock;
std::condition_variable news;
bool stop;

class server
{
  std::deque<server *> requests_;

public:
  impasse::actor self;
  explicit server(const char *name) : self(impasse::name::registered(name)) {}

  /* Sends a request and waits for an answer that never comes, since `other` does the same. */
  void ask(server &other)
  {
    std::unique_lock<std::mutex> lock(books);
    other.self.mailbox().put();
    other.requests_.push_back(this);
    impasse::scoped_wait call = self.call(other.self, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
    news.wait(lock, [] { return stop; });
  }
};

void order_holds_stock(server &order, server &bill, const impasse::table &table)
{
  impasse::table_guard<std::shared_mutex> guard(table, order.self, stock);
  order.ask(bill);
}

void audit_reads_stock(const impasse::actor &audit, const impasse::table &table)
{
  impasse::table_guard<std::shared_mutex, IMPASSE_READ> guard(table, audit, stock);
}

bool waits_for(const impasse::actor &waiter, impasse_ref holder, impasse_via via)
{
  const impasse_hot *hot = impasse_ref_slot(waiter.ref());
  if (!hot || __atomic_load_n(&hot->wait_mask, __ATOMIC_ACQUIRE) != 1)
    return false;
  impasse_wait_line line;
  impasse_line_copy(impasse_wait_line_of(hot, 0), &line);
  return (line.holders[0] & IMPASSE_REF_MASK) == impasse_ref_word(holder) && line.via == via;
}

template <typename Condition> bool within_deadline(Condition condition)
{
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

void let_go()
{
  std::lock_guard<std::mutex> lock(books);
  stop = true;
  news.notify_all();
}

/* What moves must stay one handle, closed once. */
bool handles_move()
{
  impasse::actor first{"first"};
  impasse_actor handle = first.handle();
  impasse::actor second{std::move(first)};
  if (first.handle().ref.slot || second.handle().ref.slot != handle.ref.slot)
    return false;
  second = impasse::actor{"third"};
  return !impasse_ref_slot(handle.ref) && impasse_ref_slot(second.ref());
}

} // namespace

int main()
{
  if (int error = impasse_start(nullptr)) {
    std::fprintf(stderr, "circle: the library is off: %s\n", std::strerror(-error));
    return 77;
  }
  server order{"order"}, bill{"bill"};
  impasse::actor audit{"audit"};
  impasse::table table{"stock", IMPASSE_RWLOCK};
  bool moves = handles_move();

  std::thread first(order_holds_stock, std::ref(order), std::ref(bill), std::cref(table));
  std::thread second([&] { bill.ask(order); });
  bool locked_up = within_deadline([&] {
    return waits_for(order.self, bill.self.ref(), IMPASSE_VIA_CALL) &&
           waits_for(bill.self, order.self.ref(), IMPASSE_VIA_CALL);
  });
  std::thread third(audit_reads_stock, std::cref(audit), std::cref(table));
  bool audit_waits =
      within_deadline([&] { return waits_for(audit, table.ref(), IMPASSE_VIA_RDLOCK); });
  std::puts("ready");
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0)
    ;
  let_go();
  first.join();
  second.join();
  third.join();
  bool all_ended = impasse_ref_slot(order.self.ref())->wait_mask == 0 &&
                   impasse_ref_slot(audit.ref())->wait_mask == 0 &&
                   impasse_ref_slot(order.self.ref())->held_mask == 0;
  if (moves && locked_up && audit_waits && all_ended)
    return 0;
  std::fprintf(stderr, "circle: moves %d, locked up %d, audit waits %d, all ended %d\n", moves,
               locked_up, audit_waits, all_ended);
  return 1;
}
