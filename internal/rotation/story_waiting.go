package rotation

import "fmt"

// decideRunning says that a run is at work, and what lets it go on where it is paused; or who else holds the lock.
func (a *assessment) decideRunning() Status {
	if a.Holder != nil {
		return a.Holder.status()
	}
	status := Status{Phase: PhaseRunning, Summary: "A run is at work.", Next: []Step{{"watch it", "ocmt migrate status --watch"}}}
	if a.Paused != "" {
		status.Summary = "A run is at work: " + a.Paused + "."
		status.Next = append([]Step{{"let it go on", "ocmt migrate resume"}}, status.Next...)
	}
	return status
}

// Holder is what holds the lock of runs and is no run at work: it is no run of ocmt, or one without a sign of life.
type Holder struct {
	Summary string   // a sentence
	Ends    []string // what ends it
}

// status says who holds the lock of runs, and what ends that.
func (h *Holder) status() Status {
	status := Status{Phase: PhaseLocked, Summary: h.Summary}
	for _, text := range h.Ends {
		status.Next = append(status.Next, Step{Text: text})
	}
	return status
}

// decideUnread says what was not looked at: the database, or only its record or its values.
func (a *assessment) decideUnread() Status {
	what := "the values of the database"
	switch {
	case a.Unread && a.Look == nil:
		what = "the database"
	case a.Unread:
		what = "the record of key versions in the database"
	}
	return Status{Phase: PhaseUnknown, Summary: fmt.Sprintf("Version %d is the current one as far as is known here. Not everything was looked at: not %s.", a.current, what),
		Next: []Step{a.lookAgain("see why " + what + " could not be looked at, and run this again where it can be")}}
}

// lookAgain returns the step after a look that did not see everything: to give the account the rights that it lacks, or
// else what is handed in.
func (a *assessment) lookAgain(otherwise string) Step {
	for _, gap := range a.Gaps {
		if len(gap.Reason.Missing) > 0 {
			return Step{Text: "give the account the rights that it lacks, and run this again"}
		}
	}
	return Step{Text: otherwise}
}
