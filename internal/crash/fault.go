package crash

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Fault is a panic that was caught. It names neither the value of the panic, nor any argument: both could
// be a secret.
type Fault struct {
	kind  string // what the panic was about
	trace string
}

// Error says what happened, without a word of what the program worked on.
func (f *Fault) Error() string { return "a fault in ocmt itself" }

// Trace returns what the panic was about and the functions that were at work, one a line with its file
// and line.
func (f *Fault) Trace() string { return f.kind + "\n" + f.trace }

// maxFrames bounds a trace. A recursion without an end has more.
const maxFrames = 200

// newFault describes a panic. It is called by a function that a deferred statement runs.
func newFault(value any) *Fault {
	var known *Fault
	if err, is := value.(error); is && errors.As(err, &known) {
		return known // it was caught and thrown again
	}
	fault := &Fault{kind: describe(value)}
	callers := make([]uintptr, maxFrames)
	var text strings.Builder
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		fmt.Fprintf(&text, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		if !more {
			break
		}
	}
	fault.trace = text.String()
	return fault
}

// describe says what a panic was about. The runtime's own texts have numbers and types alone; of any
// other value only its type is told.
func describe(value any) string {
	var own runtime.Error
	if err, is := value.(error); is && errors.As(err, &own) {
		return "panic: " + own.Error()
	}
	return fmt.Sprintf("panic with a value of type %T", value)
}
