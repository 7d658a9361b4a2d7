package cli

import (
	"context"
	"os"

	"github.com/ocmt/ocmt/internal/ui"
)

// Stop tells a command that the operator wants it to end. The first Ctrl-C, SIGTERM, SIGHUP, SIGQUIT or SIGPIPE
// closes Graceful: the command finishes its batches, says how to go on, and returns
// ui.ErrInterrupted. The second cancels the command's context.
type Stop struct {
	Graceful <-chan struct{}
}

// Context returns a context that the first request ends, for work that can end at any
// moment. Its cause is ui.ErrInterrupted.
func (s Stop) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.Graceful:
			cancel(ui.ErrInterrupted)
		case <-ctx.Done():
		}
	}()
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
// handles signals again, so that a third one ends the process even if something hangs.
func watchSignals(parent context.Context, notify func(chan<- os.Signal) func()) (context.Context, Stop, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	graceful := make(chan struct{})
	signals := make(chan os.Signal, 2)
	release := notify(signals)
	go func() {
		defer release()
		for requested := false; ; requested = true {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if requested {
				cancel(ui.ErrInterrupted)
				return
			}
			close(graceful)
		}
	}()
	return ctx, Stop{Graceful: graceful}, func() { cancel(context.Canceled) }
}
