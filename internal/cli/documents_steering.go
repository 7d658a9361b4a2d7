package cli

import (
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
)

// statusDocument is what ocmt migrate status writes.
type statusDocument struct {
	Running   bool                    `json:"running"`
	Run       *pgrecord.Run           `json:"run"`  // null where no run is at work, or the run does not report
	Lock      *pgrecord.Lock          `json:"lock"` // null where nobody holds it
	Lost      []pgrecord.Run          `json:"lost"`
	Malformed []pgrecord.KeptOrders   `json:"malformed_orders"`
	Runs      []pgrecord.RecordedMove `json:"recorded"`
	Unread    []finding.Finding       `json:"not_read"`
}

// steerDocument is what pause, resume, set and abort write: the run as it is once it
// follows.
type steerDocument struct {
	Followed bool         `json:"followed"` // the run was seen to follow the order
	Run      pgrecord.Run `json:"run"`
}

// resetOrdersDocument is what ocmt migrate reset-orders writes.
type resetOrdersDocument struct {
	DryRun  bool                  `json:"dry_run"`
	Removed []pgrecord.KeptOrders `json:"removed"`
	Left    []pgrecord.KeptOrders `json:"left"`
}
