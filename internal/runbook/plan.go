package runbook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/due"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Record is the tool's own record.
type Record interface {
	due.Record
	// Add adds entries.
	Add(ctx context.Context, events ...chain.Event) error
}

// Sources are what a run works with.
type Sources struct {
	Record Record
	Steps  []Step
	// IsSet reports whether a setting of a kind was seen anywhere.
	IsSet func(kind secret.Kind) bool
	Now   func() time.Time
	// NewID returns an identifier that no other run has.
	NewID func() (string, error)
	// Stopped returns why no further step may begin; nil while one may.
	Stopped func() error
}

// Request is what is asked for.
type Request struct {
	Occasion Occasion
	// Anew begins a new run: what was changed before does not count.
	Anew bool
}

// Plan is the list of an occasion, and how far each task is.
type Plan struct {
	Occasion Occasion
	ID       string
	Begun    time.Time // when the run that is taken up was begun; zero for a new one
	Since    time.Time // changes after it count; zero for a new run that no incident was recorded for: none counts
	Incident time.Time // the incident that Since is of; zero for none
	Tasks    []Task    // in the order in which they are to be done
	Ended    bool      // nothing is left, and the record has that
	Anew     bool
}

// runDetails are the details of the entries of a run.
type runDetails struct {
	Run  string `json:"run"`
	Anew bool   `json:"anew"`
}

// MakePlan reads the record, and lists what is to be done. It changes nothing.
func MakePlan(ctx context.Context, sources Sources, request Request) (*Plan, error) {
	entries, _, err := sources.Record.Entries(ctx, chain.Query{Actions: []string{chain.ActionRotateAllBegun, chain.ActionRotateAllWaiting, chain.ActionRotateAllEnded,
		chain.ActionAccessEnded, chain.ActionIncidentOpened, chain.ActionIncidentClosed}})
	if err != nil {
		return nil, fmt.Errorf("reading the tool's own record: %w", err)
	}
	slices.SortFunc(entries, func(a, b chain.Entry) int { return cmp.Compare(a.Sequence, b.Sequence) })
	now := sources.Now()
	plan := &Plan{Occasion: request.Occasion, Anew: request.Anew, Tasks: list(request.Occasion)}
	if err := plan.takeUp(entries, now); err != nil {
		return nil, err
	}
	if plan.ID == "" {
		if plan.ID, err = sources.NewID(); err != nil {
			return nil, fmt.Errorf("naming the run: %w", err)
		}
	}
	if incident := openIncident(entries); request.Occasion == Incident && !incident.IsZero() && (!plan.Anew || !plan.Begun.IsZero() && incident.After(plan.Begun)) {
		plan.Since, plan.Incident = incident, incident
	}
	for i := range plan.Tasks {
		plan.Tasks[i].Step = stepOf(sources.Steps, plan.Tasks[i].Name)
	}
	if err := plan.look(ctx, sources); err != nil {
		return nil, err
	}
	plan.markWaiting(entries)
	return plan, nil
}

// detailsOf reads the details of an entry of a run.
func detailsOf(entry chain.Entry) (details runDetails, err error) {
	if err := json.Unmarshal(entry.Details, &details); err != nil || details.Run == "" {
		return details, fmt.Errorf("reading the entry %d of the record: its details name no run", entry.Sequence)
	}
	return details, nil
}

// takeUp finds the last run of the occasion that has not ended, and is not older than a quarter.
func (p *Plan) takeUp(entries []chain.Entry, now time.Time) error {
	if p.Anew {
		return nil
	}
	for _, entry := range entries {
		if entry.Subject != string(p.Occasion) || entry.Action != chain.ActionRotateAllBegun && entry.Action != chain.ActionRotateAllEnded {
			continue
		}
		details, err := detailsOf(entry)
		switch {
		case err != nil:
			return err
		case entry.Action == chain.ActionRotateAllBegun:
			p.ID, p.Begun, p.Anew = details.Run, entry.At, details.Anew
		case details.Run == p.ID:
			p.ID, p.Begun, p.Anew = "", time.Time{}, false
		}
	}
	if p.Begun.IsZero() || now.Sub(p.Begun) > due.Quarter {
		p.ID, p.Begun, p.Anew = "", time.Time{}, false
		return nil
	}
	p.Since = p.Begun
	return nil
}

