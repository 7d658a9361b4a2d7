package runbook

import (
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/chain"
)

// ErrNoRecord means that the record did not keep the entry of the run, so that nothing can be taken up later.
var ErrNoRecord = errors.New("the tool's own record does not keep how far the changes are")

// ErrSecondRun means that another run was begun at the same moment.
var ErrSecondRun = errors.New("another run was begun at the same moment")

// Reporter is told of each step. It may be slow.
type Reporter interface {
	StepBegins(task Task)
	StepEnds(task Task)
}

// Run carries out the steps of a plan in their order, and keeps in the plan what became of each. restarted says that the
// servers have restarted since the steps that wait for it began to wait.
//
// A step that fails keeps no other from being carried out: each is a change of its own, with its own way back. Run ends
// early, with an error, where the record cannot be written or read, because what is done would be done again later, and
// where Sources.Stopped says so.
func Run(ctx context.Context, sources Sources, plan *Plan, restarted bool, reporter Reporter) error {
	if len(plan.Left()) == 0 && plan.Begun.IsZero() {
		return nil
	}
	if plan.Begun.IsZero() {
		if err := plan.begin(ctx, sources); err != nil {
			return err
		}
	}
	for i := range plan.Tasks {
		task := &plan.Tasks[i]
		if !task.isReady(restarted) {
			continue
		}
		if err := sources.Stopped(); err != nil {
			return err
		}
		reporter.StepBegins(*task)
		err := plan.carryOut(ctx, sources, task, restarted && task.State == Waiting)
		reporter.StepEnds(*task)
		if err != nil {
			return err
		}
	}
	if err := sources.Stopped(); err != nil {
		return err
	}
	if len(plan.Left()) > 0 {
		return nil
	}
	err := plan.add(ctx, sources, chain.ActionRotateAllEnded, string(plan.Occasion), map[string]any{"run": plan.ID})
	plan.Ended = err == nil
	return err
}

// begin adds the entry of a new run. By its time, which the record gives it, changes count: the clock of this machine
// may differ.
func (p *Plan) begin(ctx context.Context, sources Sources) error {
	names := []string{}
	for _, task := range p.Left() {
		names = append(names, task.Name)
	}
	if err := p.add(ctx, sources, chain.ActionRotateAllBegun, string(p.Occasion), map[string]any{"run": p.ID, "anew": p.Anew, "list": names}); err != nil {
		return err
	}
	entries, _, err := sources.Record.Entries(ctx, chain.Query{Actions: []string{chain.ActionRotateAllBegun}, Subject: string(p.Occasion), Limit: 1})
	if err != nil {
		return fmt.Errorf("reading the tool's own record: %w", err)
	}
	if len(entries) == 0 {
		return ErrNoRecord
	}
	details, err := detailsOf(entries[0])
	if err != nil {
		return err
	}
	if details.Run != p.ID {
		return ErrSecondRun
	}
	p.Begun = entries[0].At
	if p.Incident.IsZero() {
		p.Since = p.Begun
	}
	return nil
}

// carryOut carries out one step. The error says that no other may follow.
func (p *Plan) carryOut(ctx context.Context, sources Sources, task *Task, restarted bool) error {
	outcome, failure := task.Step.Run(ctx, restarted)
	task.Err = failure
	if failure == nil && outcome == Awaits {
		task.State = Waiting
		return p.add(ctx, sources, chain.ActionRotateAllWaiting, task.Name, map[string]any{"run": p.ID})
	}
	task.State = Unrecorded
	if failure != nil {
		task.State = Failed
	}
	changed, err := lastChange(ctx, sources, *task)
	if err != nil {
		return fmt.Errorf("looking whether the record has the change: %w", err)
	}
	if task.Changed = changed; p.counts(changed) {
		return task.settle(ctx, sources)
	}
	return nil
}

// add adds an entry.
func (p *Plan) add(ctx context.Context, sources Sources, action, subject string, details map[string]any) error {
	if err := sources.Record.Add(ctx, chain.Event{Action: action, Subject: subject, Details: details}); err != nil {
		return fmt.Errorf("recording how far the changes are: %w", err)
	}
	return nil
}
