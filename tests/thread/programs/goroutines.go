// goroutines.go - threads of a Go program that are blocked because their goroutines are, one case each; see
// program.h. Go's locks put goroutines to sleep, not threads: a thread never waits for anybody in particular.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

func call(tid int) string {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
	return string(line)
}

// blocked runs something on a thread of its own and waits until that sleeps in one and the same futex call.
func blocked(run func()) int {
	told := make(chan int)
	go func() {
		runtime.LockOSThread()
		told <- syscall.Gettid()
		run()
	}()
	tid := <-told
	for before := ""; ; time.Sleep(2 * time.Millisecond) {
		line := call(tid)
		if line == before && (strings.HasPrefix(line, "202 ") || strings.HasPrefix(line, "98 ")) {
			return tid
		}
		before = line
	}
}

var (
	mutex   sync.Mutex
	rwmutex sync.RWMutex
	group   sync.WaitGroup
)

func onMutex() []int {
	mutex.Lock()
	return []int{blocked(mutex.Lock), blocked(mutex.Lock)}
}

func onRWMutex() []int {
	rwmutex.Lock()
	return []int{blocked(rwmutex.Lock), blocked(rwmutex.RLock)}
}

func onChannel() []int {
	channel := make(chan int)
	return []int{
		blocked(func() { <-channel }),
		blocked(func() { select {} }),
		blocked(func() { var none chan int; none <- 1 }),
	}
}

func onCondition() []int {
	condition := sync.NewCond(&mutex)
	return []int{blocked(func() { mutex.Lock(); condition.Wait() })}
}

func onGroup() []int {
	group.Add(1)
	return []int{blocked(group.Wait)}
}

// busy is not blocked at all: the runtime's own locks, at full speed.
func busy() []int {
	channel := make(chan []byte, 1)
	for i := 0; i < 16; i++ {
		go func() {
			for {
				channel <- make([]byte, 4096)
				mutex.Lock()
				runtime.Gosched()
				mutex.Unlock()
				<-channel
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	return nil
}

var cases = []struct {
	name string
	run  func() []int
}{
	{"mutex", onMutex},
	{"rwmutex", onRWMutex},
	{"channel", onChannel},
	{"condition", onCondition},
	{"group", onGroup},
	{"busy", busy},
}

func main() {
	if len(os.Args) != 2 {
		os.Exit(2)
	}
	for _, c := range cases {
		if os.Args[1] == "list" {
			fmt.Println(c.name)
		}
		if os.Args[1] == c.name {
			tids := c.run()
			fmt.Printf("ready %d\n", len(tids))
			for _, tid := range tids {
				fmt.Printf("%d idle 0 -\n", tid)
			}
			time.Sleep(10 * time.Minute)
		}
	}
	if os.Args[1] != "list" {
		os.Exit(2)
	}
}
