package cli

import "github.com/ocmt/ocmt/internal/rotation"

// finishDocument is what ocmt rotate finish writes.
type finishDocument struct {
	DryRun bool `json:"dry_run"`
	// Resumed says that an earlier command had taken the key away, or proven it.
	Resumed  bool              `json:"resumed"`
	Evidence rotation.Evidence `json:"evidence"`
	Files    []string          `json:"files"` // that the evidence was written into
}
