package trace_test

import (
	"testing"

	"github.com/ocmt/ocmt/internal/trace"
)

type record struct{}

func (record) KeyStates() string { return trace.CallerIn("github.com/ocmt/ocmt/internal/") }

func (record) lookInClosure() (found string) {
	func() { found = trace.CallerIn("github.com/ocmt/ocmt/internal/") }()
	return found
}

func readTLSOf[T any](T) string { return trace.CallerIn("github.com/ocmt/ocmt/internal/") }

// If this fails, an operator who asks what takes so long reads names that say nothing.
func TestCallerIsToldInWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		record{}.KeyStates():      "trace_test: key states",
		record{}.lookInClosure():  "trace_test: look in closure",
		readTLSOf(1):              "trace_test: read tls of",
		trace.CallerIn("nobody/"): "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := trace.CallerIn("github.com/ocmt/ocmt/internal/", "trace_test"); got != "trace_test: caller is told in words" && got != "" {
		t.Logf("a package that is left out: %q", got)
	}
}
