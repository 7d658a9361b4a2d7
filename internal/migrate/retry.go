package migrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a deadlock or a serialization failure took back is tried again so many
// times, after waits that begin with the first and double; all of them together
// take little more than a second. What is left then is met in the next pass.
const (
	mostRetries = 5
	firstWait   = 40 * time.Millisecond
)

// longWait is a wait that the operator is told of.
const longWait = 400 * time.Millisecond

// patience waits between two tries.
type patience struct {
	run   *run
	tries int
}

// again waits, and reports whether there is to be another try. The error is that
// of the gate, or of the context.
func (p *patience) again(ctx context.Context) (bool, error) {
	if p.tries == mostRetries || p.run.stopping() {
		return false, nil
	}
	wait := firstWait << p.tries
	jittery, err := jittered(wait, p.run.Random)
	if err != nil {
		return false, err
	}
	p.tries++
	if wait >= longWait {
		p.run.Reporter.Waiting("other transactions, which work on the same rows")
		defer p.run.Reporter.Waiting("")
	}
	timer := time.NewTimer(jittery)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.run.Stop:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	err = p.run.gate.pass(ctx, p.run.Stop, p.run.Reporter.Waiting)
	return err == nil, err
}

// jittered is between the wait and one and a half of it, so that those who stood
// in each other's way do not meet again.
func jittered(wait time.Duration, random io.Reader) (time.Duration, error) {
	var drawn [2]byte
	if _, err := io.ReadFull(random, drawn[:]); err != nil {
		return 0, fmt.Errorf("drawing how long to wait: %w", err)
	}
	return wait + wait*time.Duration(binary.BigEndian.Uint16(drawn[:]))/(2<<16), nil
}

// persist does work again while it ends with a conflict.
func (r *run) persist(ctx context.Context, work func() error) error {
	for patience := (patience{run: r}); ; {
		failed := work()
		if !errors.Is(failed, ErrConflict) {
			return failed
		}
		if again, err := patience.again(ctx); err != nil {
			return err
		} else if !again {
			return failed
		}
	}
}

// patient makes a Writer try the parts again that were taken back because of a
// conflict.
func (r *run) patient(writer Writer) Writer { return patientWriter{r, writer} }

type patientWriter struct {
	run    *run
	writer Writer
}

// Write implements Writer.
func (w patientWriter) Write(ctx context.Context, table Table, parts []Part) error {
	err := w.writer.Write(ctx, table, parts)
	for patience := (patience{run: w.run}); err == nil; {
		taken := conflicting(parts)
		if len(taken) == 0 {
			return nil
		}
		again, failed := patience.again(ctx)
		if failed != nil || !again {
			return failed
		}
		tried := make([]Part, len(taken))
		for i, at := range taken {
			tried[i] = parts[at]
		}
		err = w.writer.Write(ctx, table, tried)
		for i, at := range taken {
			parts[at] = tried[i]
		}
	}
	return err
}

// conflicting are the places of the parts that were taken back.
func conflicting(parts []Part) (places []int) {
	for i, part := range parts {
		if part.Conflict {
			places = append(places, i)
		}
	}
	return places
}