// openIncident returns when the last incident was opened that was neither closed, nor had everything changed since; zero
// for none. Changes after an earlier incident say nothing about a new one that nobody has recorded.
func openIncident(entries []chain.Entry) (opened time.Time) {
	var over time.Time
	for _, entry := range entries {
		switch at := entry.Happened(); entry.Action {
		case chain.ActionIncidentOpened:
			opened = later(opened, at)
		case chain.ActionIncidentClosed:
			over = later(over, at)
		case chain.ActionRotateAllEnded:
			if entry.Subject == string(Incident) {
				over = later(over, at)
			}
		}
	}
	if !opened.After(over) {
		return time.Time{}
	}
	return opened
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func stepOf(steps []Step, name string) *Step {
	for i := range steps {
		if steps[i].Kind == name {
			return &steps[i]
		}
	}
	return nil
}

// counts reports whether a change is one of this run.
func (p *Plan) counts(changed time.Time) bool { return !p.Since.IsZero() && changed.After(p.Since) }

// look gives each task its state by the record.
func (p *Plan) look(ctx context.Context, sources Sources) error {
	for i := range p.Tasks {
		task := &p.Tasks[i]
		var err error
		if task.Changed, err = lastChange(ctx, sources, *task); err != nil {
			return err
		}
		switch {
		case p.counts(task.Changed):
			if err := task.settle(ctx, sources); err != nil {
				return err
			}
		case task.Kind.Issued && !sources.IsSet(task.Kind):
			task.State = NotSet
		case task.Step == nil:
			task.State = Elsewhere
		case task.Step.Needs != "":
			task.State, task.Err = Blocked, errors.New(task.Step.Needs)
		default:
			task.State = Open
		}
	}
	return nil
}

// settle gives a task whose change counts its state: it waits where its step has to prove the change, and has not.
func (t *Task) settle(ctx context.Context, sources Sources) error {
	t.State = Done
	if t.Step == nil || !t.Step.Proves {
		return nil
	}
	entries, _, err := sources.Record.Entries(ctx, chain.Query{Actions: []string{chain.ActionSecretProven}, Subject: t.Kind.Setting, Limit: 1})
	if err != nil {
		return fmt.Errorf("reading the tool's own record: %w", err)
	}
	if t.unproven = len(entries) == 0 || entries[0].Happened().Before(t.Changed); t.unproven {
		t.State = Waiting
	}
	return nil
}

// lastChange returns when the record has the secret of a task changed last, or every session ended; zero for never.
func lastChange(ctx context.Context, sources Sources, task Task) (at time.Time, err error) {
	if task.Name == Sessions {
		entries, _, err := sources.Record.Entries(ctx, chain.Query{Actions: []string{chain.ActionAccessEnded}, Subject: chain.SubjectEverybody})
		if err != nil {
			return at, fmt.Errorf("reading the tool's own record: %w", err)
		}
		for _, entry := range entries {
			if endsLogins(entry) {
				at = later(at, entry.Happened())
			}
		}
		return at, nil
	}
	report, err := due.Look(ctx, sources.Record, []secret.Kind{task.Kind}, sources.Now())
	if err != nil {
		return at, err
	}
	return report.Kinds[0].Changed, nil
}

// endsLogins reports whether an entry is about login sessions too, and not about vaults alone.
func endsLogins(entry chain.Entry) bool {
	var details struct {
		KeepLogins bool `json:"keep_logins"`
	}
	return json.Unmarshal(entry.Details, &details) == nil && !details.KeepLogins
}

// markWaiting finds the steps that wait for the servers, by the entries of this run.
func (p *Plan) markWaiting(entries []chain.Entry) {
	for _, entry := range entries {
		if entry.Action != chain.ActionRotateAllWaiting {
			continue
		}
		if details, err := detailsOf(entry); err != nil || details.Run != p.ID {
			continue
		}
		for i := range p.Tasks {
			if task := &p.Tasks[i]; task.Name == entry.Subject && task.State == Open {
				task.State = Waiting
			}
		}
	}
}

// Counted returns the tasks that are to be done or done: all but those whose secret is not set here.
func (p *Plan) Counted() []Task {
	return slices.DeleteFunc(slices.Clone(p.Tasks), func(task Task) bool { return task.State == NotSet })
}

// Left returns the tasks that are left.
func (p *Plan) Left() []Task {
	return slices.DeleteFunc(slices.Clone(p.Tasks), func(task Task) bool { return !task.State.IsLeft() })
}

// Ready returns the tasks whose steps are to be carried out now, and not after the servers have restarted.
func (p *Plan) Ready(restarted bool) []Task {
	return slices.DeleteFunc(slices.Clone(p.Tasks), func(task Task) bool { return !task.isReady(restarted) })
}

// isReady reports whether the step of a task is to be carried out now. A change that was made is not proven before the
// servers have restarted.
func (t *Task) isReady(restarted bool) bool {
	return t.State == Open || t.State == Waiting && (restarted || !t.unproven)
}

// In returns the tasks that are in one of some states.
func (p *Plan) In(states ...State) []Task {
	return slices.DeleteFunc(slices.Clone(p.Tasks), func(task Task) bool { return !slices.Contains(states, task.State) })
}

// Restart returns the components that must restart for some tasks, each once, in the order of the tasks.
func Restart(tasks []Task) (components []secret.Component) {
	for _, task := range tasks {
		for _, component := range task.Kind.Change.Restart {
			if !slices.Contains(components, component) {
				components = append(components, component)
			}
		}
	}
	return components
}

// Check looks whether the steps of a plan can be carried out, and blocks those that cannot. It changes nothing.
func Check(ctx context.Context, sources Sources, plan *Plan) error {
	for i := range plan.Tasks {
		task := &plan.Tasks[i]
		if task.State != Open || task.Step.Check == nil {
			continue
		}
		err := task.Step.Check(ctx)
		if stopped := sources.Stopped(); stopped != nil {
			return stopped
		}
		if err != nil {
			task.State, task.Err = Blocked, err
		}
	}
	return nil
}
