package migrate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// snapshotReader opens the values of tables in one snapshot, and takes care of what could
// hide a value from it:
//
//   - A transaction that has written and not ended. Before the snapshot the reader waits
//     for such transactions. It waits again for those that were running when the snapshot
//     was taken, and then reads what was written since in a second snapshot. Those that
//     do not end are doubts.
//   - A table that is rewritten between the snapshot and its reading, which reads as empty.
//     The reader compares where the rows are stored, and begins again.
//   - A table whose rows lie on several servers, each of which counts its transactions alone.
//     Where a transaction was running when the snapshot was taken, such a table is read in the
//     second snapshot, and whole.
//   - Another server than the one that the plan is of, or a standby: the snapshot itself is
//     asked.
//
// While a table is read, whoever wants to alter it waits, and the servers wait behind that.
// So the reader lets go when somebody waits, and begins again.
type snapshotReader struct {
	sources  VerifySources
	ring     *crypto.Keyring // the target key alone
	whole    *crypto.Keyring // every key
	accepted acceptedValues
	request  Request
	tables   []Table
	reporter Reporter
}

// maxSnapshots bounds how often the reader begins again.
const maxSnapshots = 5

// lockPeriod is how often the reader looks whether somebody waits for it. Live servers may
// wait for so long, and not longer.
const lockPeriod = 250 * time.Millisecond

// The reasons to begin again.
var (
	errRewritten  = errors.New("a table was rewritten while it was read")
	errLockWanted = errors.New("another process waits for a table that is read")
)

// read opens the values, and returns how many each table has. Where it had to give up, the
// reason is an obstacle.
func (s *snapshotReader) read(ctx context.Context) (*Verification, map[string]int64, error) {
	var last error
	for range maxSnapshots {
		v := s.newVerifier()
		err := s.readOnce(ctx, v)
		if errors.Is(err, errRewritten) || errors.Is(err, errLockWanted) {
			last = err
			continue
		}
		v.result.SetAside, v.result.List, v.result.Elsewhere = v.setAside.count, v.setAside.list, v.elsewhere.sorted()
		v.result.Accepted = v.setAside.allAccepted()
		return v.result, v.perTable, err
	}
	return &Verification{Versions: map[int]int64{}, Obstacles: []finding.Finding{gaveUp(last)}}, nil, nil
}

func (s *snapshotReader) newVerifier() *verifier {
	return &verifier{ring: s.ring, whole: s.whole, accepted: s.accepted, target: s.request.To, reporter: s.reporter, elsewhere: elsewhereCounts{},
		perTable: map[string]int64{}, result: &Verification{Versions: map[int]int64{}, Refused: map[int]int64{}}}
}

// gaveUp says why the values could not be read in one snapshot.
func gaveUp(reason error) finding.Finding {
	found := finding.Finding{Code: finding.TableRewritten, Severity: finding.Error, Where: "database",
		Message: "tables were rewritten, truncated or replaced while they were read, each time",
		Fix:     "run this again when no migration, CLUSTER or VACUUM FULL is at work"}
	if errors.Is(reason, errLockWanted) {
		found.Code = finding.LockWanted
		found.Message = "other processes wanted to lock tables while they were read, each time, and were let through"
		found.Fix = "run this again when no migration is at work; pg_locks shows who waits"
	}
	return found
}

// readOnce opens the values in one snapshot, and in a second one what was written by
// transactions that were running when the first was taken.
func (s *snapshotReader) readOnce(ctx context.Context, v *verifier) error {
	wait := holderWait{holders: s.sources.Guard, tables: s.tables, timeout: s.request.HolderTimeout, clock: s.sources.Clock, waiting: s.reporter.Waiting}
	notEnded, err := wait.awaitAll(ctx)
	if err != nil {
		return err
	}
	origin, holders, err := s.readSnapshot(ctx, v, nil)
	if err != nil || len(v.result.Obstacles) > 0 {
		return err
	}
	if origin.Running {
		// One wait for each transaction is enough.
		others := slices.DeleteFunc(holders, func(h Holder) bool { return h.isIn(notEnded) })
		left, err := s.readLater(ctx, v, origin, others, wait)
		if err != nil {
			return err
		}
		notEnded = append(notEnded, left...)
	}
	v.result.Doubts = notEndedFindings(notEnded)
	return nil
}

// readLater waits for the transactions that hold the tables, and opens what was written
// since the oldest transaction of the first snapshot. It returns the transactions that have
// not ended.
func (s *snapshotReader) readLater(ctx context.Context, v *verifier, first Origin, holders []Holder, wait holderWait) (notEnded []Holder, err error) {
	if len(holders) > 0 {
		if notEnded, err = wait.await(ctx, holders); err != nil {
			return nil, err
		}
	}
	_, _, err = s.readSnapshot(ctx, v, &first.Oldest)
	return notEnded, err
}

