package cli

import (
	"encoding/json"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/runbook"
)

// rotateAllDocument is what ocmt rotate all writes.
type rotateAllDocument struct {
	DryRun   bool             `json:"dry_run"`
	Occasion runbook.Occasion `json:"occasion"`
	Run      string           `json:"run"`
	Begun    string           `json:"begun_at"`    // "" before the first step
	Incident string           `json:"incident_at"` // "" where changes since the beginning of the run count
	Ended    bool             `json:"ended"`
	Left     int              `json:"left"`
	Restart  []string         `json:"restart"` // components that must restart for what was changed in this run, or waits
	Tasks    []rotateAllTask  `json:"tasks"`
}

// rotateAllTask is one line of the list.
type rotateAllTask struct {
	Name    string        `json:"name"`
	State   runbook.State `json:"state"`
	Reason  string        `json:"reason"`
	Command string        `json:"command"`    // that changes it, or records that it was changed
	Changed string        `json:"changed_at"` // "" for never
	// Report is the document of the command that was run; null for none.
	Report json.RawMessage `json:"report"`
}

func (r *allRun) document() rotateAllDocument {
	written := rotateAllDocument{DryRun: r.options.DryRun, Occasion: r.plan.Occasion, Run: r.plan.ID, Ended: r.plan.Ended, Left: len(r.plan.Left()),
		Restart: componentNamesOf(r.restart()), Tasks: []rotateAllTask{}}
	if !r.plan.Begun.IsZero() {
		written.Begun = chain.FormatTime(r.plan.Begun)
	}
	if !r.plan.Incident.IsZero() {
		written.Incident = chain.FormatTime(r.plan.Incident)
	}
	for _, task := range r.plan.Tasks {
		line := rotateAllTask{Name: task.Name, State: task.State, Reason: failureOf(task), Command: r.commandFor(task), Report: r.reports[task.Name]}
		if !task.Changed.IsZero() {
			line.Changed = chain.FormatTime(task.Changed)
		}
		written.Tasks = append(written.Tasks, line)
	}
	return written
}
