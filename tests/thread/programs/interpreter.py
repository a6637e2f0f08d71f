"""interpreter.py - threads blocked in each way that Python knows, one case each; see program.h. CPython's locks
are semaphores, or words of its own, and name nobody."""
import os
import queue
import sys
import threading
import time


def call(tid):
    try:
        with open(f"/proc/self/task/{tid}/syscall") as file:
            return file.read()
    except OSError:
        return ""


def blocked(run, flags="-"):
    """Starts a thread and waits until it sleeps in one and the same futex call."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    before = ""
    while True:
        line = call(thread.native_id)
        # The lock of the interpreter is waited for with a timeout of some milliseconds: never twice the same clock.
        if line == before and line.startswith(("202 ", "98 ")):
            return thread.native_id, flags
        before = line
        time.sleep(0.02)


def on_lock():
    lock = threading.Lock()
    lock.acquire()
    return [blocked(lock.acquire), blocked(lambda: lock.acquire(timeout=3600), "t")]


def on_rlock():
    lock = threading.RLock()
    lock.acquire()
    return [blocked(lock.acquire)]


def on_condition():
    condition = threading.Condition()

    def wait():
        with condition:
            condition.wait()

    return [blocked(wait)]


def on_queue():
    return [blocked(queue.Queue().get), blocked(queue.SimpleQueue().get)]


def on_join():
    sleeper = threading.Thread(target=time.sleep, args=(3600,), daemon=True)
    sleeper.start()
    return [blocked(sleeper.join)]


def on_both():
    """Two locks in both orders: stuck for ever, and nothing tells who holds them."""
    first, second, met = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(one, other):
        with one:
            met.wait()
            with other:
                pass

    threads = [
        threading.Thread(target=take, args=pair, daemon=True)
        for pair in ((first, second), (second, first))
    ]
    for thread in threads:
        thread.start()
    while not (first.locked() and second.locked()):
        time.sleep(0.01)
    return []


CASES = {
    "lock": on_lock,
    "rlock": on_rlock,
    "condition": on_condition,
    "queue": on_queue,
    "join": on_join,
    "both": on_both,
}


def main():
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name == "list":
        print("\n".join(CASES))
        return 0
    if name not in CASES:
        return 2
    lines = CASES[name]()
    print(f"ready {len(lines)}")
    for tid, flags in lines:
        print(tid, "idle", 0, flags)
    sys.stdout.flush()
    time.sleep(600)
    os._exit(0)


sys.exit(main())
