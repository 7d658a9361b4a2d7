package cli

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
)

// closableOutput is an output that its reader may close, as head does. What is written after that
// is dropped without a word: nobody reads it.
type closableOutput struct {
	io.Writer
	closed atomic.Bool
}

// Write implements io.Writer.
func (o *closableOutput) Write(text []byte) (int, error) {
	written, err := o.Writer.Write(text)
	if errors.Is(err, syscall.EPIPE) {
		o.closed.Store(true)
		return len(text), nil
	}
	return written, err
}
