package cli

import "github.com/ocmt/ocmt/internal/due"

// markDoneDocument is what ocmt rotate mark-done writes.
type markDoneDocument struct {
	Kind    string    `json:"kind"`
	State   due.State `json:"state"`      // "" in a dry run
	Changed string    `json:"changed_at"` // "" in a dry run
	Due     string    `json:"due_at"`     // "" where no time is set
	auditRecordDocument
}
