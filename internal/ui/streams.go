package ui

import (
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// Streams are the three standard streams and what is known of them.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	// InTTY, OutTTY and ErrTTY say whether each stream is a terminal.
	InTTY, OutTTY, ErrTTY bool
	// OutWidth and ErrWidth return the width in columns of the terminal behind Out and Err at the moment of the
	// call, because a window is resized while a run goes on. 0, or no function, means that nobody knows it: nothing
	// is wrapped or cut then. A stream that is no terminal is never asked.
	OutWidth, ErrWidth func() int
	// Dumb says that the terminal takes no control sequences (TERM is dumb or empty): no colour, no live line, and
	// nothing is erased.
	Dumb bool
	// Colour says that the environment does not forbid colour. It is used only
	// where the stream is a terminal.
	Colour bool

	// OpenTerminal opens the terminal of the process, for questions where In is a terminal and Err is none. It returns
	// nil where that fails.
	OpenTerminal func() *Terminal
	// DropTyped forgets what was typed and not read yet. It is nil where In is no terminal, or where this system has no
	// call for it.
	DropTyped func()
	// ReadPassword reads a line without echo. It is nil where In is no terminal.
	ReadPassword func() ([]byte, error)
	// RestoreTerminal brings echo back after a ReadPassword that was interrupted.
	RestoreTerminal func()
	// PauseHiding brings echo back while a ReadPassword goes on. What it returns takes echo away again.
	PauseHiding func() (resume func())
	// OnSuspend calls before when the operator suspends the program (Ctrl-Z), suspends it, and calls after when it goes
	// on. It does so until release is called. It is nil where a program cannot be suspended.
	OnSuspend func(before, after func()) (release func())
}

// SystemStreams returns the streams of this process. The environment decides on colour, which NO_COLOR with any value
// turns off, and on control sequences: a terminal with TERM=dumb or without TERM gets none.
func SystemStreams(environ []string) Streams {
	settings := terminalSettings(environ)
	s := Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY:     isTerminal(os.Stdin),
		OutTTY:    isTerminal(os.Stdout),
		ErrTTY:    isTerminal(os.Stderr),
		Dumb:      settings["TERM"] == "dumb" || settings["TERM"] == "",
		Colour:    settings["NO_COLOR"] == "",
		OnSuspend: newOnSuspend(), OpenTerminal: newOpenTerminal(settings["COLUMNS"]),
	}
	s.OutWidth = func() int { return widthOf(os.Stdout, settings["COLUMNS"]) }
	s.ErrWidth = func() int { return widthOf(os.Stderr, settings["COLUMNS"]) }
	if s.InTTY {
		s.attachPassword(int(os.Stdin.Fd()))
		s.DropTyped = newDropTyped(int(os.Stdin.Fd()))
	}
	return s
}

// terminalSettings returns the variables that tell of the terminal. The last of two with one name counts.
func terminalSettings(environ []string) map[string]string {
	settings := map[string]string{}
	for _, line := range environ {
		switch name, value, _ := strings.Cut(line, "="); name {
		case "TERM", "NO_COLOR", "COLUMNS":
			settings[name] = value
		}
	}
	return settings
}

// hideTries is how often, a millisecond after the other, PauseHiding looks whether echo is away.
const hideTries = 500

// attachPassword sets what reads from a terminal without echo. Failures to set the terminal are not reported: there is
// no better place for it than the screen that the operator looks at.
func (s *Streams) attachPassword(fd int) {
	s.ReadPassword = func() ([]byte, error) { return term.ReadPassword(fd) }
	s.RestoreTerminal = func() {}
	state, err := term.GetState(fd)
	if err != nil {
		return
	}
	s.RestoreTerminal = func() { _ = term.Restore(fd, state) }
	s.PauseHiding = func() (resume func()) {
		hiding, err := term.GetState(fd)
		// Ctrl-Z may come before ReadPassword has taken echo away, which it does at once.
		for tried := 0; err == nil && *hiding == *state && tried < hideTries; tried++ {
			time.Sleep(time.Millisecond)
			hiding, err = term.GetState(fd)
		}
		if err != nil {
			return func() {}
		}
		_ = term.Restore(fd, state)
		return func() { _ = term.Restore(fd, hiding) }
	}
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// usualWidth is taken for a terminal that tells no size, such as a serial line.
const usualWidth = 80

// widthOf returns the width of the terminal behind a file. COLUMNS is a shell's word for its own window, so it counts
// only where the terminal itself tells nothing.
func widthOf(file *os.File, columns string) int {
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		return width
	}
	if width, err := strconv.Atoi(columns); err == nil && width > 0 {
		return width
	}
	return usualWidth
}
