package ui_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/ui"
)

// TestConfirm: work that cannot be taken back must never start unasked, and a
// script must not hang on a question.
func TestConfirm(t *testing.T) {
	t.Parallel()
	const (
		goOn  = ui.ExitDone
		stays = "Go on? [y/N] " // the answer and the end of its line are shown by the terminal
		again = "Please answer yes or no. "
	)
	for _, test := range []struct {
		name                 string
		terminal, reversible bool
		options              ui.Options
		answer               string
		want                 ui.ExitCode
		asked                bool
		screen               string
	}{
		{"yes typed", true, false, ui.Options{}, "y\n", goOn, true, ""},
		{"yes typed in full", true, true, ui.Options{}, " YES \n", goOn, true, ""},
		{"no typed", true, true, ui.Options{}, "n\n", ui.ExitRefused, true, ""},
		{"return typed", true, true, ui.Options{}, "\n", ui.ExitRefused, true, ""},
		{"end of input", true, true, ui.Options{}, "", ui.ExitRefused, true, "Go on? [y/N] \n"},
		{"end of input in an answer", true, true, ui.Options{}, "y", ui.ExitRefused, true, "Go on? [y/N] \n"},
		{"maybe, then yes", true, true, ui.Options{}, "maybe\nyes\n", goOn, true, stays + again + stays},
		{"maybe for ever", true, true, ui.Options{}, strings.Repeat("maybe\n", 9), ui.ExitRefused, true, stays + again + stays + again + stays},
		{"--yes", true, false, ui.Options{Yes: true}, "", goOn, false, ""},
		{"script, reversible", false, true, ui.Options{}, "", goOn, false, ""},
		{"script, for good", false, false, ui.Options{}, "y\n", ui.ExitRefused, false, ""},
		{"script, for good, --yes", false, false, ui.Options{Yes: true}, "", goOn, false, ""},
		{"--no-input, for good", true, false, ui.Options{NoInput: true}, "y\n", ui.ExitRefused, false, ""},
		{"--no-input, reversible", true, true, ui.Options{NoInput: true}, "n\n", goOn, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out, diagnostics bytes.Buffer
			p := ui.NewPrinter(ui.Streams{In: strings.NewReader(test.answer), Out: &out, Err: &diagnostics,
				InTTY: test.terminal, OutTTY: test.terminal, ErrTTY: test.terminal}, test.options)
			err := p.Confirm(context.Background(), ui.Question{Text: "Go on?", Reversible: test.reversible})
			if got := ui.ExitCodeOf(err); got != test.want {
				t.Errorf("code %d (%v), want %d", got, err, test.want)
			}
			if asked := strings.Contains(diagnostics.String(), "Go on?"); asked != test.asked {
				t.Errorf("asked %v, want %v", asked, test.asked)
			}
			if test.asked && diagnostics.String() != cmp.Or(test.screen, stays) {
				t.Errorf("screen %q", diagnostics.String())
			}
			if out.Len() > 0 {
				t.Error("question on standard output")
			}
		})
	}
}

// If this fails, work starts unasked although somebody sits at the terminal, because the messages go into a file.
func TestConfirmWithoutStandardError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		terminal   bool // /dev/tty can be opened
		options    ui.Options
		reversible bool
		want       ui.ExitCode
		asked      bool
	}{
		{"no", true, ui.Options{}, true, ui.ExitRefused, true},
		{"nowhere to ask", false, ui.Options{}, true, ui.ExitUsage, false},
		{"nowhere to ask, for good", false, ui.Options{}, false, ui.ExitUsage, false},
		{"--yes", true, ui.Options{Yes: true}, false, ui.ExitDone, false},
		{"--no-input", true, ui.Options{NoInput: true}, true, ui.ExitDone, false},
		{"--no-input, for good", true, ui.Options{NoInput: true}, false, ui.ExitRefused, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var diagnostics, terminal bytes.Buffer
			p := ui.NewPrinter(ui.Streams{In: strings.NewReader("n\n"), Err: &diagnostics, InTTY: true, OpenTerminal: func() *ui.Terminal {
				if !test.terminal {
					return nil
				}
				return &ui.Terminal{Out: &terminal}
			}}, test.options)
			err := p.Confirm(t.Context(), ui.Question{Text: "Go on?", Reversible: test.reversible})
			if got := ui.ExitCodeOf(err); got != test.want {
				t.Errorf("code %d (%v), want %d", got, err, test.want)
			}
			if got := terminal.String(); test.asked != (got == "Go on? [y/N] ") || !test.asked && got != "" || strings.Contains(diagnostics.String(), "Go on?") {
				t.Errorf("on the terminal %q, on standard error %q", got, &diagnostics)
			}
			var shown *ui.Error
			if test.want == ui.ExitUsage && (!errors.As(err, &shown) || !strings.Contains(strings.Join(shown.Hints, ""), "--yes")) {
				t.Errorf("no word of --yes: %v", err)
			}
		})
	}
}

// TestConfirmInterrupted: Ctrl-C at a question must end the program, not wait
// for an answer.
func TestConfirmInterrupted(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	defer writer.Close() // ends the reader
	ctx, cancel := context.WithCancelCause(context.Background())
	p := ui.NewPrinter(ui.Streams{In: reader, Err: notifying{func() { cancel(ui.ErrInterrupted) }}, InTTY: true, ErrTTY: true}, ui.Options{})
	err := p.Confirm(ctx, ui.Question{Text: "Go on?"})
	if !errors.Is(err, ui.ErrInterrupted) {
		t.Errorf("error %v, want an interruption", err)
	}
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") || ui.ExitCodeOf(err) != ui.ExitInterrupted {
		t.Errorf("it does not say that nothing was changed: %v, exit status %d", err, ui.ExitCodeOf(err))
	}
}

// notifying calls a function when something is written, here the question.
type notifying struct{ called func() }

func (n notifying) Write(text []byte) (int, error) {
	n.called()
	return len(text), nil
}

// TestReadSecret: a secret that is typed must come back whole and must not
// be shown. Without a terminal nothing may be taken for it.
func TestReadSecret(t *testing.T) {
	t.Parallel()
	var diagnostics bytes.Buffer
	streams := ui.Streams{Err: &diagnostics, InTTY: true, ErrTTY: true,
		ReadPassword: func() ([]byte, error) { return []byte("typed"), nil }}
	got, err := ui.NewPrinter(streams, ui.Options{}).ReadSecret(context.Background(), "Password:")
	if err != nil || string(got) != "typed" {
		t.Errorf("got %q, %v", got, err)
	}
	if strings.Contains(diagnostics.String(), "typed") || strings.Contains(diagnostics.String(), "\x1b[1A") {
		t.Errorf("screen %q", diagnostics.String())
	}
	_, err = ui.NewPrinter(streams, ui.Options{NoInput: true}).ReadSecret(context.Background(), "Password:")
	if ui.ExitCodeOf(err) != ui.ExitUsage {
		t.Errorf("without input: %v", err)
	}
}
