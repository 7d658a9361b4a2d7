package faults_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"github.com/ocmt/ocmt/internal/testenv"
)

// process is one run of ocmt.
type process struct {
	*exec.Cmd
	d           *deployment
	out, errors testenv.Output
	ended       chan struct{} // closed when code is known
	code        int
}

// environ is all that ocmt is given, so that no setting of this machine counts.
func (d *deployment) environ() []string {
	machine := append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TMPDIR=" + d.dir, "USER=tester",
		"GORACE=atexit_sleep_ms=0", // else each process sleeps for a second when it ends
	}, d.more...)
	if d.stored {
		return machine
	}
	return append(machine,
		"DATABASE_URL="+d.url, "ENCRYPTION_KEY_VERSION=1",
		"ENCRYPTION_KEY="+d.keys[1].Reveal(), "ENCRYPTION_KEY_V0="+d.keys[0].Reveal())
}

// start starts ocmt as a process of its own. It ends with the test.
func (d *deployment) start(args ...string) *process {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	p := &process{Cmd: exec.CommandContext(ctx, program(d.t), args...), d: d, ended: make(chan struct{})}
	p.Env, p.Dir, p.Stdout, p.Stderr = d.environ(), d.dir, &p.out, &p.errors
	if err := p.Start(); err != nil {
		cancel()
		d.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.Wait(); errors.As(err, &exit) {
			p.code = exit.ExitCode() // -1: ended by a signal
		} else if err != nil {
			p.code = -2
		}
	}()
	d.t.Cleanup(func() { cancel(); <-p.ended })
	return p
}

// rotate starts a rotation from version 0.
func (d *deployment) rotate(args ...string) *process {
	d.t.Helper()
	return d.start(append([]string{"rotate", "--from-version", "0"}, args...)...)
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ciphertext matches any value of the database, in either form.
var ciphertext = regexp.MustCompile(`v[0-9]+:[A-Za-z0-9+/=]{8,}|[0-9a-f]{32}:[0-9a-f]{8,}`)

// raw matches what is meant for programmers: SQL states, driver and Go words.
var raw = regexp.MustCompile(`SQLSTATE|ERROR:|FATAL:|pgconn|\*errors\.|unexpected EOF|goroutine |DATA RACE|panic:`)

// hurry takes the limit of a run away that was to be slow for a while. However
// slow the machine, the run was still at work until then.
func (p *process) hurry() {
	p.d.t.Helper()
	p.mustRun()
	order := p.d.start("migrate", "set", "rate=0")
	<-order.ended
	if said := order.errors.String(); strings.Contains(said, "nothing to steer") || strings.Contains(said, "about to end") {
		return // on a busy machine the run may have come to its end just now
	}
	order.ends(0)
}

// ends waits for the end of a run, which must be with that code, say those words
// on standard error, or on standard output where it is done, and show no secret.
func (p *process) ends(code int, words ...string) {
	p.d.t.Helper()
	<-p.ended
	said := p.out.String() + p.errors.String()
	p.d.t.Logf("exit code %d, last words: %s", p.code, lastWords(p.errors.String()))
	if p.code != code {
		p.d.t.Errorf("exit code %d, want %d\n%s", p.code, code, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			p.d.t.Errorf("it does not say %q:\n%s", word, said)
		}
	}
	if found := raw.FindString(said); found != "" {
		p.d.t.Errorf("it says %q, which is for programmers:\n%s", found, said)
	}
	p.d.noSecret(said)
	if code != 0 && strings.Contains(said, "Nothing to do") {
		p.d.t.Errorf("it did not end well and says that there is nothing to do:\n%s", said)
	}
	if code != 0 && strings.Contains(said, "may be removed") {
		p.d.t.Errorf("it did not end well and says that a key may be removed:\n%s", said)
	}
}

func lastWords(said string) string {
	if at := strings.LastIndex(said, "error:"); at >= 0 {
		return said[at:]
	}
	return "(no error)"
}

// noSecret looks for a key, a password, a plaintext or a ciphertext.
func (d *deployment) noSecret(said string) {
	d.t.Helper()
	if strings.Contains(said, "MARKED-") || ciphertext.MatchString(said) ||
		strings.Contains(said, d.keys[0].Reveal()) || strings.Contains(said, d.keys[1].Reveal()) {
		d.t.Errorf("a secret is shown:\n%s", said)
	}
}

// untilMoved returns once the run has its lock and rows have moved, and it has
// not ended.
func (p *process) untilMoved() {
	p.d.t.Helper()
	eventually(p.d.t, "rows to move", func() bool { return p.over() || p.d.locked() && p.d.moved() > 0 })
	p.mustRun()
}

// locked reports whether a run holds the lock of the database.
func (d *deployment) locked() bool {
	d.t.Helper()
	return d.number("select count(*) from ("+lockHolder+") holder") > 0
}

func (p *process) mustRun() {
	p.d.t.Helper()
	if p.over() {
		p.d.t.Fatalf("it ended by itself, with %d\n%s\n%s", p.code, &p.out, &p.errors)
	}
}

// untilWaiting returns once the run waits for a lock that a transaction holds.
func (p *process) untilWaiting() {
	p.d.t.Helper()
	eventually(p.d.t, "a write that waits for a lock", func() bool { return p.over() || p.d.waiting() > 0 })
	p.mustRun()
}

func (d *deployment) waiting() int {
	d.t.Helper()
	return d.number(`select count(*) from pg_stat_activity where datname = current_database()
		and application_name like 'ocmt%' and wait_event_type = 'Lock'`)
}

// idle returns when the server has seen that every run before is gone: it may
// need a moment to give the lock of a run back.
func (d *deployment) idle() {
	d.t.Helper()
	eventually(d.t, "the connections of the run before to end", func() bool {
		n, err := d.ask(`select count(*) from pg_stat_activity where datname = current_database() and application_name like 'ocmt%'`)
		return err == nil && n == 0
	})
}

// goOn looks that nothing is lost, runs the same command again, and looks that
// everything is moved.
func (d *deployment) goOn() {
	d.t.Helper()
	d.idle()
	d.check()
	d.rotate().ends(0)
	d.allMoved()
}

// allMoved looks that every value is there and under version 1.
func (d *deployment) allMoved() {
	d.t.Helper()
	if moved := d.check(); moved != d.record.count() {
		d.t.Errorf("%d of %d values are under the new key", moved, d.record.count())
	}
}

// interrupt asks the process to end. Two of the same signal that come close
// together become one, in the system or in the process; to ask twice takes two.
func (p *process) interrupt(by syscall.Signal) {
	p.d.t.Helper()
	if err := p.Process.Signal(by); err != nil {
		p.d.t.Fatalf("the run had ended by itself: %v", err)
	}
}
