package screens_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv/tmux"
)

// liveLine is the rotation that the live screens are of: slow enough to be looked at in each form.
const liveLine = "ocmt rotate --from-version 0 --yes --max-rows-per-second 10"

// counted matches what a run that is stopped by hand has moved up to then.
var counted = regexp.MustCompile(`\d+( are left| values in \d+ rows to)|((?:decrypt-only|active) +[0-9a-f]{16}) +\d+`)

// oneCount replaces these figures.
func oneCount(text string) string {
	return counted.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case strings.HasSuffix(found, " are left"):
			return "390 are left"
		case strings.HasSuffix(found, " to"):
			return "250 values in 160 rows to"
		case strings.HasPrefix(found, "active"):
			return found[:len(found)-3] + "250"
		}
		return found[:len(found)-3] + "390"
	})
}

// atWork matches the line of a run at work with an estimate.
var atWork = regexp.MustCompile(`(?m)^moving .* left`)

// startAll starts a command in each form, with a deployment for each. They work at the same time, so that the test
// waits for them together.
func startAll(t *testing.T, line string, prepare func(*deployment)) []*running {
	t.Helper()
	var all []*running
	for _, form := range []string{narrow, wide, piped, dumb} {
		d := deploy(t)
		if prepare != nil {
			prepare(d)
		}
		all = append(all, d.start(line, form))
	}
	return all
}

// If this fails, an operator does not see how far a rotation is, who has paused it, what becomes of Ctrl-C, or is told
// another thing by ocmt status.
func TestLiveScreens(t *testing.T) {
	t.Parallel()
	all := startAll(t, liveLine, nil)
	for _, run := range all {
		run.wait("an estimate", atWork.MatchString)
		run.look("progress")
		run.beside("migrate-status-running", "ocmt migrate status")
		run.beside("status-running", "ocmt status")
		run.beside("error-lock-held", "ocmt rotate --from-version 0 --yes")
		run.beside("pause", "ocmt migrate pause")
	}
	for _, run := range all {
		run.waitFor("paused")
		run.look("paused")
		run.beside("migrate-status-paused", "ocmt migrate status")
		run.beside("resume", "ocmt migrate resume")
	}
	for _, run := range all {
		run.interrupt()
		run.end("stopped")
	}
}

// If this fails, an operator takes a run that waits for a server's lock for one that hangs, or presses Ctrl-C again and
// again because nothing says that it was seen.
func TestWaitingScreens(t *testing.T) {
	t.Parallel()
	var releases []func()
	all := startAll(t, "ocmt rotate --from-version 0 --yes --lock-timeout 1h --statement-timeout 2h", func(d *deployment) {
		releases = append(releases, d.hold("select from secrets for update"))
	})
	for _, run := range all {
		run.wait("the whole reason", regexp.MustCompile(`(?s)moving.*waiting for.*(in hand|…)`).MatchString)
		run.look("waiting")
		run.interrupt()
	}
	for i, run := range all {
		run.waitFor("stopping")
		run.look("stopping")
		releases[i]()
		run.end("")
	}
}

// If this fails, a log or an editor's shell gets escape sequences from a run at work, or not what came of it.
func TestProgressWithoutControl(t *testing.T) {
	t.Parallel()
	const line = "ocmt rotate --from-version 0 --yes --max-rows-per-second 60"
	inPipe, onDumb := deploy(t).start(line, piped), deploy(t).start(line, dumb)
	inPipe.end("log")
	onDumb.end("log")
}

// If this fails, a new user sees a whole rotation and not what came of it, or not what to type next.
func TestDemoScreen(t *testing.T) {
	t.Parallel()
	const line = "ocmt demo --users 20"
	for _, form := range []string{narrow, wide, piped, dumb} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			d := deploy(t)
			var colours, text string
			var code int
			if form == piped {
				text, code = d.run(line + " </dev/null 2>&1")
			} else {
				screen := d.openAs(line, form)
				code = screen.End()
				text, colours = screen.Text(), screen.Colours()
				if form == dumb {
					noControl(t, screen, text)
				}
			}
			check(t, "demo-end", form, shown(line, demoEnd(text), code))
			if form == narrow {
				check(t, "demo-end", dyed, shown(line, demoEnd(colours), code))
			}
		})
	}
}

// demoEnd returns what a demo says after its last command, with one count for all.
func demoEnd(text string) string {
	end := regexp.MustCompile(`(?s)\n(\x1b\[[0-9;]*m)*What the servers wrote meanwhile\n.*`).FindString(text)
	return "..." + regexp.MustCompile(`[\d,]+ (writes|values)`).ReplaceAllString(end, "5,000 $1")
}

// noControl looks for control sequences among what a program has written to a terminal.
func noControl(t *testing.T, screen *tmux.Screen, text string) {
	t.Helper()
	last := strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
	if written := screen.Bytes(last); strings.ContainsRune(written, '\x1b') {
		t.Errorf("control sequences on a dumb terminal: %q", written)
	}
}
