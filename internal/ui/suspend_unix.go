//go:build unix

package ui

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopDelay is how long a program waits for the stop that it has asked for. A program whose shell cannot bring it back
// (an orphaned process group) is never stopped, and goes on after it.
const stopDelay = 200 * time.Millisecond

// onSuspend implements Streams.OnSuspend.
func onSuspend(before, after func()) (release func()) {
	signals := make(chan os.Signal, 4)
	done := make(chan struct{})
	signal.Notify(signals, syscall.SIGTSTP, syscall.SIGCONT)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-done:
				return
			case sent := <-signals:
				if sent == syscall.SIGTSTP {
					before()
					stopProcess(signals)
				}
				after()
			}
		}
	}()
	return func() { close(done) }
}

// stopProcess lets the system stop this process, and returns when it goes on. It does so by SIGTTOU, which stops like
// SIGTSTP does, and like it not where no shell could bring the program back. SIGTSTP itself stays with Go's runtime once it
// was caught, and does nothing then.
func stopProcess(signals <-chan os.Signal) {
	_ = syscall.Kill(os.Getpid(), syscall.SIGTTOU) // a process may always signal itself
	select {
	case <-signals:
	case <-time.After(stopDelay):
	}
}
