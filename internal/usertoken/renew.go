package usertoken

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Result is what a run came to.
type Result struct {
	// Renewed, ByServer, Gone and Left add up to the tokens of the plan, as the last look saw them.
	Renewed  int64 `json:"renewed"`           // they have the token that the run made
	ByServer int64 `json:"changed_by_server"` // they have another one that is not the one of the census
	Gone     int64 `json:"gone"`              // the user was deleted
	Left     int64 `json:"left"`              // they have the token of the census, or were not looked at again
	Looks    int   `json:"looks"`
	// Proven says that a whole look found no token of the census.
	Proven bool `json:"proven"`
	// NotEnded are transactions that have written to the table and not ended, so that what they wrote was not seen.
	NotEnded []string `json:"not_ended"`
	// Users are those whose token is the one that the run made.
	Users []Owner `json:"users"`
}

// ErrStopped says that the work was asked to stop.
var ErrStopped = errors.New("stopped")

// LeftError says that tokens were left as they are.
type LeftError struct {
	Plan   *Plan
	Result *Result
}

// Error says how many.
func (e *LeftError) Error() string {
	return fmt.Sprintf("%d tokens have not been renewed, and %d were left alone", e.Result.Left, len(e.Plan.LeftAlone))
}

const (
	// batchRows is how many rows one transaction writes.
	batchRows = 500
	// period is how often what is waited for is looked at again.
	period = 100 * time.Millisecond
	// maxLooks bounds the looks where something writes tokens of the census again and again. The last one only looks.
	maxLooks = 20
)

// Renew renews the tokens of a plan, and looks until none of the census is left. It ends after the batch in hand when
// stop is closed. The result is never nil. Errors: ErrStopped, *LeftError, and those of the Store.
func Renew(ctx context.Context, sources Sources, plan *Plan, stop <-chan struct{}, reporter Reporter) (*Result, error) {
	kind, _ := secret.Lookup("gateway-token")
	run := &run{Sources: sources, plan: plan, stop: stop, reporter: reporter, generate: kind.Generate, result: &Result{NotEnded: []string{}, Users: []Owner{}}}
	err := run.look(ctx)
	run.count()
	ending := context.WithoutCancel(ctx)
	if run.result.Renewed > 0 {
		err = errors.Join(err, sources.Store.Flush(ending), run.findOwners(ending))
	}
	if err == nil && (len(plan.LeftAlone) > 0 || len(plan.entries) > 0 && !run.result.Proven) {
		err = &LeftError{Plan: plan, Result: run.result}
	}
	return run.result, err
}

// run is one run of Renew.
type run struct {
	Sources
	plan     *Plan
	stop     <-chan struct{}
	reporter Reporter
	generate func(io.Reader) (string, error)
	result   *Result
	made     int64 // tokens that were written, for the display
}

