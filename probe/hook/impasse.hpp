/*
 * impasse.hpp - impasse.h for C++17: what is opened closes itself, what begins ends itself.
 * Move-only, as thin as the handle inside, no exceptions, no allocation. handle() gives the handle
 * for what has no method here.
 * Not here: any rule of its own; who may call what stands in impasse.h.
 *
 *     impasse::actor bank{"bank"};
 *     bank.mailbox().put();
 *     {
 *       impasse::scoped_wait call = client.call(bank);
 *       ... wait for the answer ...
 *     }
 */
#ifndef IMPASSE_HPP
#define IMPASSE_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "probe/hook/impasse.h"

namespace impasse
{

/* A name: a text, or a class and a number. */
class name
{
  impasse_name value_;

public:
  name(const char *text) : value_(impasse_text(text)) {}
  name(std::uint32_t class_id, std::uint64_t number) : value_(impasse_numbered(class_id, number)) {}
  static name registered(const char *text)
  {
    name result{text};
    result.value_ = impasse_registered(text);
    return result;
  }
  impasse_name value() const
  {
    return value_;
  }
};

/* One word for all the ways to close. */
inline void close(impasse_actor handle)
{
  impasse_actor_close(handle);
}
inline void close(impasse_mailbox handle)
{
  impasse_mailbox_close(handle);
}
inline void close(impasse_pool handle)
{
  impasse_pool_close(handle);
}
inline void close(impasse_promise handle)
{
  impasse_promise_close(handle);
}
inline void close(impasse_service handle)
{
  impasse_service_close(handle);
}
inline void close(impasse_table handle)
{
  impasse_table_close(handle);
}

/* Owns a handle: it is closed with its owner. */
template <typename Handle> class owner
{
  Handle handle_{};

public:
  owner() = default;
  explicit owner(Handle handle) : handle_(handle) {}
  owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, Handle{})) {}
  owner &operator=(owner &&other) noexcept
  {
    if (this != &other) {
      close(handle_);
      handle_ = std::exchange(other.handle_, Handle{});
    }
    return *this;
  }
  owner(const owner &) = delete;
  owner &operator=(const owner &) = delete;
  ~owner()
  {
    close(handle_);
  }

  Handle handle() const
  {
    return handle_;
  }
  impasse_ref ref() const /* as a holder of a wait */
  {
    return handle_.ref;
  }
};

/* A wait of any kind, until the end of its scope. call() gives what may travel in the request. */
class scoped_wait
{
  impasse_wait wait_{};

public:
  explicit scoped_wait(impasse_wait wait) : wait_(wait) {}
  scoped_wait(scoped_wait &&other) noexcept : wait_(std::exchange(other.wait_, impasse_wait{})) {}
  scoped_wait &operator=(scoped_wait &&) = delete;
  scoped_wait(const scoped_wait &) = delete;
  scoped_wait &operator=(const scoped_wait &) = delete;
  ~scoped_wait()
  {
    end();
  }

  void end()
  {
    impasse_wait_end(std::exchange(wait_, impasse_wait{}));
  }
  impasse_wait call() const
  {
    return wait_;
  }
};

/* A mailbox of somebody: a view that closes nothing. */
class mailbox
{
  impasse_mailbox handle_;

public:
  explicit mailbox(impasse_mailbox handle) : handle_(handle) {}
  void put(std::uint64_t n = 1) const
  {
    impasse_put(handle_, n);
  }
  void put_single(std::uint64_t n = 1) const
  {
    impasse_put_single(handle_, n);
  }
  void take(std::uint64_t n = 1) const
  {
    impasse_take(handle_, n);
  }
  void take_shared(std::uint64_t n = 1) const
  {
    impasse_take_shared(handle_, n);
  }
  void drop_newest(std::uint64_t n = 1) const
  {
    impasse_drop_newest(handle_, n);
  }
  void drop_oldest(std::uint64_t n = 1) const
  {
    impasse_drop_oldest(handle_, n);
  }
  void capacity(std::uint64_t messages) const
  {
    impasse_capacity(handle_, messages);
  }
  template <typename Counter> void adopt(const volatile Counter *counter) const
  {
    impasse_adopt(handle_, counter, sizeof *counter, std::is_signed<Counter>::value);
  }
  impasse_mailbox handle() const
  {
    return handle_;
  }
};

/* One more mailbox of an actor, or a queue without an owner. */
class owned_mailbox : public owner<impasse_mailbox>
{
public:
  using owner::owner;
  explicit owned_mailbox(name queue) : owner(impasse_queue_open(queue.value())) {}
  mailbox view() const
  {
    return mailbox{handle()};
  }
};

class pool : public owner<impasse_pool>
{
public:
  using owner::owner;
  pool(name name, std::uint64_t workers) : owner(impasse_pool_open(name.value(), workers)) {}
  impasse_worker worker() const /* once in each thread of the pool */
  {
    return impasse_worker_begin(handle());
  }
};

