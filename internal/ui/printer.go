package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/visible"
)

// Options are what the operator asked of the output.
type Options struct {
	JSON     bool // one JSON document instead of text
	Quiet    bool // no notes and no progress; warnings and errors stay
	Verbose  bool // details too
	NoColour bool
	Yes      bool // questions are answered with yes
	NoInput  bool // no question is asked
	// Advise returns a text with each command in it as the operator can follow it; nil leaves all as they are. Text
	// that is advice passes through it before it is shown: lines, hints, fixes, and what is next in documents, but
	// no headings. What it puts in may be Unbroken.
	Advise func(text string) string
	// Now is the clock that progress is measured by.
	Now func() time.Time
	// Ticks returns a channel that receives once in each period, and a function that ends it. Where it
	// is nil, progress is drawn only when something is reported.
	Ticks func(period time.Duration) (ticks <-chan time.Time, stop func())
}

// Printer writes the result to standard output and everything else to standard
// error. It is safe for concurrent use.
type Printer struct {
	streams Streams
	options Options

	mu     sync.Mutex
	live   string  // the progress line that is on the terminal now
	prompt *prompt // the question that is on the terminal now; nil for none
	err    error   // first failure to write the result
	// unwatch ends the watch for Ctrl-Z, which goes on while there is a live line or a question.
	unwatch func()

	displays []*Progress // those that have not ended; the last one is shown
	last     pastDisplay // the one that ended last
	asking   bool        // a question is on the screen, and no display draws

	lacking []finding.Right // what the account lacks, for the end of the command

	// screen returns the terminal that questions are shown on; nil for none.
	screen func() *Terminal
}

// NewPrinter returns a printer on the streams.
func NewPrinter(streams Streams, options Options) *Printer {
	return &Printer{streams: streams, options: options, screen: sync.OnceValue(streams.screen)}
}

// JSON reports whether the result is a JSON document.
func (p *Printer) JSON() bool { return p.options.JSON }

// Paint cleans text and gives it a tone, for use in Line.
func (p *Printer) Paint(tone Tone, text string) Painted {
	return Painted(paint(p.outColour(), tone, Clean(text)))
}

// Line writes a line of the result. A terminal that is narrower gets it in several, broken between words and with a
// hanging indent. In JSON mode it writes nothing: there the result is the document. Arguments are cleaned, unless
// they are Painted; so are those of Note, Detail and Warn.
func (p *Printer) Line(format string, args ...any) {
	if !p.options.JSON {
		p.writeLine(p.advise(sprintf(format, args, Clean)))
	}
}

// writeLine writes a line of the result, wrapped.
func (p *Printer) writeLine(line string) { p.writeResult(wrapProse(line, p.outWidth()) + "\n") }

// Code writes lines of the result that are meant to be copied, such as commands and SQL: they are never wrapped, and line breaks
// in their arguments stay. In JSON mode it writes nothing.
func (p *Printer) Code(format string, args ...any) {
	if !p.options.JSON {
		p.writeResult(p.adviseWhole(sprintf(format, args, visible.Lines)) + "\n")
	}
}

// Heading writes an empty line and a heading. In JSON mode it writes nothing.
func (p *Printer) Heading(text string) {
	if !p.options.JSON {
		p.writeLine("\n" + string(p.Paint(Strong, text)))
	}
}

// Table writes a table as part of the result. In JSON mode it writes nothing.
func (p *Printer) Table(table Table) {
	if p.options.JSON {
		return
	}
	table.Notes = p.adviseNotes(table.Notes)
	p.writeResult(strings.ReplaceAll(strings.Join(table.render(p.outWidth(), p.outColour()), "\n"), unbroken, " ") + "\n")
}

// Document writes the result as JSON: "schema": "ocmt/NAME/v1", then the members of
// document, which must encode as an object. Outside JSON mode it writes nothing. A command
// calls it once.
func (p *Printer) Document(name string, document any) error {
	if !p.options.JSON {
		return nil
	}
	text, err := EncodeDocument(name, document)
	if err != nil {
		return err
	}
	p.writeResult(p.adviseDocument(text))
	return nil
}

