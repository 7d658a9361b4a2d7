package migrate

import (
	"fmt"
	"time"
)

// Replication is the replication state of a server: how far those have come that
// read its log (WAL). Positions are bytes of the log.
type Replication struct {
	Written   int64
	Standbys  []LogReader // position up to which each standby has replayed
	Retainers []LogReader // position from which a slot or the archiver still needs the log
}

// LogReader is a reader of the log.
type LogReader struct {
	Name     string
	Position int64
}

// lagTracker remembers when the log was at which position, and so knows the age of
// what a standby has replayed. It does not use the lag that a standby reports: a
// standby that hangs reports nothing new.
type lagTracker struct{ marks []logMark }

type logMark struct {
	at       time.Time
	position int64
}

// maxMarks bounds how many positions are remembered: at two a second more than an
// hour.
const maxMarks = 10_000

// wait says which standby is further behind than allowed.
func (t *lagTracker) wait(now time.Time, state Replication, allowed time.Duration) Wait {
	if allowed == 0 {
		return Wait{}
	}
	t.marks = append(t.marks, logMark{now, state.Written})
	if len(t.marks) > maxMarks {
		t.marks = t.marks[1:]
	}
	for _, standby := range state.Standbys {
		if lag := t.lag(now, standby.Position); lag > allowed {
			return Wait{Kind: WaitLag, What: "standby " + standby.Name,
				Figures: fmt.Sprintf("which is %s behind (allowed: %s)", lag.Round(100*time.Millisecond), allowed)}
		}
	}
	return Wait{}
}

// lag returns the time since the log went past a position.
func (t *lagTracker) lag(now time.Time, position int64) time.Duration {
	for _, mark := range t.marks {
		if mark.position > position {
			return now.Sub(mark.at)
		}
	}
	return 0
}

// backlogWait says who holds back more of the log than allowed, in bytes.
func backlogWait(state Replication, allowed int64) Wait {
	if allowed == 0 {
		return Wait{}
	}
	for _, retainer := range state.Retainers {
		if backlog := state.Written - retainer.Position; backlog > allowed {
			return Wait{Kind: WaitBacklog, What: retainer.Name,
				Figures: fmt.Sprintf("which is %d MB of log behind (allowed: %d MB)", backlog>>20, allowed>>20)}
		}
	}
	return Wait{}
}
