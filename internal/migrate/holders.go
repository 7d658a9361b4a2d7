package migrate

import (
	"context"
	"slices"
	"time"
)

// holderPeriod is how often transactions that are waited for are listed.
const holderPeriod = 50 * time.Millisecond

// awaitHolders waits for the transactions that have written to the tables and have not
// ended. A pass that begins before they end cannot see what they wrote, so it would prove
// nothing to find nothing. The wait ends after the request's HolderTimeout; transactions
// that are left then are noted in notEnded, and the run is not complete.
func (r *run) awaitHolders(ctx context.Context) error {
	w := holderWait{holders: r.Holders, tables: r.plan.Tables, timeout: r.plan.Request.HolderTimeout, clock: r.Clock, stop: r.Stop, waiting: r.tellWait, passedOver: r.changed.Load()}
	left, err := w.awaitAll(ctx)
	r.notEnded = nil
	for _, holder := range left {
		r.notEnded = append(r.notEnded, holder.Name)
	}
	return err
}

// holderWait waits for transactions that have written to tables.
type holderWait struct {
	holders HolderLister
	tables  []Table // none: every table of the database
	timeout time.Duration
	clock   Clock
	stop    <-chan struct{} // nil where only the context ends the wait
	waiting func(Wait)
	// passedOver is how many rows could not be written before; it is only shown.
	passedOver int64
}

// awaitAll waits for the transactions that hold the tables now, and returns those that
// have not ended in time. Transactions that begin later are no concern.
func (w holderWait) awaitAll(ctx context.Context) ([]Holder, error) {
	list, err := w.holders.Holders(ctx, w.tables)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return w.await(ctx, list)
}

// await waits for the transactions of a list, and returns those that have not ended in
// time.
func (w holderWait) await(ctx context.Context, list []Holder) ([]Holder, error) {
	defer w.waiting(Wait{})
	ticker := time.NewTicker(holderPeriod)
	defer ticker.Stop()
	for deadline := w.clock().Add(w.timeout); w.clock().Before(deadline); {
		w.waiting(writersWait(list, w.passedOver))
		select {
		case <-ticker.C:
		case <-w.stop:
			return nil, ErrStopped
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		now, err := w.holders.Holders(ctx, w.tables)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(h Holder) bool { return !h.isIn(now) })
		if len(list) == 0 {
			return nil, nil
		}
	}
	return list, nil
}

// isIn reports whether a list has the transaction.
func (h Holder) isIn(list []Holder) bool {
	return slices.ContainsFunc(list, func(other Holder) bool { return other.ID == h.ID })
}
