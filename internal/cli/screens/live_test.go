package screens_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv/tmux"
)

// liveLine is the rotation that the live screens are of: slow enough to be looked at.
const liveLine = "ocmt rotate --from-version 0 --yes --max-rows-per-second 20"

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

// look compares what is on a terminal now with a file.
func (d *deployment) look(screen *tmux.Screen, name, form, line string) {
	d.t.Helper()
	text := screen.Text()
	if form == dyed {
		text = screen.Colours()
	}
	check(d.t, name, form, "$ "+line+"\n"+d.neutral(text))
}

// beside runs a command beside the one on the terminal, on a terminal of its own, and compares what it shows.
func (d *deployment) beside(name, line string) {
	d.t.Helper()
	screen := d.open(line, 80, "")
	code := screen.End()
	check(d.t, name, narrow, shown(line, oneCount(d.neutral(screen.Text())), code))
}

// atWork matches the line of a run at work with an estimate.
var atWork = regexp.MustCompile(`(?m)^moving .* left`)

// If this fails, an operator does not see how far a rotation is, who has paused it, what becomes of Ctrl-C, or is told
// another thing by ocmt status.
func TestLiveScreens(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	screen := d.open(liveLine, 80, "")
	screen.Wait("an estimate", atWork.MatchString)
	d.look(screen, "progress", narrow, liveLine)
	d.look(screen, "progress", dyed, liveLine)
	screen.Resize(200)
	screen.WaitFor("=>")
	screen.Wait("an estimate", regexp.MustCompile(`(?m)^moving +\[=.* left`).MatchString)
	d.look(screen, "progress", wide, liveLine)
	screen.Resize(80)
	screen.Wait("an estimate", atWork.MatchString)

	d.beside("migrate-status-running", "ocmt migrate status")
	d.beside("status-running", "ocmt status")
	d.beside("error-lock-held", "ocmt rotate --from-version 0 --yes")
	d.beside("pause", "ocmt migrate pause")
	screen.WaitFor("paused")
	d.look(screen, "paused", narrow, liveLine)
	d.beside("migrate-status-paused", "ocmt migrate status")
	d.beside("resume", "ocmt migrate resume")
	screen.Wait("an estimate", atWork.MatchString)
	screen.Send("C-c")
	code := screen.End()
	check(t, "stopped", narrow, shown(liveLine, oneCount(d.neutral(screen.Text())), code))
}

// If this fails, an operator takes a run that waits for a server's lock for one that hangs, or presses Ctrl-C again and
// again because nothing says that it was seen.
func TestWaitingScreens(t *testing.T) {
	t.Parallel()
	const line = "ocmt rotate --from-version 0 --yes --lock-timeout 1h --statement-timeout 2h"
	d := deploy(t)
	release := d.hold("select from secrets for update")
	screen := d.open(line, 80, "")
	screen.WaitFor("waiting")
	d.look(screen, "waiting", narrow, line)
	screen.Send("C-c")
	screen.WaitFor("stopping")
	d.look(screen, "stopping", narrow, line)
	release()
	screen.End()
}

// If this fails, a log or an editor's shell gets escape sequences from a run at work, or nothing.
func TestProgressWithoutControl(t *testing.T) {
	t.Parallel()
	const line = "ocmt rotate --from-version 0 --yes --max-rows-per-second 60"
	t.Run(piped, func(t *testing.T) {
		t.Parallel()
		d := deploy(t)
		text, code := d.run(line + " </dev/null 2>&1 | cat")
		check(t, "progress", piped, shown(line, oneProgress(d.neutral(text)), code))
	})
	t.Run(dumb, func(t *testing.T) {
		t.Parallel()
		d := deploy(t)
		screen := d.open(line, 80, "dumb")
		code := screen.End()
		text := screen.Text()
		check(t, "progress", dumb, shown(line, oneProgress(d.neutral(text)), code))
		noControl(t, screen, text)
	})
}

// If this fails, a new user sees a whole rotation and not what came of it, or not what to type next.
func TestDemoScreen(t *testing.T) {
	t.Parallel()
	const line = "ocmt demo --users 20"
	d := deploy(t)
	screen := d.open(line, 80, "")
	code := screen.End()
	text := screen.Text()
	end := regexp.MustCompile(`(?s)\nWhat the servers wrote meanwhile\n.*`).FindString(text)
	end = regexp.MustCompile(`[\d,]+ (writes|values)`).ReplaceAllString(end, "5,000 $1")
	check(t, "demo-end", narrow, shown(line, "..."+d.neutral(end), code))
}

// noControl looks for control sequences among what a program has written to a terminal.
func noControl(t *testing.T, screen *tmux.Screen, text string) {
	t.Helper()
	last := strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
	if written := screen.Bytes(last); strings.ContainsRune(written, '\x1b') {
		t.Errorf("control sequences on a dumb terminal: %q", written)
	}
}

// oneProgress keeps one of the lines that tell how far a run is: a busy machine has more of them. The last one
// with an estimate is it, where there is one.
func oneProgress(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if before := len(kept) - 1; before >= 0 && strings.HasPrefix(line, "moving") && strings.HasPrefix(kept[before], "moving") {
			if strings.Contains(line, " left") || !strings.Contains(kept[before], " left") {
				kept[before] = line
			}
			continue
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}
