package ui

import (
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// Streams are the three standard streams and what is known of them.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	// InTTY, OutTTY and ErrTTY say whether each stream is a terminal.
	InTTY, OutTTY, ErrTTY bool
	// Width is the width of the terminal in columns. It is 0 where the output is no terminal;
	// lines are not cut then.
	Width int
	// Colour says that the environment does not forbid colour. It is used only
	// where the stream is a terminal.
	Colour bool

	// ReadPassword reads a line without echo. It is nil where In is no terminal.
	ReadPassword func() ([]byte, error)
	// RestoreTerminal brings echo back after a ReadPassword that was interrupted.
	RestoreTerminal func()
}

// SystemStreams returns the streams of this process. The environment decides on
// colour: NO_COLOR with any value, or TERM=dumb, turn it off.
func SystemStreams(environ []string) Streams {
	s := Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY:  isTerminal(os.Stdin),
		OutTTY: isTerminal(os.Stdout),
		ErrTTY: isTerminal(os.Stderr),
		Colour: colourAllowed(environ),
	}
	s.Width = widthOf(os.Stdout)
	if s.Width == 0 {
		s.Width = widthOf(os.Stderr)
	}
	if s.InTTY {
		s.attachPassword(int(os.Stdin.Fd()))
	}
	return s
}

func (s *Streams) attachPassword(fd int) {
	s.ReadPassword = func() ([]byte, error) { return term.ReadPassword(fd) }
	s.RestoreTerminal = func() {}
	if state, err := term.GetState(fd); err == nil {
		s.RestoreTerminal = func() { _ = term.Restore(fd, state) } // the program is ending, and cannot report a failure
	}
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

func widthOf(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func colourAllowed(environ []string) bool {
	return !slices.ContainsFunc(environ, func(line string) bool {
		name, value, _ := strings.Cut(line, "=")
		return name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb"
	})
}
