package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/runbook"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// allStates are the states of tasks as the table has them, with their tones.
var allStates = map[runbook.State]ui.Cell{
	runbook.Open:       {Text: "to do"},
	runbook.Waiting:    {Text: "waits for the restart", Tone: ui.Caution},
	runbook.Done:       {Text: "done", Tone: ui.Good},
	runbook.Blocked:    {Text: "cannot be done", Tone: ui.Bad},
	runbook.Failed:     {Text: "failed", Tone: ui.Bad},
	runbook.Unrecorded: {Text: "not recorded", Tone: ui.Bad},
	runbook.Elsewhere:  {Text: "not from here", Tone: ui.Caution},
	runbook.NotSet:     {Text: "-", Tone: ui.Faint},
}

// sessionsCommand ends every session.
const sessionsCommand = "ocmt session-invalidate --all"

// labelOf returns what a report calls a task.
func labelOf(task runbook.Task) string {
	if task.Name == runbook.Sessions {
		return "sessions and unlocked vaults"
	}
	return task.Kind.Label
}

// failureOf returns why a task is not done, or not wholly well; "" for nothing.
func failureOf(task runbook.Task) string {
	if task.Err == nil {
		return ""
	}
	return ui.Clean(explain(task.Err).Error())
}

// adviceOn returns what to do about a task that is not done, as its own command says.
func adviceOn(task runbook.Task) (notes []ui.Note) {
	var explained *ui.Error
	if errors.As(explain(task.Err), &explained) {
		for _, hint := range explained.Hints {
			notes = append(notes, ui.Note{Head: ui.Cell{Text: "next:"}, Text: ui.Clean(hint)})
		}
	}
	return notes
}

// commandFor returns the command that changes the secret of a task, or that records its change.
func (r *allRun) commandFor(task runbook.Task) string {
	if task.Name == runbook.Sessions {
		return sessionsCommand
	}
	return dueCommand(task.Kind)
}

// wayOf says how a task is done that no step does.
func (r *allRun) wayOf(task runbook.Task) string {
	kind, command := task.Kind, r.commandFor(task)
	switch {
	case task.Name == runbook.Sessions:
		return command
	case kind.VersionSetting != "":
		return "last, when all else is done: " + command + "; where somebody else may have the key, before that: ocmt rotate mark-compromised --key-version " +
			versionText(placementOf(r.settings).Version)
	case kind.Issued:
		return "at " + kind.Maker + ", then set " + kind.Setting + "; then: " + command
	case strings.HasPrefix(command, "ocmt rotate "+kind.Name):
		return command
	case kind.Maker != "":
		return "by " + kind.Maker + ", " + kind.Change.Why + "; then: " + command
	}
	return "ocmt keygen " + kind.Name + ", set it in " + strings.Join(kind.Names(), " and ") + "; then: " + command
}

// printPlan says what is to be done, in its order.
func (r *allRun) printPlan() {
	plan, printer := r.plan, r.app.printer
	occasion := "Each quarter"
	if plan.Occasion == runbook.Incident {
		occasion = "After an incident"
	}
	if r.options.DryRun {
		printer.Heading("The list")
	}
	printer.Line("%s: %s, %s left.", occasion, ui.Count(int64(len(plan.Counted())), "change", "changes"), ui.Number(int64(len(plan.Left()))))
	switch {
	case !plan.Incident.IsZero():
		printer.Line("What was changed since the incident of %s counts.", plan.Incident.UTC().Format(time.DateTime+" UTC"))
	case plan.Occasion == runbook.Incident && plan.Begun.IsZero():
		printer.Line("No open incident is recorded, so nothing that was changed before counts. ocmt audit record incident-opened records one.")
	}
	if !plan.Begun.IsZero() {
		printer.Line("The run of %s goes on. What was changed since it began counts.", plan.Begun.UTC().Format(time.DateTime+" UTC"))
	}
	r.printTasks()
	r.printElsewhere()
	switch {
	case len(plan.Left()) > 0:
	case plan.Begun.IsZero():
		printer.Line("Nothing is left. --anew changes all of it again.")
	default:
		printer.Line("Nothing is left, so this run is at its end.")
	}
}

// printTasks shows the tasks that steps do.
func (r *allRun) printTasks() {
	table := ui.Table{Columns: []ui.Column{{Title: "SECRET"}, {Title: "STATE"}, {Title: "WHAT ENDS", Wrap: true}}, Notes: map[int][]ui.Note{}}
	for _, task := range r.plan.Tasks {
		if task.Step == nil {
			continue
		}
		if reason := failureOf(task); reason != "" {
			table.Notes[len(table.Rows)] = append([]ui.Note{{Head: ui.Cell{Text: "why:", Tone: ui.Bad}, Text: reason}}, adviceOn(task)...)
		}
		table.Rows = append(table.Rows, append(ui.Row(labelOf(task)), allStates[task.State], ui.Cell{Text: task.Kind.Change.Ends}))
	}
	if len(table.Rows) > 0 {
		r.app.printer.Table(table)
	}
}

