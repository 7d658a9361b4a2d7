package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
)

// lookAgain describes the tables again just before the first write, and refuses the run with a
// *RefusedError where they are not as the plan has them: between plan and run lies a question
// that may have waited for hours. The run goes on with the fresh description, so that a trigger
// that was made meanwhile counts.
func (r *run) lookAgain(ctx context.Context) error {
	request := r.plan.Request
	now, err := request.describe(ctx, r.Tables)
	if err != nil {
		return err
	}
	found := request.WithoutKnown(now.Findings)
	access, err := r.Tables.CheckAccess(ctx, now.Tables)
	if err != nil {
		return err
	}
	found = append(found, access...)
	found = append(found, findChanged(r.plan.Tables, now.Tables)...)
	if len(found) > 0 {
		return &RefusedError{Findings: found}
	}
	fresh := *r.plan
	fresh.Tables = now.Tables
	r.plan = &fresh
	return nil
}

// findChanged finds tables and columns that came or went since the plan was made.
func findChanged(before, now []Table) (found []finding.Finding) {
	add := func(where, message string) {
		found = append(found, finding.Finding{Code: finding.Drifted, Severity: finding.Error, Where: where,
			Message: message + " since the plan was made", Fix: "run this again, which makes a new plan"})
	}
	for _, pair := range []struct {
		these, others []Table
		message       string
	}{{before, now, "it went"}, {now, before, "it came"}} {
		for _, table := range pair.these {
			at := slices.IndexFunc(pair.others, func(t Table) bool { return t.String() == table.String() })
			if at < 0 {
				add(table.String(), pair.message)
				continue
			}
			for _, column := range table.Columns {
				if !slices.ContainsFunc(pair.others[at].Columns, func(c Column) bool { return c.Name == column.Name }) {
					add(fmt.Sprintf("%s.%s", table, column.Name), pair.message)
				}
			}
		}
	}
	return found
}
