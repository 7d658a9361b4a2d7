package cli

import (
	"crypto/rand"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/ocmt/ocmt/internal/procsec"
	"github.com/ocmt/ocmt/internal/ui"
)

// Deps is everything outside itself that a command touches.
type Deps struct {
	Streams ui.Streams
	Environ []string // NAME=value lines
	Dir     string   // where relative paths start
	Now     func() time.Time
	Nap     func(time.Duration) // sleeps, exactly to a fraction of a millisecond
	Cores   int                 // of this machine
	Random  io.Reader
	// Notify begins to deliver interruptions, and returns how to end that.
	Notify func(chan<- os.Signal) (stop func())
	// Harden protects the memory of the process; nil in tests.
	Harden  func() error
	Version string // as set by the build; may be empty
}

// SystemDeps returns those of this process.
func SystemDeps(version string) Deps {
	environ := os.Environ()
	return Deps{
		Streams: ui.SystemStreams(environ),
		Environ: environ,
		Dir:     ".",
		Now:     time.Now,
		Nap:     nap,
		Cores:   runtime.GOMAXPROCS(0),
		Random:  rand.Reader,
		Notify:  notify,
		Harden:  procsec.Harden,
		Version: version,
	}
}

func notify(signals chan<- os.Signal) func() {
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return func() { signal.Stop(signals) }
}
