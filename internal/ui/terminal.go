package ui

import (
	"io"
	"os"
)

// Terminal is a terminal that questions are shown on.
type Terminal struct {
	Out io.Writer
	// Width returns its width in columns at the moment of the call. 0, or no function, means that nobody knows it.
	Width func() int
}

// terminalPath is the terminal of the process, whatever its standard streams are.
const terminalPath = "/dev/tty"

// newOpenTerminal returns what implements Streams.OpenTerminal for this process. The file stays open until the process
// ends.
func newOpenTerminal(columns string) func() *Terminal {
	return func() *Terminal {
		file, err := os.OpenFile(terminalPath, os.O_WRONLY, 0)
		if err != nil {
			return nil
		}
		return &Terminal{Out: file, Width: func() int { return widthOf(file, columns) }}
	}
}

// screen returns the terminal that questions are shown on: standard error where it is one, else that of the process. Where
// nobody could answer, or nothing could be shown, it returns nil.
func (s Streams) screen() *Terminal {
	switch {
	case !s.InTTY:
		return nil
	case s.ErrTTY:
		return &Terminal{Out: s.Err, Width: s.ErrWidth}
	case s.OpenTerminal != nil:
		return s.OpenTerminal()
	}
	return nil
}

// Interactive reports whether a question can be asked.
func (p *Printer) Interactive() bool { return !p.options.NoInput && p.screen() != nil }

func (t *Terminal) width() int { return widthNow(true, t.Width) }

// write writes to the terminal. There is nowhere to report that it failed.
func (t *Terminal) write(text string) { _, _ = io.WriteString(t.Out, text) }