// DocumentLine writes a document like Document, in one line. It is for commands that write
// several documents.
func (p *Printer) DocumentLine(name string, document any) error {
	if !p.options.JSON {
		return nil
	}
	text, err := EncodeDocument(name, document)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, []byte(p.adviseDocument(text))); err != nil {
		return fmt.Errorf("encoding the %s document: %w", name, err)
	}
	p.writeResult(line.String() + "\n")
	return nil
}

// Raw writes bytes of the result as they are, in either mode.
func (p *Printer) Raw(text string) { p.writeResult(text) }

// Note writes a line for people to standard error, wrapped like Line. With --quiet it writes nothing.
func (p *Printer) Note(format string, args ...any) {
	if !p.options.Quiet {
		p.writeErrorLine(p.advise(sprintf(format, args, Clean)))
	}
}

// NoteCode writes lines to standard error that are meant to be copied: they are never wrapped. With --quiet it writes
// nothing.
func (p *Printer) NoteCode(format string, args ...any) {
	if !p.options.Quiet {
		p.writeErrorCode(p.adviseWhole(sprintf(format, args, visible.Lines)))
	}
}

// Detail writes a line to standard error with --verbose only.
func (p *Printer) Detail(format string, args ...any) {
	if p.options.Verbose {
		p.writeErrorLine(sprintf(format, args, Clean))
	}
}

// Warn writes a warning to standard error, also with --quiet.
func (p *Printer) Warn(format string, args ...any) {
	p.writeErrorLine(paint(p.errColour(), Caution, "warning:") + " " + p.advise(sprintf(format, args, Clean)))
}

// Err returns the first failure to write the result. A command whose result could not be
// written must not end with status 0.
func (p *Printer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// writeResult writes to standard output, around the live line.
func (p *Printer) writeResult(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hideLive()
	if _, err := io.WriteString(p.streams.Out, text); err != nil && p.err == nil {
		p.err = fmt.Errorf("writing the result: %w", err)
	}
	p.showLive()
}

// writeErrorLine writes a line to standard error, wrapped, around the live line.
func (p *Printer) writeErrorLine(line string) { p.writeErrorCode(wrapProse(line, p.errWidth())) }

// writeErrorCode writes a line to standard error as it is, around the live line.
func (p *Printer) writeErrorCode(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hideLive()
	p.writeError(line + "\n")
	p.showLive()
}

// writeError writes to standard error. There is nowhere to report that it failed.
func (p *Printer) writeError(text string) { _, _ = io.WriteString(p.streams.Err, text) }

// outWidth returns the columns that a line of the result may take; 0 means no limit.
func (p *Printer) outWidth() int { return widthNow(p.streams.OutTTY, p.streams.OutWidth) }

// errWidth returns the columns that a line on standard error may take; 0 means no limit.
func (p *Printer) errWidth() int { return widthNow(p.streams.ErrTTY, p.streams.ErrWidth) }

func widthNow(terminal bool, read func() int) int {
	if !terminal || read == nil {
		return 0
	}
	return read()
}

func (p *Printer) outColour() bool {
	return p.streams.Colour && p.streams.OutTTY && !p.streams.Dumb && !p.options.NoColour && !p.options.JSON
}

func (p *Printer) errColour() bool { return p.streams.Colour && p.sequences() && !p.options.NoColour }

// sequences reports whether control sequences may be written to standard error: only to a terminal that takes them.
func (p *Printer) sequences() bool { return p.streams.ErrTTY && !p.streams.Dumb }

// EncodeDocument returns the text of a JSON document. Its schema comes first, before the
// members of document, so that a reader finds it first.
func EncodeDocument(name string, document any) (string, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return "", fmt.Errorf("encoding the %s document: %w", name, err)
	}
	members, isObject := bytes.CutPrefix(bytes.TrimSpace(body.Bytes()), []byte("{"))
	if !isObject {
		return "", errors.New("encoding the " + name + " document: not an object")
	}
	separator := ","
	if bytes.Equal(members, []byte("}")) {
		separator = ""
	}
	whole := append([]byte(`{"schema":"ocmt/`+name+`/v1"`+separator), members...)
	var out bytes.Buffer
	if err := json.Indent(&out, whole, "", "  "); err != nil {
		return "", fmt.Errorf("encoding the %s document: %w", name, err)
	}
	out.WriteByte('\n')
	return escapeJSON(out.String()), nil
}
