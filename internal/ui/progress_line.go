package ui

import (
	"fmt"
	"strings"
	"time"
)

// The texts that stand in place of rate and time left.
const (
	stoppingText = "stopping after what is in hand; Ctrl-C again stops at once"
	noAnswer     = "no answer from the server"
)

// The times after which the line says that nothing happens.
const (
	minSilence = 3 * time.Second // the server was asked and has not answered
	minStall   = 5 * time.Second // nothing was counted
)

// The bar is drawn where a line may be so long.
const (
	barFrom  = 100 // columns
	barWidth = 20
)

// The ranks of the parts of a line. Where it is too long, the part with the highest rank goes first.
const (
	rankAlways = iota
	rankPercent
	rankLeft
	rankCount
	rankRate
	rankNote
	rankBar
)

// Figures are what the line of a task says.
type Figures struct {
	Doing   string // what is done: "moving"
	Unit    string // what is counted: "rows"; shown where the total is not known, and where the note has a rate
	Counted bool   // Done says something
	Done    int64
	Total   int64         // 0 where it is not known
	Elapsed time.Duration // shown where nothing is counted
	// PerSecond is the rate of the recent past; 0 where it is not known. Guess says that it is good enough
	// for the time that is left.
	PerSecond float64
	Guess     bool
	Wait      string // what keeps the work from going on, as a phrase; "" for nothing
	Note      string // shown at the end
	Stopping  bool   // it ends after what is in hand
}

// String returns the line at any length.
func (f Figures) String() string { return f.line(0) }

// part is a part of the line.
type part struct {
	text string
	rank int
}

// line returns the line for a width in columns; 0 for one of any length. The parts stand in the same
// order in each line, two spaces apart.
func (f Figures) line(width int) string {
	if f.Stopping {
		return fit([]part{{stoppingText, rankAlways}, {f.countText(), rankCount}, {Clean(f.Wait), rankNote}}, width)
	}
	if !f.Counted {
		return fit([]part{{Clean(f.Doing), rankAlways}, {elapsedText(f.Elapsed), rankRate}, {Clean(f.Wait), rankAlways}}, width)
	}
	parts := []part{{Clean(f.Doing), rankAlways}}
	if width >= barFrom {
		parts = append(parts, part{f.barText(), rankBar})
	}
	parts = append(parts, part{f.percentText(), rankPercent}, part{f.countText(), rankCount})
	if f.Wait != "" {
		parts = append(parts, part{f.waitFor(width, parts), rankAlways})
	} else {
		parts = append(parts, part{f.rateText(), rankRate}, part{f.leftText(), rankLeft})
	}
	return fit(append(parts, part{Clean(f.Note), rankNote}), width)
}

// leastWait is how many columns a reason has at least where it is cut: "waiting for locked rows of" and a little.
const leastWait = 30

// waitFor returns what is waited for, cut so far that percentage and count stay beside it: the whole of it
// stands in a line of its own.
func (f Figures) waitFor(width int, before []part) string {
	wait := Clean(f.Wait)
	if width <= 0 {
		return wait
	}
	var kept []part
	for _, one := range before {
		if one.rank <= rankCount {
			kept = append(kept, one)
		}
	}
	if room := width - columnsOf(fit(kept, 0)) - 2; room >= leastWait {
		return clip(wait, room)
	}
	return wait
}

// fit joins the parts, without those of the highest ranks where they would be longer than a width.
func fit(parts []part, width int) string {
	for rank := rankBar; ; rank-- {
		var texts []string
		for _, one := range parts {
			if one.text != "" {
				texts = append(texts, one.text)
			}
		}
		line := strings.Join(texts, "  ")
		if width <= 0 || columnsOf(line) <= width || rank == rankAlways {
			return line
		}
		var kept []part
		for _, one := range parts {
			if one.rank < rank {
				kept = append(kept, one)
			}
		}
		parts = kept
	}
}

// figures returns what the line says now.
func (g *Progress) figures(at time.Time) Figures {
	f := Figures{Doing: g.label, Unit: g.work.Unit, Counted: g.counted, Done: g.done, Total: g.total, Elapsed: at.Sub(g.began),
		Wait: g.waitText(at), Note: g.note, Stopping: g.stopping}
	if g.detail != "" {
		f.Doing += " " + g.detail
	}
	var seen time.Duration
	f.PerSecond, seen = g.rate.at(at, g.done)
	f.Guess = seen >= minGuessSpan
	return f
}

// waitText says what keeps the work from going on; "" for nothing.
func (g *Progress) waitText(at time.Time) string {
	switch silence, still := g.silence(at), at.Sub(g.grew); {
	case silence > 0:
		return noAnswer + " for " + wholeSeconds(silence.Truncate(time.Second))
	case g.reason != "" && g.state != "":
		return g.reason + ", " + g.state
	case g.reason != "":
		return g.reason
	case g.counted && still >= minStall:
		return "nothing new for " + wholeSeconds(still.Truncate(time.Second))
	}
	return ""
}

// silence returns for how long the server has not answered, if that is long enough to be told. What
// was counted meanwhile was an answer.
func (g *Progress) silence(at time.Time) time.Duration {
	if g.work.Silence == nil {
		return 0
	}
	if silence := min(g.work.Silence(), at.Sub(g.grew)); silence >= minSilence {
		return silence
	}
	return 0
}

// percent returns how much is done, in percent. It is 99 at most, because work that is shown has not
// ended.
func (f Figures) percent() int64 {
	const most = 99
	return max(0, min(most, int64(float64(f.Done)/float64(f.Total)*100)))
}

func (f Figures) percentText() string {
	if f.Total <= 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", f.percent())
}

func (f Figures) barText() string {
	if f.Total <= 0 {
		return ""
	}
	full := int(f.percent() * barWidth / 100)
	return "[" + strings.Repeat("=", full) + ">" + strings.Repeat(" ", barWidth-1-full) + "]"
}

func (f Figures) countText() string {
	switch {
	case !f.Counted:
		return ""
	case f.Total > 0:
		return Number(f.Done) + " / " + Number(max(f.Done, f.Total))
	case f.Unit == "":
		return Number(f.Done)
	}
	return Number(f.Done) + " " + f.Unit
}

// rateText tells the rate. Where the note has one too, of something else perhaps, it has its unit.
func (f Figures) rateText() string {
	unit := "/s"
	if f.Unit != "" && strings.Contains(f.Note, unit) {
		unit = " " + f.Unit + unit
	}
	switch {
	case f.PerSecond <= 0:
		return ""
	case f.PerSecond < 1:
		return "under 1" + unit
	}
	return Number(int64(f.PerSecond+0.5)) + unit
}

// leftText says how long the rest takes at the present rate.
func (f Figures) leftText() string {
	if f.PerSecond <= 0 || !f.Guess || f.Total <= f.Done {
		return ""
	}
	return wholeSeconds(time.Duration(float64(f.Total-f.Done)/f.PerSecond*float64(time.Second))) + " left"
}

// elapsedText returns how long something takes, in whole seconds; "" for less than one.
func elapsedText(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return wholeSeconds(d.Truncate(time.Second))
}

// wholeSeconds returns a time in whole seconds, rounded up: work that is not done never has 0 s left.
func wholeSeconds(d time.Duration) string {
	d = max(time.Second, (d + time.Second - 1).Truncate(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return Duration(d)
}

// Duration returns a time as people say it: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min".
func Duration(d time.Duration) string {
	switch {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
}
