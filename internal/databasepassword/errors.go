package databasepassword

import (
	"errors"
	"fmt"
	"strings"
)

// The reasons why a password is not changed. Nothing has been changed with any of them.
var (
	// ErrRefused says that the server does not let an account in with a password.
	ErrRefused = errors.New("the server does not accept account and password")
	// ErrNoAnswer says that an account was let in and is not served: a pool cannot log in with it at its server.
	ErrNoAnswer = errors.New("the account is let in, and no answer comes: a pool before the server cannot log in there itself")
	// ErrNotSet says that the store has no address.
	ErrNotSet = errors.New("the store has no DATABASE_URL")
	// ErrStoreRefused says that the server does not accept the password that the store has.
	ErrStoreRefused = errors.New("the server does not accept the password that stands in the store")
	// ErrNeither says that the server accepts neither the store's password nor the one that is to follow it.
	ErrNeither = errors.New("the server accepts neither the password of DATABASE_URL in the store nor the one that an earlier run has left for it")
	// ErrAnyPassword says that the server asks for no password, so that a log-in proves nothing.
	ErrAnyPassword = errors.New("the server lets the account in with a password that was made up, so no log-in proves anything")
	// ErrPendingDiffers says that what an earlier run has left is of another address or account.
	ErrPendingDiffers = errors.New("what an earlier run has left in the store is of another address or account than DATABASE_URL")
	// ErrStandby says that the server takes no writes.
	ErrStandby = errors.New("the address leads to a standby, which cannot change a role")
	// ErrExpired says that the role's passwords are not valid any more.
	ErrExpired = errors.New("the role's VALID UNTIL is past")
	// ErrNoEntry says that PgBouncer's file does not have the account.
	ErrNoEntry = errors.New("the file of PgBouncer has no entry for the account")
	// ErrNoWayBack says that the old verifier can neither be read nor made again.
	ErrNoWayBack = errors.New("the old password could not be put back: its verifier cannot be read, and it has characters beyond ASCII")
	// ErrNotOfTheTwo says that the store's account is none of the two roles.
	ErrNotOfTheTwo = errors.New("the account of DATABASE_URL in the store is none of the two roles")
	// ErrInUse says that the role which is to be given a new password has connections.
	ErrInUse = errors.New("the other role has connections, so something uses it")
	// ErrMovedOn says that store, role or PgBouncer are not as they were when the plan was made.
	ErrMovedOn = errors.New("the password has been changed by another run or by hand since this one has looked")
	// ErrOvertaken says that another run has gone on with a change, and maybe ended it.
	ErrOvertaken = errors.New("another run has gone on with this change meanwhile, so this one leaves off")
	// ErrIdle says that no change has come so far that servers could have restarted with it.
	ErrIdle = errors.New("no change is under way that servers have restarted for")
	// ErrOneRole says that a change without two roles is under way.
	ErrOneRole = errors.New("a change of one role is under way")
	// ErrNoLogin says that a role may not log in, whatever its password.
	ErrNoLogin = errors.New("the role may not log in (NOLOGIN)")
	// ErrStillUsed says that the old role has connections.
	ErrStillUsed = errors.New("connections of before the change are still there")
)

// MissingRightError says that no account may change a role.
type MissingRightError struct {
	Role, Account string
	Grant         string // SQL that gives the right
}

// Error names role and account.
func (e *MissingRightError) Error() string {
	return fmt.Sprintf("the account %q may not change the role %q", e.Account, e.Role)
}

// NoLoginError says that the role which the store names may not log in. Its password is the right one.
type NoLoginError struct {
	Role string
	Fix  string // SQL
}

// Error names the role.
func (e *NoLoginError) Error() string {
	return fmt.Sprintf("the role %q may not log in (NOLOGIN)", e.Role)
}

// Unwrap returns ErrNoLogin.
func (e *NoLoginError) Unwrap() error { return ErrNoLogin }

// TwoRolesError says that a change of two roles is under way, which other requests do not finish.
type TwoRolesError struct {
	Old, New string
}

// Error names the two.
func (e *TwoRolesError) Error() string {
	return fmt.Sprintf("a change from the role %q to the role %q is under way", e.Old, e.New)
}

// UnequalError says how two roles differ that are to take turns.
type UnequalError struct {
	Differences []Difference
}

// Difference is one thing in which two roles differ, or that ties one of them to the database.
type Difference struct {
	Text string `json:"text"`
	Fix  string `json:"fix"` // SQL
}

// Error lists the differences.
func (e *UnequalError) Error() string {
	texts := make([]string, len(e.Differences))
	for i, difference := range e.Differences {
		texts[i] = difference.Text
	}
	return "the two roles cannot take turns: " + strings.Join(texts, "; ")
}

// PutBackError says that a change failed and that the old password was put back, and was seen to work.
type PutBackError struct {
	Cause error
	// Left says that the new address still stands in the store under PendingName.
	Left bool
}

// Error names the cause.
func (e *PutBackError) Error() string {
	return "the old password is back and works; the change failed: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *PutBackError) Unwrap() error { return e.Cause }

// HalfwayError says that a change failed and could not be taken back. The new address stands in the store under
// PendingName, and the next run goes on.
type HalfwayError struct {
	Cause, Back error
}

// Error names both causes.
func (e *HalfwayError) Error() string {
	if e.Back == nil {
		return "the change is half done: " + e.Cause.Error()
	}
	return fmt.Sprintf("the change is half done: %v; it could not be taken back: %v", e.Cause, e.Back)
}

// Unwrap returns the causes.
func (e *HalfwayError) Unwrap() []error { return []error{e.Cause, e.Back} }
