package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ocmt/ocmt/internal/crash"
	"github.com/ocmt/ocmt/internal/ui"
)

// faultGrace is how long a command may take to close its record after a panic in one of its goroutines.
const faultGrace = 10 * time.Second

// runGuarded runs a command, and returns the *crash.Fault where any goroutine of the program ended in a
// panic. After one that no caller waits for, it ends the context, and leaves the command alone where that
// does not end it.
func (a *App) runGuarded(cancel context.CancelCauseFunc, command func() error) error {
	faults := make(chan *crash.Fault, 1)
	defer crash.Watch(func(fault *crash.Fault) {
		select {
		case faults <- fault:
		default: // one is enough
		}
	})()
	ended := make(chan error, 1)
	crash.Go(func() { ended <- crash.Do(command) })
	select {
	case err := <-ended:
		return err
	case fault := <-faults:
		cancel(fault)
		select {
		case <-ended: //nolint:errcheck // the fault is the reason
		case <-time.After(faultGrace):
		}
		return fault
	}
}

// fail explains an error to the operator, and returns its exit code. Where that ends in a panic, it tells of this
// instead; and where there is no other way, in a sentence that nothing goes through.
func (a *App) fail(cancel context.CancelCauseFunc, err error) ui.ExitCode {
	for range 2 {
		var code ui.ExitCode
		fault := a.runGuarded(cancel, func() error {
			code = a.printer.Fail(a.withoutReturn(a.explainFault(explain(err), err)))
			return nil
		})
		if fault == nil {
			return code
		}
		err = fault
	}
	_ = crash.Do(func() error {
		_, err := io.WriteString(a.deps.Streams.Err, "error: a fault in ocmt itself, and what it was about could not be told\n")
		return err
	})
	return ui.ExitFailed
}

// withoutReturn leaves out how an interrupted command is gone on with, where there is nothing left to go on with.
func (a *App) withoutReturn(explained error) error {
	var shown *ui.Error
	if !a.deps.Throwaway || ui.ExitCodeOf(explained) != ui.ExitInterrupted || !errors.As(explained, &shown) {
		return explained
	}
	bare := *shown
	bare.Hints = nil
	return &bare
}

// explainFault puts the trace of a panic into a file, and says where that is. Every other error stays as
// it is explained.
func (a *App) explainFault(explained, err error) error {
	var fault *crash.Fault
	if !errors.As(err, &fault) {
		return explained
	}
	told := &ui.Error{Message: fault.Error() + "; nothing more was written", Code: ui.ExitFailed}
	path, err := writeTrace(fault, a.deps.Version)
	if err != nil {
		told.Hints = []string{"its trace could not be kept: " + err.Error()}
		return told
	}
	told.Hints = []string{"look at the state of what was under way, with ocmt migrate status or ocmt rotate status",
		"report it with " + path + ", which names functions and lines of ocmt and nothing of the deployment"}
	return told
}

// writeTrace writes the trace of a panic into a new file for temporary things that only this account may
// read, and returns its path.
func writeTrace(fault *crash.Fault, version string) (path string, err error) {
	file, err := os.CreateTemp("", "ocmt-fault-*.txt") // its mode is 0600
	if err != nil {
		return "", fmt.Errorf("making the file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := fmt.Fprintf(file, "ocmt %s\n%s", version, fault.Trace()); err != nil {
		return "", fmt.Errorf("writing the file: %w", err)
	}
	return file.Name(), nil
}
