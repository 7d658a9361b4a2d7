package rotation

// decideRunning says that a run is at work, and what lets it go on where it is paused.
func (a *assessment) decideRunning() Status {
	status := Status{Phase: PhaseRunning, Summary: "A run is at work.", Next: []Step{{"watch it", "ocmt migrate status --watch"}}}
	if a.Paused != "" {
		status.Summary = "A run is at work: " + a.Paused + "."
		status.Next = append([]Step{{"let it go on", "ocmt migrate resume"}}, status.Next...)
	}
	return status
}