// printElsewhere lists what no step does.
func (r *allRun) printElsewhere() {
	printer := r.app.printer
	if tasks := r.plan.In(runbook.Elsewhere); len(tasks) > 0 {
		printer.Line("\nNot from here. Set what the servers read before they restart, so that one restart is enough:")
		for _, task := range tasks {
			printer.Line("  %s: %s", labelOf(task), r.wayOf(task))
		}
	}
	for _, group := range []struct {
		text  string
		tasks []runbook.Task
	}{
		{"Not from here, and done: ", slices.DeleteFunc(r.plan.In(runbook.Done), func(task runbook.Task) bool { return task.Step != nil })},
		{"Not set in the settings that were read here, so not counted: ", r.plan.In(runbook.NotSet)},
	} {
		var labels []string
		for _, task := range group.tasks {
			labels = append(labels, labelOf(task))
		}
		if len(labels) > 0 {
			printer.Line("\n%s", group.text+strings.Join(labels, ", ")+".")
		}
	}
}

// StepBegins announces a step.
func (r *allRun) StepBegins(task runbook.Task) { r.app.printer.Heading("ocmt rotate " + task.Name) }

// StepEnds keeps what became of a step, and says why it failed.
func (r *allRun) StepEnds(task runbook.Task) {
	r.ran = append(r.ran, task)
	if reason := failureOf(task); reason != "" {
		r.app.printer.Warn("%s: %s", task.Name, reason)
	}
}

// restart returns the components that must restart for what was changed in this run, or waits for it.
// An earlier process may have ended before it could name those of its changes.
func (r *allRun) restart() []secret.Component {
	return runbook.Restart(slices.DeleteFunc(slices.Clone(r.plan.Tasks), func(task runbook.Task) bool {
		ran := slices.ContainsFunc(r.ran, func(one runbook.Task) bool { return one.Name == task.Name })
		before := task.Step != nil && task.State == runbook.Done && !r.options.Restarted && !r.plan.Begun.IsZero() && task.Changed.After(r.plan.Begun)
		return task.State != runbook.Waiting && !before && (!ran || task.State == runbook.Done && r.options.Restarted && r.waited(task.Name))
	}))
}

// waited reports whether a step ended that had waited for the restart, so that no other is needed.
func (r *allRun) waited(name string) bool {
	return slices.ContainsFunc(r.allSteps(), func(step allStep) bool { return step.kind == name && (step.waits || step.proves) })
}

// componentNamesOf returns components as texts.
func componentNamesOf(components []secret.Component) []string {
	names := []string{}
	for _, component := range components {
		names = append(names, string(component))
	}
	return names
}

// printReport says what became of each.
func (r *allRun) printReport() {
	printer := r.app.printer
	printer.Heading("Report")
	counted := len(r.plan.Counted())
	printer.Line("%s of %s done.", ui.Number(int64(counted-len(r.plan.Left()))), ui.Count(int64(counted), "change is", "changes are"))
	r.printTasks()
	r.printElsewhere()
	if restart := r.restart(); len(restart) > 0 {
		printer.Line("\nRestart, once for all of it: %s.", strings.Join(componentNamesOf(restart), ", "))
	}
}

// again returns the command that goes on, with the flags that were given.
func (r *allRun) again() string {
	return withFlags("ocmt rotate all", r.options.Carried)
}

// leftError says what is left; nil for nothing. A dry run leaves what it would do.
func (r *allRun) leftError() error {
	left, blocked := r.plan.Left(), r.plan.In(runbook.Blocked)
	again := r.again()
	switch {
	case len(left) == 0, r.options.DryRun && len(blocked) == 0:
		return nil
	case r.options.DryRun:
		hint := "mend what is said above"
		if len(left) > len(blocked) {
			hint += "; without it, " + again + " changes the others, and goes on with this when it is run again"
		}
		return &ui.Error{Message: fmt.Sprintf("%s cannot be done as things are", ui.Count(int64(len(blocked)), "step", "steps")), Code: ui.ExitPartial, Hints: []string{hint}}
	}
	explained := &ui.Error{Message: fmt.Sprintf("%s left", ui.Count(int64(len(left)), "change is", "changes are")), Code: ui.ExitPartial}
	if len(r.plan.In(runbook.Waiting)) > 0 {
		explained.Hints = append(explained.Hints, "restart "+strings.Join(componentNamesOf(r.restart()), ", ")+", then "+again+" --restarted")
	}
	for _, task := range r.plan.In(runbook.Blocked, runbook.Failed, runbook.Unrecorded) {
		explained.Hints = append(explained.Hints, fmt.Sprintf("%s: mend what is said, then %s goes on with it", labelOf(task), again))
	}
	if elsewhere := r.plan.In(runbook.Elsewhere); len(elsewhere) > 0 {
		explained.Hints = append(explained.Hints, "change what is not changed from here, with the commands above; "+again+" --dry-run lists what is left")
	}
	return explained
}
