package migrate

import (
	"context"
	"slices"
	"time"
)

// holderPeriod is how often transactions that are waited for are listed.
const holderPeriod = 50 * time.Millisecond

// awaitHolders waits for the transactions that have written to the tables and have
// not ended. A pass that begins before they end cannot see what they wrote, so it
// would prove nothing to find nothing. The wait ends after the request's
// HolderTimeout; transactions that are left then are noted in notEnded, and the run is
// not complete.
func (r *run) awaitHolders(ctx context.Context) error {
	r.notEnded = nil
	waiting, err := r.Holders.Holders(ctx, r.plan.Tables)
	if err != nil || len(waiting) == 0 {
		return err
	}
	defer r.Reporter.Waiting("")
	ticker := time.NewTicker(holderPeriod)
	defer ticker.Stop()
	for deadline := r.Clock().Add(r.plan.Request.HolderTimeout); r.Clock().Before(deadline); {
		r.Reporter.Waiting(waiting[0].Name + ", which has written and not ended")
		select {
		case <-ticker.C:
		case <-r.Stop:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := r.Holders.Holders(ctx, r.plan.Tables)
		if err != nil {
			return err
		}
		// Transactions that began since then are no concern: this pass or the next one
		// sees what they write.
		waiting = slices.DeleteFunc(waiting, func(h Holder) bool {
			return !slices.ContainsFunc(now, func(n Holder) bool { return n.ID == h.ID })
		})
		if len(waiting) == 0 {
			return nil
		}
	}
	for _, holder := range waiting {
		r.notEnded = append(r.notEnded, holder.Name)
	}
	return nil
}
