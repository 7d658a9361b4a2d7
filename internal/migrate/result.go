package migrate

import "time"

// Result is what a run did.
type Result struct {
	Moved    int64         `json:"values_moved"`
	Rows     int64         `json:"rows_written"`
	Passes   int           `json:"passes"`
	Changed  int64         `json:"rows_changed_meanwhile"` // met again in a later pass
	Left     int64         `json:"still_leaving"`          // rows that the last pass still found to move
	Blocked  int64         `json:"rows_locked"`            // of them, those that others held all the time
	Unseen   []string      `json:"not_ended"`              // transactions that had written, and whose writes could not be seen
	SetAside int64         `json:"set_aside"`
	List     []SetAside    `json:"set_aside_list"` // the first ones
	Elapsed  time.Duration `json:"-"`
	Rested   time.Duration `json:"-"` // to give way to others
	Why      string        `json:"-"` // it did
	DryRun   bool          `json:"dry_run"`
}

// Complete reports whether the last pass found nothing left to do.
func (r *Result) Complete() bool { return r.Left == 0 && r.SetAside == 0 && len(r.Unseen) == 0 }
