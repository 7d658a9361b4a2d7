package migrate

import (
	"time"

	"github.com/ocmt/ocmt/internal/finding"
)

// Result is what a run did.
type Result struct {
	Moved int64 `json:"values_moved"`
	Rows  int64 `json:"rows_written"`
	// ValuesLeft is how many values of the plan this run has not moved: those that it did not come to, that it set aside, and
	// that a server moved or removed meanwhile.
	ValuesLeft int64 `json:"values_left"`
	Passes     int   `json:"passes"`
	Changed    int64 `json:"rows_changed_meanwhile"` // rows that a later pass had to look at again
	Left       int64 `json:"still_leaving"`          // rows that the last pass still found, so that there may be more
	Blocked    int64 `json:"rows_locked"`            // rows of Left that other transactions held
	// LeftSince is when the second pass began, if the last one still found rows. What that and each pass between found was written
	// under an old version by a server, or was locked.
	LeftSince *time.Time    `json:"still_leaving_since"`
	NotEnded  []string      `json:"not_ended"` // transactions that had written and not ended, so that their writes were not visible
	SetAside  int64         `json:"set_aside"`
	List      []SetAside    `json:"set_aside_list"`  // the first values that were set aside
	Accepted  []Accepted    `json:"accepted"`        // values that no key opens and that are accepted as lost
	Repaired  int64         `json:"labels_repaired"` // values that were labelled with one version and opened with the key of another
	Repairs   []Repair      `json:"labels_repaired_list"`
	Elapsed   time.Duration `json:"-"`
	Rested    time.Duration `json:"-"` // part of Elapsed, spent giving way to others
	Why       string        `json:"-"` // why the run gave way
	DryRun    bool          `json:"dry_run"`
	// Unaudited says why no entry was made in OCMT's audit log. It is not set where one was made,
	// or nothing changed.
	Unaudited finding.Reason `json:"unaudited"`
}

// Complete reports whether the last pass found nothing left to do.
func (r *Result) Complete() bool { return r.Left == 0 && r.SetAside == 0 && len(r.NotEnded) == 0 }
