//go:build unix

package ui

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/ocmt/ocmt/internal/crash"
)

// stopDelay is how long a program waits for the stop that it has asked for. A program whose shell cannot bring it back
// (an orphaned process group) is never stopped, and goes on after it.
const stopDelay = 200 * time.Millisecond

// suspender serves the printers of a process when the operator suspends it (Ctrl-Z).
type suspender struct {
	mu       sync.Mutex
	watchers []*suspendWatcher
	listens  bool
}

type suspendWatcher struct{ before, after func() }

// newOnSuspend returns what implements Streams.OnSuspend for this process.
func newOnSuspend() func(before, after func()) (release func()) {
	return new(suspender).watch
}

// watch calls before and after around each suspension until release is called. The first watch takes SIGTSTP for the rest of
// the process, because Go's runtime never gives it back to the system: what nobody listens to would do nothing.
func (s *suspender) watch(before, after func()) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listens {
		s.listens = true
		signals := make(chan os.Signal, 4)
		signal.Notify(signals, syscall.SIGTSTP, syscall.SIGCONT)
		crash.Go(func() { s.listen(signals) })
	}
	watcher := &suspendWatcher{before, after}
	s.watchers = append(s.watchers, watcher)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watchers = slices.DeleteFunc(s.watchers, func(w *suspendWatcher) bool { return w == watcher })
	}
}

// listen runs for the rest of the process.
func (s *suspender) listen(signals <-chan os.Signal) {
	for sent := range signals {
		watchers := s.current()
		if sent == syscall.SIGTSTP {
			for _, watcher := range watchers {
				watcher.before()
			}
			stopProcess(signals)
		}
		for _, watcher := range watchers {
			watcher.after()
		}
	}
}

// current returns the watchers of now. They are called without the lock, because they take that of their printer.
func (s *suspender) current() []*suspendWatcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.watchers)
}

// stopProcess lets the system stop this process, and returns when it goes on. It does so by SIGTTOU, which stops like
// SIGTSTP does, and like it not where no shell could bring the program back.
func stopProcess(signals <-chan os.Signal) {
	_ = syscall.Kill(os.Getpid(), syscall.SIGTTOU) // a process may always signal itself
	// Time goes on while a process is stopped, so the first delay is often over before the word that it goes on has come.
	// That word is taken in the second, or what is shown again would be shown twice.
	for range 2 {
		select {
		case <-signals:
			return
		case <-time.After(stopDelay):
		}
	}
}
