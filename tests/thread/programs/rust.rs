// rust.rs - threads blocked in each way that Rust's standard library knows, one case each; see program.h. Its
// locks are futexes of its own, which name nobody; its joins are those of the C library.
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::Duration;

extern "C" {
    fn gettid() -> i32;
}

const HOUR: Duration = Duration::from_secs(3600);

struct Line {
    tid: i32,
    kind: &'static str,
    owner: i32,
    flags: &'static str,
}

fn tid() -> i32 {
    unsafe { gettid() }
}

fn pause() {
    thread::sleep(Duration::from_millis(2));
}

// The system call that a thread sleeps in, as the kernel words it.
fn call(tid: i32) -> String {
    std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).unwrap_or_default()
}

// Starts a thread and waits until it sleeps in one and the same futex call.
fn blocked<F>(kind: &'static str, owner: i32, flags: &'static str, run: F) -> Line
where
    F: FnOnce() + Send + 'static,
{
    let told = Arc::new(AtomicI32::new(0));
    let tell = told.clone();
    thread::spawn(move || {
        tell.store(tid(), Ordering::Release);
        run();
    });
    let mut before = String::new();
    loop {
        let now = told.load(Ordering::Acquire);
        let line = if now != 0 { call(now) } else { String::new() };
        if line.starts_with("202 ") || line.starts_with("98 ") {
            if line == before {
                return Line { tid: now, kind, owner, flags };
            }
        }
        before = line;
        pause();
    }
}

// A thread that takes something, and is its owner for ever.
fn holder<F, G>(take: F) -> i32
where
    F: FnOnce() -> G + Send + 'static,
{
    let told = Arc::new(AtomicI32::new(0));
    let tell = told.clone();
    thread::spawn(move || {
        let _guard = take();
        tell.store(tid(), Ordering::Release);
        loop {
            thread::sleep(HOUR);
        }
    });
    while told.load(Ordering::Acquire) == 0 {
        pause();
    }
    told.load(Ordering::Acquire)
}

// What it guards looks like the rest of a mutex of the C library that is held by a living thread.
#[repr(C)]
struct Lookalike {
    owner: i32,
    users: u32,
    kind: u32,
    rest: [u32; 8],
}

static MUTEX: Mutex<[i32; 12]> = Mutex::new([0; 12]);
static RWLOCK: RwLock<u64> = RwLock::new(0);
static ONCE: Once = Once::new();

fn mutex() -> Vec<Line> {
    holder(|| MUTEX.lock());
    vec![
        blocked("idle", 0, "-", || drop(MUTEX.lock())),
        blocked("idle", 0, "-", || drop(MUTEX.lock())),
    ]
}

fn mutex_lookalike() -> Vec<Line> {
    let data = Lookalike { owner: tid(), users: 1, kind: 0, rest: [0; 8] };
    let guarded: &'static Mutex<Lookalike> = Box::leak(Box::new(Mutex::new(data)));
    holder(|| guarded.lock());
    vec![blocked("idle", 0, "-", || {
        let data = guarded.lock().unwrap();
        println!("{} {} {} {:?}", data.owner, data.users, data.kind, data.rest);
    })]
}

fn rwlock_written() -> Vec<Line> {
    holder(|| RWLOCK.write());
    vec![
        blocked("idle", 0, "-", || drop(RWLOCK.read())),
        blocked("idle", 0, "-", || drop(RWLOCK.write())),
    ]
}

fn rwlock_read() -> Vec<Line> {
    holder(|| RWLOCK.read());
    vec![
        blocked("idle", 0, "-", || drop(RWLOCK.write())),
        blocked("idle", 0, "-", || drop(RWLOCK.read())),
    ]
}

// Notified some times before, so that its counter is a small number.
fn condvar() -> Vec<Line> {
    let pair: &'static (Mutex<u32>, Condvar) = Box::leak(Box::new((Mutex::new(0), Condvar::new())));
    for _ in 0..2 {
        pair.1.notify_one();
    }
    vec![
        blocked("idle", 0, "-", || drop(pair.1.wait(pair.0.lock().unwrap()))),
        blocked("idle", 0, "t", || drop(pair.1.wait_timeout(pair.0.lock().unwrap(), HOUR))),
    ]
}

fn channel() -> Vec<Line> {
    let (sender, receiver) = mpsc::channel::<u32>();
    Box::leak(Box::new(sender));
    let (full, kept) = mpsc::sync_channel::<u32>(0);
    Box::leak(Box::new(kept));
    vec![
        blocked("idle", 0, "-", move || loop {
            let _ = receiver.recv();
        }),
        blocked("idle", 0, "-", move || loop {
            let _ = full.send(1);
        }),
    ]
}

fn park() -> Vec<Line> {
    vec![
        blocked("idle", 0, "-", || loop {
            thread::park();
        }),
        blocked("idle", 0, "t", || loop {
            thread::park_timeout(HOUR);
        }),
    ]
}

fn join() -> Vec<Line> {
    let told = Arc::new(AtomicI32::new(0));
    let tell = told.clone();
    let sleeper = thread::spawn(move || {
        tell.store(tid(), Ordering::Release);
        loop {
            thread::sleep(HOUR);
        }
    });
    while told.load(Ordering::Acquire) == 0 {
        pause();
    }
    let owner = told.load(Ordering::Acquire);
    vec![blocked("join", owner, "-", move || drop(sleeper.join()))]
}

fn barrier() -> Vec<Line> {
    let barrier = Arc::new(Barrier::new(2));
    vec![blocked("idle", 0, "-", move || drop(barrier.wait()))]
}

fn once() -> Vec<Line> {
    let begun = Arc::new(AtomicI32::new(0));
    let begin = begun.clone();
    thread::spawn(move || {
        ONCE.call_once(|| {
            begin.store(1, Ordering::Release);
            loop {
                thread::sleep(HOUR);
            }
        })
    });
    while begun.load(Ordering::Acquire) == 0 {
        pause();
    }
    vec![blocked("idle", 0, "-", || ONCE.call_once(|| {}))]
}

const CASES: &[(&str, fn() -> Vec<Line>)] = &[
    ("mutex", mutex),
    ("mutex_lookalike", mutex_lookalike),
    ("rwlock_written", rwlock_written),
    ("rwlock_read", rwlock_read),
    ("condvar", condvar),
    ("channel", channel),
    ("park", park),
    ("join", join),
    ("barrier", barrier),
    ("once", once),
];

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "list" {
        for (name, _) in CASES {
            println!("{name}");
        }
        return;
    }
    let Some((_, run)) = CASES.iter().find(|(known, _)| *known == name) else {
        std::process::exit(2);
    };
    let lines = run();
    println!("ready {}", lines.len());
    for line in &lines {
        println!("{} {} {} {}", line.tid, line.kind, line.owner, line.flags);
    }
    loop {
        thread::sleep(HOUR);
    }
}
