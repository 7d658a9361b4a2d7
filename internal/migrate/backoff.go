package migrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A batch that a deadlock or a serialization failure rolled back is tried again up to
// maxRetries times. The waits begin with firstWait and double; together they take
// little more than a second. A later pass finds what is left then.
const (
	maxRetries = 5
	firstWait  = 40 * time.Millisecond
)

// reportedWait is the shortest wait that is reported to the operator.
const reportedWait = 400 * time.Millisecond

// backoff waits between the tries of one operation.
type backoff struct {
	run   *run
	tries int
}

// wait waits, and reports whether there is to be another try. The error is that of
// the gate, or of the context.
func (b *backoff) wait(ctx context.Context) (bool, error) {
	if b.tries == maxRetries || b.run.isStopping() {
		return false, nil
	}
	wait := firstWait << b.tries
	jittered, err := addJitter(wait, b.run.Random)
	if err != nil {
		return false, err
	}
	b.tries++
	if wait >= reportedWait {
		b.run.tellWait(Wait{Kind: WaitConflict, What: "other transactions, which work on the same rows"})
		defer b.run.tellWait(Wait{})
	}
	timer := time.NewTimer(jittered)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.run.Stop:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	err = b.run.gate.pass(ctx, b.run.Stop, b.run.tellWait)
	return err == nil, err
}

// addJitter returns a time between the wait and one and a half of it, so that
// transactions which were in conflict do not meet again.
func addJitter(wait time.Duration, random io.Reader) (time.Duration, error) {
	var drawn [2]byte
	if _, err := io.ReadFull(random, drawn[:]); err != nil {
		return 0, fmt.Errorf("drawing how long to wait: %w", err)
	}
	return wait + wait*time.Duration(binary.BigEndian.Uint16(drawn[:]))/(2<<16), nil
}

// retryConflict does work again while it ends with a conflict.
func (r *run) retryConflict(ctx context.Context, work func() error) error {
	for b := (backoff{run: r}); ; {
		failed := work()
		if !errors.Is(failed, ErrConflict) {
			return failed
		}
		if again, err := b.wait(ctx); err != nil {
			return err
		} else if !again {
			return failed
		}
	}
}

// retryConflicts returns a Writer that writes batches again which were rolled back
// because of a conflict.
func (r *run) retryConflicts(writer Writer) Writer { return retryingWriter{r, writer} }

type retryingWriter struct {
	run    *run
	writer Writer
}

// Write implements Writer.
func (w retryingWriter) Write(ctx context.Context, table Table, batches []Batch) ([]Outcome, error) {
	outcomes, err := w.writer.Write(ctx, table, batches)
	for b := (backoff{run: w.run}); err == nil; {
		conflicts := indexConflicts(outcomes)
		if len(conflicts) == 0 {
			break
		}
		again, failed := b.wait(ctx)
		if failed != nil || !again {
			return outcomes, failed
		}
		retried := make([]Batch, len(conflicts))
		for i, at := range conflicts {
			retried[i] = batches[at]
		}
		var fresh []Outcome
		fresh, err = w.writer.Write(ctx, table, retried)
		for i, outcome := range fresh {
			outcomes[conflicts[i]] = outcome
		}
	}
	return outcomes, err
}

// indexConflicts returns the indexes of the batches that were rolled back because of a
// conflict.
func indexConflicts(outcomes []Outcome) (indexes []int) {
	for i, outcome := range outcomes {
		if outcome.Conflict {
			indexes = append(indexes, i)
		}
	}
	return indexes
}
