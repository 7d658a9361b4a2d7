package cli

import "github.com/ocmt/ocmt/internal/databasepassword"

// databasePasswordDocument is what ocmt rotate database-password writes.
type databasePasswordDocument struct {
	DryRun bool `json:"dry_run"`
	*databasepassword.Plan
	databasepassword.Result
}

func (c *databasePasswordChange) document() databasePasswordDocument {
	c.result.Left = emptyIfNil(c.result.Left)
	return databasePasswordDocument{DryRun: c.options.DryRun, Plan: c.plan, Result: c.result}
}
