package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ocmt/ocmt/internal/crash"
)

// ErrDeclined means that the operator answered a question with no.
var ErrDeclined = errors.New("declined by the operator")

// Question is asked before something is changed.
type Question struct {
	Text string // "Re-encrypt 12,345 values?"
	// Reversible says that the work is guarded and can be taken back. Without a terminal
	// such work goes on, as scripts expect; other work needs --yes there.
	Reversible bool
	// Word is what must be typed to go on; "" for a yes.
	Word string
}

// Confirm returns nil if the work may go on. It asks on a terminal, unless --yes
// answered already. Otherwise it returns an *Error, or the context's cause. It
// returns before anything is changed.
func (p *Printer) Confirm(ctx context.Context, question Question) error {
	switch {
	case p.options.Yes:
		return nil
	case p.Interactive():
		return p.askYes(ctx, question)
	case p.streams.InTTY && !p.options.NoInput: // somebody sits there, and would go on unasked
		return &Error{
			Message: "the question cannot be shown: standard error is no terminal, and " + terminalPath + " cannot be opened",
			Hints:   []string{"leave standard error on the terminal, or add --yes if it is what you want"},
			Code:    ExitUsage,
		}
	case question.Reversible:
		p.Note("%s: going on, as --yes would", p.whyUnasked())
		return nil
	}
	return &Error{
		Message: "this cannot be taken back, and no question can be asked here",
		Hints:   []string{"add --yes if it is what you want"},
		Code:    ExitRefused,
	}
}

// whyUnasked says why no question can be asked.
func (p *Printer) whyUnasked() string {
	if p.options.NoInput {
		return "--no-input"
	}
	return "no terminal to ask on"
}

// maxAsked is how often a question is asked before anything but yes and no counts as no.
const maxAsked = 3

// askYes asks until there is a yes or a no.
func (p *Printer) askYes(ctx context.Context, question Question) error {
	text, again := Clean(question.Text)+" [y/N] ", "Please answer yes or no. "
	if question.Word != "" {
		word := Clean(question.Word)
		text, again = Clean(question.Text)+" Type "+word+" to go on: ", "That is not "+word+". "
	}
	for asked := 1; ; asked++ {
		reply, err := p.ask(ctx, &prompt{text: text, screen: p.screen()}, p.readLine)
		if errors.Is(err, io.EOF) {
			return stoppedAs("no answer came")
		}
		if errors.Is(err, ErrInterrupted) {
			return InterruptedAs("stopped: interrupted at the question, and nothing was changed")
		}
		if err != nil {
			return err
		}
		switch question.understand(strings.TrimSpace(string(reply))) {
		case answeredYes:
			return nil
		case answeredNo:
			return stoppedAs("the answer was no")
		}
		if asked == maxAsked {
			return stoppedAs(fmt.Sprintf("%d answers were neither yes nor no", maxAsked))
		}
		if asked == 1 {
			text = again + text
		}
	}
}

func stoppedAs(reason string) error {
	return declinedError{&Error{Message: "stopped: " + reason + ", and nothing was changed", Code: ExitRefused}}
}

// declinedError is ErrDeclined in words of its own, which need no cause under them.
type declinedError struct{ shown *Error }

func (e declinedError) Error() string        { return e.shown.Error() }
func (e declinedError) Unwrap() error        { return e.shown }
func (e declinedError) Is(target error) bool { return target == ErrDeclined }

// InterruptedAs returns ErrInterrupted in words of its own, with what to do next.
func InterruptedAs(message string, hints ...string) error {
	return interruptedError{&Error{Message: message, Hints: hints, Code: ExitInterrupted}}
}

// interruptedError is ErrInterrupted in words of its own.
type interruptedError struct{ shown *Error }

func (e interruptedError) Error() string        { return e.shown.Error() }
func (e interruptedError) Unwrap() error        { return e.shown }
func (e interruptedError) Is(target error) bool { return target == ErrInterrupted }

type answer int

const (
	notUnderstood answer = iota
	answeredYes
	answeredNo
)

// understand reads an answer. An empty one is a no.
func (q Question) understand(text string) answer {
	lower := strings.ToLower(text)
	switch {
	case lower == "" || lower == "n" || lower == "no":
		return answeredNo
	case q.Word != "" && text == q.Word, q.Word == "" && (lower == "y" || lower == "yes"):
		return answeredYes
	default:
		return notUnderstood
	}
}

// ReadSecret asks for a secret without showing what is typed. Without a terminal it
// returns an *Error with ExitUsage. The caller may overwrite the bytes after use.
func (p *Printer) ReadSecret(ctx context.Context, prompted string) ([]byte, error) {
	if !p.Interactive() || p.streams.ReadPassword == nil {
		return nil, &Error{
			Message: "a secret is needed, and no question can be asked here",
			Hints:   []string{"set it in the environment or in a file"},
			Code:    ExitUsage,
		}
	}
	secret, err := p.ask(ctx, &prompt{text: Clean(prompted) + " ", hidden: true, screen: p.screen()}, p.streams.ReadPassword)
	if err != nil {
		if p.streams.RestoreTerminal != nil {
			p.streams.RestoreTerminal()
		}
		if errors.Is(err, io.EOF) {
			return nil, &Error{Message: "a secret is needed, and no answer came", Code: ExitUsage}
		}
		return nil, err
	}
	return secret, nil
}

// ask shows a question and waits for an answer or for the end of the context. io.EOF means that the input ended before
// there was an answer. A read from a terminal cannot be cancelled, so after an interruption its
// goroutine stays until the program ends, which is at once.
func (p *Printer) ask(ctx context.Context, question *prompt, read func() ([]byte, error)) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	defer p.pauseDisplays()()
	p.openPrompt(question)
	type reply struct {
		text []byte
		err  error
	}
	replies := make(chan reply, 1)
	crash.Go(func() {
		text, err := read()
		replies <- reply{text, err}
	})
	select {
	case <-ctx.Done():
		p.closePrompt("\n")
		return nil, context.Cause(ctx)
	case got := <-replies:
		if got.err != nil {
			p.closePrompt("\n")
			return nil, fmt.Errorf("reading the answer: %w", got.err)
		}
		p.closePrompt(question.afterAnswer())
		return got.text, nil
	}
}

// readLine reads one line byte by byte, so that the text behind it stays for the next
// reader. It returns io.EOF where the input ends before the line does.
func (p *Printer) readLine() ([]byte, error) {
	const longest = 4096
	var line bytes.Buffer
	one := make([]byte, 1)
	for line.Len() < longest {
		n, err := p.streams.In.Read(one)
		if n == 1 && one[0] == '\n' {
			return line.Bytes(), nil
		}
		line.Write(one[:n])
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the answer is too long")
}
