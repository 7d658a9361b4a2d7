package cli_test

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator who presses Ctrl-C in the middle of a rotation has
// values that no key opens, does not know whether to go on, or cannot.
func TestInterruptedOnce(t *testing.T) {
	t.Parallel()
	const (
		count = 6000 // some ten page ranges, of which two are in hand at once
		size  = 1000
	)
	d := newDeployment(t)
	d.fill(t, count, size)
	run := d.start(t, d.environ(), "rotate", "--from-version", "0", "--max-rows-per-second", "600")
	eventually(t, "rows to move", func() bool { return d.ended(run) || countMoved(t, d.conn) > 0 })
	interrupt(t, run)
	<-run.ended
	if run.code != 130 {
		t.Fatalf("exit code %d, want 130\n%s\n%s", run.code, &run.out, &run.errors)
	}
	if said := run.errors.String(); !strings.Contains(said, "what was moved is safe") ||
		!strings.Contains(said, "next: run the same command again to go on") {
		t.Errorf("it does not say how to go on:\n%s", said)
	}
	if strings.Contains(run.out.String(), "may be removed") {
		t.Error("half-way it says that the old key may be removed")
	}
	moved := d.checkSealed(t, count, size)
	if moved == 0 || moved == count {
		t.Errorf("%d of %d rows moved: it was not interrupted at work", moved, count)
	}
	if n := d.number(t, "select count(*) from encryption_migrations where status = 'interrupted'"); n != 1 {
		t.Errorf("%d interrupted moves recorded, want 1", n)
	}
	if n := d.number(t, "select sum(rows_migrated) from encryption_migrations"); n != moved {
		t.Errorf("%d values recorded as moved, and %d were", n, moved)
	}
	d.goOn(t, count, size)
	if n := d.number(t, "select count(*) from encryption_migrations where status = 'completed'"); n != 1 {
		t.Errorf("%d completed moves recorded, want 1", n)
	}
}

// If this fails, an operator who is asked whether to begin and presses Ctrl-C sits
// before a program that does nothing.
func TestInterruptedAtTheQuestion(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.fill(t, 10, 0)
	answers, keyboard := io.Pipe()
	defer func() { _ = keyboard.Close() }()
	var shown testenv.Output
	notified := make(chan chan<- os.Signal, 1)
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(context.Background(), []string{"rotate", "--from-version", "0"}, cli.Deps{
			Streams: ui.Streams{In: answers, Out: io.Discard, Err: &shown, InTTY: true, OutTTY: true, ErrTTY: true},
			Environ: d.environ(), Dir: d.dir, Now: time.Now, Sleep: time.Sleep, Cores: 1, Random: rand.Reader,
			Notify: func(signals chan<- os.Signal) func() { notified <- signals; return func() {} },
		})
	}()
	eventually(t, "the question", func() bool { return strings.Contains(shown.String(), "[y/N]") })
	(<-notified) <- os.Interrupt
	select {
	case code := <-ended:
		if code != 130 {
			t.Errorf("exit code %d, want 130\n%s", code, &shown)
		}
	case <-time.After(patience):
		t.Fatalf("it goes on waiting for an answer\n%s", &shown)
	}
	if !strings.Contains(shown.String(), "error: stopped: interrupted at the question, and nothing was changed") {
		t.Errorf("it does not say that nothing was changed\n%s", &shown)
	}
	if moved := countMoved(t, d.conn); moved != 0 {
		t.Errorf("%d values were moved unasked", moved)
	}
}

// If this fails, a rotation that hangs on a row that a server holds can be ended
// only by kill -9, and its operator does not know what state it left.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	const count, size = 400, 0
	d := newDeployment(t)
	d.fill(t, count, size)
	holder, err := d.connect(t).Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(context.Background(), "select from secrets for update"); err != nil {
		t.Fatal(err)
	}
	// Without a second Ctrl-C it would wait for that row for an hour.
	run := d.start(t, d.environ(), "rotate", "--from-version", "0", "--lock-timeout", "1h", "--statement-timeout", "2h")
	eventually(t, "a write that waits for the row", func() bool {
		return d.ended(run) || d.number(t, `select count(*) from pg_stat_activity where datname = current_database()
			and application_name like 'ocmt%' and wait_event_type = 'Lock'`) > 0
	})
	if d.ended(run) {
		t.Fatalf("it ended by itself, with %d\n%s\n%s", run.code, &run.out, &run.errors)
	}
	interrupt(t, run)
	d.waitUntilTaken(t, run)
	interrupt(t, run)
	select {
	case <-run.ended:
	case <-time.After(30 * time.Second):
		// Two signals of one kind can become one on their way into the process.
		interrupt(t, run)
		<-run.ended
	}
	if run.code != 130 {
		t.Errorf("exit code %d, want 130\n%s\n%s", run.code, &run.out, &run.errors)
	}
	if !strings.Contains(run.errors.String(), "interrupted") || !strings.Contains(run.errors.String(), "next: run the same command again") {
		t.Errorf("it does not say why it ended, or what is next:\n%s", &run.errors)
	}
	if err := holder.Rollback(context.Background()); err != nil { // the row was held all the time
		t.Fatal(err)
	}
	d.waitForIdle(t)
	d.checkSealed(t, count, size)
	d.goOn(t, count, size)
}

// goOn runs the same command again, which must do what is left.
func (d *deployment) goOn(t *testing.T, count, size int) {
	t.Helper()
	again := d.run(t, "rotate", "--from-version", "0")
	if again.code != 0 {
		t.Fatalf("running again: exit code %d\n%s\n%s", again.code, &again.out, &again.errors)
	}
	if moved := d.checkSealed(t, count, size); moved != count {
		t.Errorf("%d of %d values are under the new key", moved, count)
	}
}

func (d *deployment) ended(p *process) bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func interrupt(t *testing.T, p *process) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("the run had ended by itself: %v", err)
	}
}

// waitUntilTaken returns when the system has handed SIGINT to the process.
func (d *deployment) waitUntilTaken(t *testing.T, p *process) {
	t.Helper()
	path := filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "status")
	if _, err := os.Stat("/proc/self/status"); err != nil {
		return // another system: the caller asks again if it must
	}
	eventually(t, "the signal to be taken", func() bool {
		text, err := os.ReadFile(path)
		if err != nil {
			return true
		}
		for line := range strings.Lines(string(text)) {
			name, mask, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			pending, err := strconv.ParseUint(mask, 16, 64)
			if (name == "SigPnd" || name == "ShdPnd") && err == nil && pending&(1<<(syscall.SIGINT-1)) != 0 {
				return false
			}
		}
		return true
	})
}
