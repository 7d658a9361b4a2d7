package cli

import (
	"context"
	"os"
	"slices"
	"sync/atomic"

	"github.com/ocmt/ocmt/internal/crash"
	"github.com/ocmt/ocmt/internal/ui"
)

// Stop tells a command that the operator wants it to end. The first Ctrl-C, SIGTERM, SIGHUP, SIGQUIT or SIGPIPE
// closes Graceful: the command finishes its batches, says how to go on, and returns
// ui.ErrInterrupted. The second cancels the command's context.
type Stop struct {
	Graceful <-chan struct{}
	signal   *atomic.Value // the os.Signal that asked first
}

// Reason says what ended the command, for a record; "" where nothing has asked it to.
func (s Stop) Reason() string {
	if s.signal == nil {
		return ""
	}
	asked, is := s.signal.Load().(signalText)
	if !is {
		return ""
	}
	return "ended by " + signalName(asked.Signal)
}

// Context returns a context that the first request ends, for work that can end at any
// moment. Its cause is ui.ErrInterrupted.
func (s Stop) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	crash.Go(func() {
		select {
		case <-s.Graceful:
			cancel(ui.ErrInterrupted)
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(context.Canceled) }
}

// Requested reports whether the operator has asked to stop.
func (s Stop) Requested() bool {
	select {
	case <-s.Graceful:
		return true
	default:
		return false
	}
}

// watchSignals turns signals into a Stop and a context. After the second signal the system
// handles signals again, so that a third one ends the process even if something hangs. Those of a closed output are no
// second word of the operator's.
func watchSignals(parent context.Context, notify func(chan<- os.Signal) func()) (context.Context, Stop, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	graceful := make(chan struct{})
	signals := make(chan os.Signal, 2)
	release := notify(signals)
	asked := &atomic.Value{}
	crash.Go(func() {
		defer release()
		for requested := false; ; requested = true {
			var one os.Signal
			select {
			case <-ctx.Done():
				return
			case one = <-signals:
			}
			if requested && slices.Contains(outputSignals, one) {
				continue // every line that is written to a closed output sends another
			}
			if requested {
				cancel(ui.ErrInterrupted)
				return
			}
			asked.Store(signalText{one})
			close(graceful)
		}
	})
	return ctx, Stop{Graceful: graceful, signal: asked}, cancel
}

// signalText is an os.Signal in a form that an atomic.Value takes whatever its type is.
type signalText struct{ os.Signal }

// signalNames has the signals that end a command by the texts that every system has for them.
var signalNames = map[string]string{"interrupt": "SIGINT", "terminated": "SIGTERM", "hangup": "SIGHUP", "quit": "SIGQUIT",
	"broken pipe": "SIGPIPE, a closed output"}

// signalName returns the name of a signal.
func signalName(signal os.Signal) string {
	if name := signalNames[signal.String()]; name != "" {
		return name
	}
	return signal.String()
}
