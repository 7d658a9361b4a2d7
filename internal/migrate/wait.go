package migrate

import (
	"fmt"
	"time"
)

// WaitKind says what kind of thing a run waits for.
type WaitKind string

// The kinds.
const (
	WaitPause       WaitKind = "pause"             // an operator's order
	WaitRows        WaitKind = "locked_rows"       // rows that other transactions hold
	WaitWriters     WaitKind = "open_transactions" // transactions that have written and not ended
	WaitConflict    WaitKind = "conflict"          // transactions that work on the same rows
	WaitLag         WaitKind = "replica_lag"
	WaitBacklog     WaitKind = "wal_backlog"
	WaitReplication WaitKind = "replication_state" // it cannot be seen, and might be over a limit
)

// Wait is what a run waits for. The zero Wait is for a run that waits for nothing.
type Wait struct {
	Kind WaitKind `json:"kind"`
	// What stays the same for as long as the run waits for the same thing. For WaitPause it is who has
	// paused the run.
	What string `json:"what"`
	// Figures are those of the moment; "" for none.
	Figures string `json:"figures"`
}

// IsZero reports whether there is nothing to wait for.
func (w Wait) IsZero() bool { return w == Wait{} }

// String returns what is waited for, so that it can stand behind "waiting for"; "" for nothing.
func (w Wait) String() string {
	text := w.What
	if w.Kind == WaitPause {
		text = "ocmt migrate resume (" + w.Phrase() + ")"
	}
	if w.Figures != "" {
		text += ", " + w.Figures
	}
	return text
}

// Phrase says without figures that the run waits; "" where it does not.
func (w Wait) Phrase() string {
	switch {
	case w.IsZero():
		return ""
	case w.Kind == WaitPause:
		return "paused by " + w.What
	}
	return "waiting for " + w.What
}

// holderNames names the first of the transactions, and says how many more there are. There is at least
// one.
func holderNames(list []Holder) string {
	switch more := len(list) - 1; more {
	case 0:
		return list[0].Name
	case 1:
		return list[0].Name + " and another one"
	default:
		return fmt.Sprintf("%s and %d others", list[0].Name, more)
	}
}

// writersWait is the wait for transactions that have written and not ended. Rows were passed over for
// them, or because a server had changed them.
func writersWait(list []Holder, passedOver int64) Wait {
	wait := Wait{Kind: WaitWriters, What: holderNames(list) + ", which has written and not ended"}
	if len(list) > 1 {
		wait.What = holderNames(list) + ", which have written and not ended"
	}
	if passedOver > 0 {
		wait.Figures = countRows(passedOver) + " locked or changed"
	}
	return wait
}

// rowsWait is the wait for rows that transactions hold. They are among the rows in hand, which is as
// near as their number is known.
func rowsWait(list []Holder, inHand int64) Wait {
	return Wait{Kind: WaitRows, What: "locked rows of " + holderNames(list), Figures: "among " + countRows(inHand) + " in hand"}
}

func countRows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// pauseWait is the wait for an operator who has paused the run: since the order was given, or was taken
// up, where that is all that is known.
func pauseWait(orders Orders, since time.Time) Wait {
	who := orders.By
	if orders.Host != "" {
		who += " on " + orders.Host
	}
	if !orders.At.IsZero() {
		since = orders.At
	}
	return Wait{Kind: WaitPause, What: who + " since " + since.UTC().Format(time.TimeOnly+" UTC")}
}
