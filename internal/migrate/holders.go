package migrate

import (
	"context"
	"slices"
	"time"
)

// lookForHolders is how often transactions that are waited for are looked for.
const lookForHolders = 50 * time.Millisecond

// awaitHolders waits for the transactions that have written to the tables and
// have not ended: a pass that begins before they do cannot see what they wrote,
// and finding nothing would be no proof. It waits no longer than a statement may
// take; who is left then is noted, and the run does not call itself complete.
func (r *run) awaitHolders(ctx context.Context) error {
	r.unseen = nil
	waiting, err := r.Store.Holders(ctx, r.plan.Tables)
	if err != nil || len(waiting) == 0 {
		return err
	}
	defer r.Reporter.Waiting("")
	ticker := time.NewTicker(lookForHolders)
	defer ticker.Stop()
	for deadline := r.Clock().Add(r.plan.Request.HolderPatience); r.Clock().Before(deadline); {
		r.Reporter.Waiting(waiting[0].Name + ", which has written and not ended")
		select {
		case <-ticker.C:
		case <-r.Stop:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := r.Store.Holders(ctx, r.plan.Tables)
		if err != nil {
			return err
		}
		// Those that began since write in the sight of this pass or the next.
		waiting = slices.DeleteFunc(waiting, func(h Holder) bool {
			return !slices.ContainsFunc(now, func(n Holder) bool { return n.ID == h.ID })
		})
		if len(waiting) == 0 {
			return nil
		}
	}
	for _, holder := range waiting {
		r.unseen = append(r.unseen, holder.Name)
	}
	return nil
}
