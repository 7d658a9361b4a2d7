package migrate

import (
	"fmt"
	"time"
)

// Pressure is how far those behind the database are that live on its log.
// Positions are bytes of the log.
type Pressure struct {
	Written   int64
	Standbys  []Follower // how far each has replayed
	Retainers []Follower // slots, and the archiver: how far each still needs the log
}

// Follower is one of them.
type Follower struct {
	Name     string
	Position int64
}

// lagWatch knows when the log was at which position, and so how old is what a
// standby has replayed. It does not take the standby's own word for its lag: a
// standby that hangs says nothing new.
type lagWatch struct{ marks []mark }

type mark struct {
	at       time.Time
	position int64
}

// marksKept bounds what is remembered: at two a second an hour or two.
const marksKept = 10_000

// reason says which standby is further behind than allowed; "" for none.
func (w *lagWatch) reason(now time.Time, pressure Pressure, allowed time.Duration) string {
	if allowed == 0 {
		return ""
	}
	w.marks = append(w.marks, mark{now, pressure.Written})
	if len(w.marks) > marksKept {
		w.marks = w.marks[1:]
	}
	for _, standby := range pressure.Standbys {
		if lag := w.lag(now, standby.Position); lag > allowed {
			return fmt.Sprintf("standby %s, which is %s behind (allowed: %s)", standby.Name, lag.Round(100*time.Millisecond), allowed)
		}
	}
	return ""
}

// lag is the time since the log went past a position.
func (w *lagWatch) lag(now time.Time, position int64) time.Duration {
	for _, mark := range w.marks {
		if mark.position > position {
			return now.Sub(mark.at)
		}
	}
	return 0
}

// backlogReason says who holds back more of the log than allowed; "" for nobody.
func backlogReason(pressure Pressure, allowed int64) string {
	if allowed == 0 {
		return ""
	}
	for _, retainer := range pressure.Retainers {
		if backlog := pressure.Written - retainer.Position; backlog > allowed {
			return fmt.Sprintf("%s, which is %d MB of log behind (allowed: %d MB)", retainer.Name, backlog>>20, allowed>>20)
		}
	}
	return ""
}