// look goes over all tokens until a whole look finds none of the census.
func (r *run) look(ctx context.Context) error {
	r.reporter.Phase("renewing")
	idle := r.Clock()
	for len(r.plan.entries) > 0 {
		r.result.Looks++
		last := r.result.Looks == maxLooks
		found, written, err := r.pass(ctx, !last)
		if err != nil {
			return err
		}
		if found == 0 {
			r.result.Proven = len(r.result.NotEnded) == 0
			return nil
		}
		if written > 0 {
			idle = r.Clock()
		} else if last || r.Clock().Sub(idle) >= r.Patience {
			return nil // somebody holds the rows, or keeps new tokens out: they are told as left
		}
		if written == 0 {
			r.reporter.Waiting("rows that others hold")
			if err := r.pause(ctx); err != nil {
				return err
			}
		}
		if err := r.awaitWriters(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pass looks at every token once, and renews those of the census where it may write.
func (r *run) pass(ctx context.Context, mayWrite bool) (found, written int, err error) {
	for batch := range slices.Chunk(r.plan.entries, batchRows) {
		select {
		case <-r.stop:
			return found, written, ErrStopped
		default:
		}
		err := r.Pace.Do(ctx, func() error {
			foundHere, writtenHere, err := r.renewBatch(ctx, batch, mayWrite)
			found, written = found+foundHere, written+writtenHere
			return err
		})
		if err != nil {
			return found, written, err
		}
		r.reporter.Progress(min(r.made, r.plan.Renewable()), r.plan.Renewable())
	}
	return found, written, nil
}

// renewBatch looks at some tokens, and renews those of the census where it may write.
func (r *run) renewBatch(ctx context.Context, batch []entry, mayWrite bool) (found, written int, err error) {
	users := make([]string, len(batch))
	for i := range batch {
		users[i] = batch[i].user
	}
	rows, err := r.Store.Read(ctx, users)
	if err != nil {
		return 0, 0, fmt.Errorf("reading tokens: %w", err)
	}
	texts := make(map[string]secret.Value, len(rows))
	for _, row := range rows {
		texts[row.User] = row.Text
	}
	var changes []Change
	made := map[string]digest{}
	for i := range batch {
		one := &batch[i]
		stored, there := texts[one.user]
		current := parse(stored.Reveal(), r.Ring)
		if one.state = one.compare(current, there); one.state != stateOld {
			continue
		}
		if found++; !mayWrite {
			continue
		}
		text, digest, err := r.makeToken(ctx, current.form)
		if err != nil {
			return 0, 0, err
		}
		changes, made[one.user] = append(changes, Change{User: one.user, Old: stored, New: text}), digest
	}
	if len(changes) == 0 {
		return found, 0, nil
	}
	done, err := r.Store.Write(ctx, changes)
	if err != nil {
		return found, 0, fmt.Errorf("writing tokens: %w", err)
	}
	for i, at := 0, positions(batch); i < len(done); i++ {
		one := &batch[at[done[i]]]
		one.state, one.made = stateNew, made[one.user]
	}
	r.made += int64(len(done))
	return found, len(done), nil
}

// positions returns where the entry of each user stands.
func positions(batch []entry) map[string]int {
	at := make(map[string]int, len(batch))
	for i := range batch {
		at[batch[i].user] = i
	}
	return at
}

// compare says what an entry's row has now.
func (e *entry) compare(current token, there bool) state {
	switch {
	case !there:
		return stateGone
	case current.form != Sealed && current.form != Clear:
		return stateOther
	case current.digest == e.old:
		return stateOld
	case current.digest == e.made:
		return stateNew
	}
	return stateOther
}

// makeToken makes a token in a form. What is sealed is opened again and compared.
func (r *run) makeToken(ctx context.Context, form Form) (secret.Value, digest, error) {
	text, err := r.generate(r.Random)
	if err != nil {
		return secret.Value{}, digest{}, fmt.Errorf("making a token: %w", err)
	}
	of := digestOf([]byte(text))
	if form == Clear {
		return secret.NewValue(text), of, nil
	}
	if !r.plan.keyProven { // the server has sealed it since the census
		if err := proveKey(ctx, r.Sources); err != nil {
			return secret.Value{}, digest{}, err
		}
		r.plan.keyProven = true
	}
	sealed, err := r.Ring.Seal([]byte(text), r.Random)
	if err != nil {
		return secret.Value{}, digest{}, fmt.Errorf("sealing a token: %w", err)
	}
	stored := sealed.String()
	again, err := crypto.Parse(stored)
	if err != nil {
		return secret.Value{}, digest{}, crypto.ErrReopen
	}
	opened, err := r.Ring.Open(again)
	if err != nil || !bytes.Equal(opened, []byte(text)) {
		return secret.Value{}, digest{}, crypto.ErrReopen
	}
	clear(opened)
	return secret.NewValue(stored), of, nil
}

// awaitWriters waits for transactions that have written to the table and not ended: a look that begins before they end
// cannot see what they wrote.
func (r *run) awaitWriters(ctx context.Context) error {
	defer r.reporter.Waiting("")
	r.result.NotEnded = []string{}
	left, err := r.Store.Writers(ctx)
	for began := r.Clock(); err == nil && len(left) > 0; {
		if r.Clock().Sub(began) >= r.Patience {
			r.result.NotEnded = left
			return nil
		}
		r.reporter.Waiting(left[0] + ", which has written and not ended")
		if err := r.pause(ctx); err != nil {
			return err
		}
		var now []string
		now, err = r.Store.Writers(ctx)
		left = slices.DeleteFunc(left, func(writer string) bool { return !slices.Contains(now, writer) })
	}
	return err
}

// pause waits for a moment, unless the work is to stop.
func (r *run) pause(ctx context.Context) error {
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.stop:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// count adds up what the last look saw.
func (r *run) count() {
	for i := range r.plan.entries {
		switch r.plan.entries[i].state {
		case stateNew:
			r.result.Renewed++
		case stateOther:
			r.result.ByServer++
		case stateGone:
			r.result.Gone++
		case stateOld:
			r.result.Left++
		}
	}
}

// findOwners finds out whose containers have an old token.
func (r *run) findOwners(ctx context.Context) error {
	var users []string
	for i := range r.plan.entries {
		if r.plan.entries[i].state == stateNew {
			users = append(users, r.plan.entries[i].user)
		}
	}
	for part := range slices.Chunk(users, batchRows) {
		owners, err := r.Store.Owners(ctx, part)
		if err != nil {
			return fmt.Errorf("reading whose tokens were renewed: %w", err)
		}
		r.result.Users = append(r.result.Users, owners...)
	}
	return nil
}
