package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
)

// nameLockHolders looks who holds the lock that a command has waited for in vain. An error that is explained
// already passes as it is: it says what has become of a change.
func (a *App) nameLockHolders(ctx context.Context, err error) error {
	var explained *ui.Error
	if err == nil || errors.As(err, &explained) {
		return err
	}
	for _, db := range a.databases {
		err = db.NameHolders(ctx, err)
	}
	var locked *postgres.LockedError
	if errors.As(err, &locked) && a.hasLockTimeout {
		return &flaggedLockError{err}
	}
	return err
}

// flaggedLockError is a lock that a command has waited for in vain, and that has a flag for a longer wait.
type flaggedLockError struct{ error }

// Unwrap returns the error that names the lock.
func (e *flaggedLockError) Unwrap() error { return e.error }

// explainLocked says which table is locked, and by whom.
func explainLocked(err error) *ui.Error {
	var locked *postgres.LockedError
	if !errors.As(err, &locked) {
		return nil
	}
	var texts, hints []string
	for _, holder := range locked.Holders {
		texts = append(texts, describeHolder(holder))
		if hint := "to end it: " + endSQL(holder); !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	setting := "OCMT_LOCK_TIMEOUT=1m in the environment"
	var flagged *flaggedLockError
	if errors.As(err, &flagged) {
		setting = "--lock-timeout 1m"
	}
	hints = append(hints, "or wait until it has ended, or allow for a longer wait with "+setting, goOn)
	return &ui.Error{Code: ui.ExitFailed, Hints: hints,
		Message: fmt.Sprintf("%s; waited %s for it", strings.Join(texts, "; "), locked.Waited), Why: ui.Clean(locked.Error())}
}

// describeHolder says which table a transaction keeps others from, and whose it is.
func describeHolder(holder postgres.LockHolder) string {
	who := "prepared transaction " + postgres.QuoteLiteral(holder.Prepared)
	if holder.Backend != 0 {
		who = "backend " + strconv.Itoa(holder.Backend)
	}
	if holder.Account != "" {
		who += " of account " + holder.Account
	}
	if holder.Application != "" {
		who += ", application " + quoteName(holder.Application)
	}
	if holder.Since != "" {
		who += ", since " + serverMoment(holder.Since)
	}
	what := " is locked by "
	switch {
	case holder.Waits:
		what = " is waited for, and whoever comes later waits behind, by "
	case !holder.Whole:
		what = " has rows that may be locked by "
	}
	return "table " + ui.Clean(holder.Table) + what + ui.Clean(who)
}

// endSQL returns the statement that ends a transaction, and as whom.
func endSQL(holder postgres.LockHolder) string {
	if holder.Backend == 0 {
		return ui.Clean("rollback prepared " + postgres.QuoteLiteral(holder.Prepared) + ", or commit prepared, as the account " + holder.Account + " or a superuser")
	}
	return terminateSQL(holder.Backend, holder.Account)
}

// terminateSQL returns the statement that ends a backend, and as whom.
func terminateSQL(backend int, account string) string {
	as := "a superuser or a member of pg_signal_backend"
	if account != "" {
		as = "the account " + ui.Clean(account) + " or a superuser"
	}
	return fmt.Sprintf("select pg_terminate_backend(%d), as %s", backend, as)
}