// notEndedFindings names transactions that hide what they wrote.
func notEndedFindings(holders []Holder) (list []finding.Finding) {
	for _, holder := range holders {
		list = append(list, finding.Finding{Code: finding.NotEnded, Severity: finding.Error, Where: holder.Name,
			Message: "it has written to the tables and not ended, so that what it wrote could not be looked at",
			Fix:     "end it with " + holder.End + " if nothing else does, then run this again"})
	}
	return list
}

// readSnapshot opens the values in a snapshot: those that were written since a transaction,
// or, with nil, those that were written before the oldest one that was running. The values of
// the others are left to a later snapshot, and so each is counted once. It returns what the
// snapshot is of, and the transactions that hold the tables just after it was taken.
func (s *snapshotReader) readSnapshot(ctx context.Context, v *verifier, since *uint32) (origin Origin, holders []Holder, err error) {
	snapshot, err := s.sources.Pacing.PaceConns(s.sources.Conns).OpenSnapshot(ctx)
	if err != nil {
		return origin, nil, err
	}
	defer snapshot.Close(context.WithoutCancel(ctx))
	origin = snapshot.Origin()
	if v.result.Obstacles = CheckOrigin(s.request.Database, origin); len(v.result.Obstacles) > 0 {
		return origin, nil, nil
	}
	var before string
	var read map[string][]string
	asking, asked := crash.WithContext(ctx)
	asking.Go(func() (err error) {
		holders, err = s.sources.Guard.Holders(asked, s.tables)
		return err
	})
	asking.Go(func() (err error) {
		read, before, err = snapshot.Heaps(asked, s.tables)
		return err
	})
	if err := asking.Wait(); err != nil {
		return origin, nil, err
	}
	if since == nil {
		v.result.Oldest, v.result.Read = &origin.Oldest, read
	}
	scope, tables := Scope{WrittenSince: since}, s.tables
	if since == nil && origin.Running {
		scope.WrittenBefore = &origin.Oldest
		tables = slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Spread != nil })
	}
	s.reporter.Phase("verifying")
	watched, stop := s.watchLocks(ctx, origin.Backend)
	err = v.openTables(watched, snapshot, tables, scope, s.request.Workers)
	stop()
	if errors.Is(context.Cause(watched), errLockWanted) {
		return origin, nil, errLockWanted
	}
	if err != nil {
		return origin, nil, err
	}
	// The tables stay locked against rewriting until the snapshot is closed.
	after, err := s.sources.Guard.Storage(ctx, s.tables)
	if err == nil && after != before {
		err = errRewritten
	}
	return origin, holders, err
}

// CheckOrigin finds that values were read on a standby, or from another database than the one
// that is wanted. An empty identity wants nothing.
func CheckOrigin(want Identity, origin Origin) []finding.Finding {
	got := origin.Database
	switch {
	case origin.Standby:
		return []finding.Finding{{Code: finding.Standby, Severity: finding.Error, Where: "database",
			Message: "the values were read on a read-only standby", Fix: "point DATABASE_URL at the primary alone"}}
	case want.Name != "" && want.Name != got.Name, want.System != "" && got.System != "" && want.System != got.System:
		return []finding.Finding{{Code: finding.OtherServer, Severity: finding.Error, Where: "database",
			Message: "the values were read from another server or database than the one that the plan is of",
			Fix:     "name one server in DATABASE_URL, and run this again"}}
	case origin.Apart:
		return []finding.Finding{{Code: finding.NotOneMoment, Severity: finding.Error, Where: "database",
			Message: "transactions ended on the nodes of the cluster all the time, so that they could not be seen at one moment",
			Fix:     "run this again when less is written to the cluster"}}
	}
	return nil
}

// watchLocks ends the context that it returns with the cause errLockWanted when another
// process waits for the snapshot.
func (s *snapshotReader) watchLocks(ctx context.Context, backend int) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	ticker := time.NewTicker(lockPeriod)
	crash.Go(func() {
		defer close(ended)
		defer ticker.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case <-ticker.C:
			}
			// A question that fails ends nothing: the reader notices that the database is gone.
			if wanted, err := s.sources.Guard.IsWaitedFor(watched, backend); err == nil && wanted {
				cancel(errLockWanted)
				return
			}
		}
	})
	return watched, func() {
		cancel(nil)
		<-ended
	}
}
