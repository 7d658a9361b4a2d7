package cli

import (
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ocmt/ocmt/internal/procsec"
	"github.com/ocmt/ocmt/internal/ui"
)

// programName is what an operator types.
const programName = "ocmt"

// Deps is everything outside of the program that a command touches.
type Deps struct {
	Streams ui.Streams
	Environ []string // NAME=value lines
	Dir     string   // where relative paths start
	Host    string   // the name of this machine, for the record
	Process int      // the number of this process
	Root    bool     // the account may look at every process
	Now     func() time.Time
	Ticks   func(period time.Duration) (ticks <-chan time.Time, stop func()) // nil: nothing is drawn as time passes
	Sleep   func(time.Duration)                                              // exact to a fraction of a millisecond
	Cores   int                                                              // of this machine
	Memory  int64                                                            // bytes that the process may use; 0 for as many as it likes
	Random  io.Reader                                                        // a cryptographic source, safe for several goroutines
	// Notify begins to deliver interruptions, and returns a function that ends it.
	Notify func(chan<- os.Signal) (stop func())
	// Harden protects the memory of the process; nil in tests.
	Harden  func() error
	Version string // as set by the build; may be empty
	// Program returns the path that this program was called by, where a shell does not find it by its name; else "".
	Program func() string
	// Throwaway says that the command is one of a demo. Its servers end with it, so that nothing can be gone on with.
	Throwaway bool
}

// SystemDeps returns the dependencies of this process, which may use so many bytes of memory.
func SystemDeps(version string, memory int64) Deps {
	environ := withAccount(os.Environ())
	return Deps{
		Streams: ui.SystemStreams(environ),
		Environ: environ,
		Dir:     ".",
		Host:    hostName(),
		Process: os.Getpid(),
		Root:    os.Geteuid() == 0,
		Now:     time.Now,
		Ticks:   ui.SystemTicks,
		Sleep:   sleep,
		Cores:   runtime.GOMAXPROCS(0),
		Memory:  memory,
		Random:  rand.Reader,
		Notify:  notify,
		Harden:  procsec.Harden,
		Version: version,
		Program: func() string { return programPath(os.Args[0]) },
	}
}

// programPath returns the path that this program was called by, "" where a shell finds it by its name.
func programPath(called string) string {
	if _, err := exec.LookPath(programName); err == nil || !strings.ContainsRune(called, os.PathSeparator) {
		return ""
	}
	return called
}

// hostName returns the name of this machine, or "unknown".
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// withAccount adds the name of the account where the environment has none, as in a container
// or a cron job. Records name the operator by it.
func withAccount(environ []string) []string {
	for _, line := range environ {
		if name, value, _ := strings.Cut(line, "="); (name == "USER" || name == "SUDO_USER") && value != "" {
			return environ
		}
	}
	account, err := user.Current()
	if err != nil {
		return environ
	}
	return append(environ, "USER="+account.Username)
}

// notify asks for the signals that end a command in order: also those of a terminal, or of an output,
// that is closed. A hang-up stays ignored where it is.
func notify(signals chan<- os.Signal) func() {
	asked := append([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}, outputSignals...)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it; a shell makes its background jobs ignore others
		asked = append(asked, syscall.SIGHUP)
	}
	signal.Notify(signals, asked...)
	// Those of a closed output stay taken until the process ends: what is written last must not end it with their status.
	if len(outputSignals) > 0 {
		signal.Notify(make(chan os.Signal, 1), outputSignals...)
	}
	return func() { signal.Stop(signals) }
}
