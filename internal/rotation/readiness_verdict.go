package rotation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
)

// judge says what a look has shown, together with those before.
func (l *lookState) judge() *Readiness {
	o := l.observer
	result := &Readiness{Version: o.request.Version, Older: o.request.From, Begun: o.request.Begun, Looks: o.looks, From: o.from, To: l.moment.At,
		OneIn: l.digests.oneIn(), Tables: l.tables, Servers: []ServerAnswer{}, Reasons: []finding.Finding{}, Counts: l.counts}
	shown := false
	for i := range result.Tables {
		table := &result.Tables[i]
		slices.SortFunc(table.Others, func(a, b OtherWrites) int {
			return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Version, b.Version))
		})
		table.State = l.stateOf(i)
		shown = shown || table.State == NewVersionSeen
		for _, other := range table.Others {
			result.Reasons = append(result.Reasons, l.explainOther(table, other))
			if other.Version < o.request.Version && other.SeenAt.After(result.OldAt) {
				result.OldAt = other.SeenAt
			}
		}
		if table.State == NewNotSeen {
			result.Reasons = append(result.Reasons, explainNotSeen(table, o.request.Version))
		}
	}
	if !shown && len(result.Reasons) == 0 && !slices.Contains(o.request.NoWrites, EveryTable) {
		result.Reasons = append(result.Reasons, finding.Finding{Code: finding.NothingWritten, Severity: finding.Error, Where: "database",
			Message: fmt.Sprintf("no server has written a secret under version %d since %s", o.request.Version, o.request.since()),
			Fix:     "have each server write one, such as by connecting an integration, and look again; where no server runs, add --no-writes " + EveryTable})
	}
	result.Ready = len(result.Reasons) == 0 && o.looks > 1
	return result
}

// stateOf returns the state of a table. After a run its own writes stand in the rows, so that only what was written
// during the looks counts.
func (l *lookState) stateOf(table int) TableState {
	seen, request := l.tables[table], l.observer.request
	written := seen.Rows > 0 || seen.since && !request.Moved
	switch {
	case len(seen.Others) > 0:
		return OldVersionSeen
	case l.observer.shown[seen.String()]:
		return NewVersionSeen
	case !written:
		return NoWritesSeen
	case request.isSaid(request.Tables[table]):
		return NoWritesSaid
	}
	return NewNotSeen
}

// explainOther says that a version was written which is not the new one.
func (l *lookState) explainOther(table *TableReadiness, other OtherWrites) finding.Finding {
	request := l.observer.request
	found := finding.Finding{Code: finding.OldVersionWritten, Severity: finding.Error, Where: table.String() + "." + other.Column,
		Message: fmt.Sprintf("a server has written version %d there", other.Version),
		Evidence: fmt.Sprintf("%s values more, between %s and %s", numberText(other.Values), other.After.UTC().Format(time.DateTime),
			other.SeenAt.UTC().Format(time.DateTime+" UTC")),
		Fix: fmt.Sprintf("restart every server that has not restarted since %s, with ENCRYPTION_KEY_VERSION=%d, then run ocmt rotate readiness again",
			request.restartedSince(), request.Version)}
	if other.Version > request.Version {
		found.Code = finding.NewerVersion
		found.Fix = fmt.Sprintf("a server has a newer key than version %d: find out which one, and who gave it that", request.Version)
	}
	return found
}

// since says since when writes are looked at.
func (r ReadinessRequest) since() string {
	if r.Begun.IsZero() {
		return "these looks began"
	}
	return "the rotation was begun"
}

// restartedSince says since when a server must have restarted.
func (r ReadinessRequest) restartedSince() string {
	if r.Begun.IsZero() {
		return "the new key was put in place"
	}
	return r.Begun.UTC().Format(time.DateTime + " UTC")
}

// explainNotSeen says that a table was written to, and that nothing shows with which key.
func explainNotSeen(table *TableReadiness, version int) finding.Finding {
	return finding.Finding{Code: finding.NewVersionNotSeen, Severity: finding.Error, Where: table.String(),
		Message: fmt.Sprintf("it was written to, and no secret under version %d was seen there", version),
		Fix:     "wait until a server writes a secret there, or add --no-writes " + table.Table + " where the servers write other columns only"}
}
