package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
// answered already. Otherwise it returns an *Error with ExitRefused, or the context's
// cause. It returns before anything is changed.
func (p *Printer) Confirm(ctx context.Context, question Question) error {
	switch {
	case p.options.Yes:
		return nil
	case !p.Interactive() && question.Reversible:
		return nil
	case !p.Interactive():
		return &Error{
			Message: "this cannot be taken back, and no question can be asked here",
			Hints:   []string{"add --yes if it is what you want"},
			Code:    ExitRefused,
		}
	}
	choice := " [y/N] "
	if question.Word != "" {
		choice = " Type " + Clean(question.Word) + " to go on: "
	}
	answer, err := p.ask(ctx, Clean(question.Text)+choice, p.readLine, "\x1b[1A"+eraseLine)
	if err != nil {
		return err
	}
	if question.isYes(strings.TrimSpace(string(answer))) {
		return nil
	}
	return &Error{Message: "stopped: the answer was no, and nothing was changed", Code: ExitRefused, Cause: ErrDeclined}
}

// isYes reports whether an answer lets the work go on.
func (q Question) isYes(answer string) bool {
	if q.Word != "" {
		return answer == q.Word
	}
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes"
}

// ReadSecret asks for a secret without showing what is typed. Without a terminal it
// returns an *Error with ExitUsage. The caller may overwrite the bytes after use.
func (p *Printer) ReadSecret(ctx context.Context, prompt string) ([]byte, error) {
	if !p.Interactive() || p.streams.ReadPassword == nil {
		return nil, &Error{
			Message: "a secret is needed, and no question can be asked here",
			Hints:   []string{"set it in the environment or in a file"},
			Code:    ExitUsage,
		}
	}
	secret, err := p.ask(ctx, Clean(prompt)+" ", p.streams.ReadPassword, eraseLine)
	if err != nil {
		if p.streams.RestoreTerminal != nil {
			p.streams.RestoreTerminal()
		}
		return nil, err
	}
	return secret, nil
}

// ask shows a prompt, waits for an answer or for the end of the context, and erases the
// prompt. The caller says how to erase it, because an answer with echo has moved the cursor
// one line down and one without has not. A read from a terminal cannot be cancelled, so
// after an interruption its goroutine stays until the program ends, which is at once.
func (p *Printer) ask(ctx context.Context, prompt string, read func() ([]byte, error), erase string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p.writePrompt(prompt, "")

	type reply struct {
		text []byte
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		text, err := read()
		replies <- reply{text, err}
	}()
	select {
	case <-ctx.Done():
		p.writePrompt("\n", "")
		return nil, context.Cause(ctx)
	case got := <-replies:
		p.writePrompt("", erase)
		if got.err != nil {
			return nil, fmt.Errorf("reading the answer: %w", got.err)
		}
		return got.text, nil
	}
}

// writePrompt writes a prompt in place of the live line. With erase it erases the prompt
// and brings the live line back.
func (p *Printer) writePrompt(text, erase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if erase != "" {
		p.writeError(erase)
		p.showLive()
		return
	}
	p.hideLive()
	p.writeError(text)
}

// readLine reads one line byte by byte, so that the text behind it stays for the next
// reader. The end of input counts as an empty answer.
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
		if errors.Is(err, io.EOF) {
			return line.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the answer is too long")
}