class promise : public owner<impasse_promise>
{
public:
  using owner::owner;
  explicit promise(name name) : owner(impasse_promise_open(name.value())) {}
  void fulfiller(impasse_ref who) const
  {
    impasse_promise_fulfiller(handle(), who);
  }
};

class actor : public owner<impasse_actor>
{
public:
  using owner::owner;
  explicit actor(name name) : owner(impasse_actor_open(name.value())) {}
  actor(name name, const actor &parent, const pool &pool)
      : owner(impasse_actor_open_in(name.value(), parent.handle(), pool.handle()))
  {
  }

  impasse::mailbox mailbox() const
  {
    return impasse::mailbox{impasse_mailbox_of(handle())};
  }
  owned_mailbox open_mailbox() const
  {
    return owned_mailbox{impasse_mailbox_open(handle())};
  }

  /* Waits for the answer of an actor, a service, a promise. */
  template <typename Holder>
  scoped_wait call(const Holder &callee, std::uint64_t timeout_ns = IMPASSE_TIMEOUT_NONE,
                   std::uint32_t flags = 0) const
  {
    return scoped_wait{impasse_call_begin(handle(), callee.ref(), timeout_ns, flags)};
  }
  scoped_wait await(const promise &promise, std::uint64_t timeout_ns = IMPASSE_TIMEOUT_NONE) const
  {
    return scoped_wait{impasse_await_begin(handle(), promise.handle(), timeout_ns)};
  }
  scoped_wait room(impasse::mailbox full, std::uint64_t timeout_ns = IMPASSE_TIMEOUT_NONE) const
  {
    return scoped_wait{impasse_room_begin(handle(), full.handle(), timeout_ns)};
  }
  scoped_wait wait(std::initializer_list<impasse_ref> holders, impasse_via via,
                   std::uint32_t flags = 0, std::uint64_t timeout_ns = IMPASSE_TIMEOUT_NONE,
                   std::uint32_t object = 0) const
  {
    impasse_wait_request request{};
    request.holders = holders.begin();
    request.holder_count = static_cast<std::uint32_t>(holders.size());
    request.via = via;
    request.flags = flags;
    request.object = object;
    request.timeout_ns = timeout_ns;
    return scoped_wait{impasse_wait_begin(handle(), &request)};
  }
};

class service : public owner<impasse_service>
{
public:
  using owner::owner;
  explicit service(name name) : owner(impasse_service_open(name.value())) {}
  void join(const actor &member) const
  {
    impasse_service_join(handle(), member.handle());
  }
  void leave(const actor &member) const
  {
    impasse_service_leave(handle(), member.handle());
  }
};

class table : public owner<impasse_table>
{
public:
  using owner::owner;
  explicit table(name name, impasse_table_kind kind = IMPASSE_TABLE)
      : owner(impasse_table_open(name.value(), kind))
  {
  }
  void size(std::int64_t items, std::int64_t bytes) const
  {
    impasse_table_size(handle(), items, bytes);
  }
};

/* Runs an actor on a worker until the end of the scope, then lays it down in the given state. */
class scoped_run
{
  impasse_actor actor_;
  impasse_state then_;

public:
  scoped_run(const impasse_worker &worker, const actor &actor, impasse_state then = IMPASSE_RECEIVE)
      : actor_(actor.handle()), then_(then)
  {
    impasse_run_begin(&worker, actor_);
  }
  scoped_run(const scoped_run &) = delete;
  scoped_run &operator=(const scoped_run &) = delete;
  ~scoped_run()
  {
    impasse_run_end(actor_, then_);
  }
  void then(impasse_state state)
  {
    then_ = state;
  }
};

/* A lock of any kind that has lock() and try_lock(), held in the name of an actor until the end of
 * the scope; a wait is recorded only when the lock was taken. With IMPASSE_READ it uses
 * lock_shared() and its kin. */
template <typename Mutex, impasse_mode Mode = IMPASSE_WRITE> class table_guard
{
  impasse_table table_;
  impasse_actor actor_;
  Mutex &mutex_;

  bool try_now()
  {
    if constexpr (Mode == IMPASSE_WRITE)
      return mutex_.try_lock();
    else
      return mutex_.try_lock_shared();
  }
  void lock_now()
  {
    if constexpr (Mode == IMPASSE_WRITE)
      mutex_.lock();
    else
      mutex_.lock_shared();
  }

public:
  table_guard(const table &table, const actor &actor, Mutex &mutex)
      : table_(table.handle()), actor_(actor.handle()), mutex_(mutex)
  {
    if (!try_now()) {
      impasse_table_wait wait =
          impasse_table_wait_begin(table_, actor_, Mode, IMPASSE_TIMEOUT_NONE);
      lock_now();
      impasse_table_wait_end(wait);
    }
    impasse_table_acquired(table_, actor_, Mode);
  }
  table_guard(const table_guard &) = delete;
  table_guard &operator=(const table_guard &) = delete;
  ~table_guard()
  {
    impasse_table_released(table_, actor_);
    if constexpr (Mode == IMPASSE_WRITE)
      mutex_.unlock();
    else
      mutex_.unlock_shared();
  }
};

} // namespace impasse
#endif
