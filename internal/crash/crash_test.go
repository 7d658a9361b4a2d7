package crash_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/crash"
)

// hidden is an invented secret, which a fault must not tell.
const hidden = "hidden-7f3a"

func fail(text string) { panic("the value is " + text) }

// If this fails, a fault in the program shows what it worked on, or does not say where it was.
func TestCatchTellsWhereAndNothingElse(t *testing.T) {
	t.Parallel()
	err := crash.Do(func() error {
		fail(hidden)
		return nil
	})
	var fault *crash.Fault
	if !errors.As(err, &fault) {
		t.Fatalf("the panic became %v", err)
	}
	if told := fault.Error() + fault.Trace(); strings.Contains(told, hidden) {
		t.Errorf("a secret is told: %s", told)
	}
	if trace := fault.Trace(); !strings.Contains(trace, "crash_test.fail") || !strings.Contains(trace, "type string") {
		t.Errorf("the trace does not say where it was:\n%s", trace)
	}
}

// If this fails, a worker that ends in a panic takes the whole process with it, and the record of its run
// stays open.
func TestGroupReturnsPanics(t *testing.T) {
	t.Parallel()
	group, ctx := crash.WithContext(context.Background())
	group.Go(func() error {
		var none []int
		_ = none[len(hidden)]
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return ctx.Err()
	})
	err := group.Wait()
	var fault *crash.Fault
	if !errors.As(err, &fault) {
		t.Fatalf("the panic became %v", err)
	}
	if !strings.Contains(fault.Trace(), "index out of range") {
		t.Errorf("the trace does not say what happened:\n%s", fault.Trace())
	}
}

// If this fails, a panic of a goroutine that nobody waits for ends the process with Go's own trace.
func TestWatchIsTold(t *testing.T) {
	told := make(chan *crash.Fault, 1)
	defer crash.Watch(func(f *crash.Fault) { told <- f })()
	crash.Go(func() { fail(hidden) })
	if fault := <-told; strings.Contains(fault.Trace(), hidden) {
		t.Errorf("a secret is told: %s", fault.Trace())
	}
}
