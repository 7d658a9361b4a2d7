package cli

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/userlist"
)

// databasePasswordGoOn is how a change is taken up.
const databasePasswordGoOn = "run the same command again: it looks how far this has come, and goes on"

// databasePasswordReasons are the exit codes and hints of what keeps a password from being changed.
var databasePasswordReasons = []struct {
	err  error
	code ui.ExitCode
	hint string
}{
	{databasepassword.ErrNotSet, ui.ExitUsage, "name the place where the servers have it, with --store"},
	{databasepassword.ErrAddress, ui.ExitUsage, "in the store it looks like postgresql://user:password@host:5432/ocmt; in it, @ : / ? # and % of a password are written as %40 %3A %2F %3F %23 and %25"},
	{databasepassword.ErrNoPassword, ui.ExitUsage, "this command changes a password that stands in DATABASE_URL; where the servers log in without one, there is none to change"},
	{databasepassword.ErrAmbiguous, ui.ExitUsage, "leave one of them in DATABASE_URL of the store: before the host, or as a parameter"},
	{databasepassword.ErrNotOfTheTwo, ui.ExitUsage, "--two-roles names the role of DATABASE_URL in the store, and the one that takes turns with it"},
	{databasepassword.ErrStoreRefused, ui.ExitRefused, "put the password that the role has into the store; or set one with \\password of psql, which sends a verifier, and put that into the store"},
	{databasepassword.ErrNeither, ui.ExitRefused, "somebody has changed the role: put the password that it has into DATABASE_URL of the store, and take OCMT_PENDING_DATABASE_URL out"},
	{databasepassword.ErrAnyPassword, ui.ExitRefused, "give the address scram-sha-256 in pg_hba.conf, or auth_type in PgBouncer, and reload it; then run this again"},
	{databasepassword.ErrPendingDiffers, ui.ExitRefused, "if nothing uses OCMT_PENDING_DATABASE_URL, take it out of the store; with --two-roles, run this with the same two"},
	{databasepassword.ErrStandby, ui.ExitRefused, "use the address of the primary"},
	{databasepassword.ErrExpired, ui.ExitRefused, "ALTER ROLE … VALID UNTIL gives it a later end"},
	{databasepassword.ErrNoEntry, ui.ExitRefused, "check that --userlist names the auth_file of the PgBouncer that the servers use; with auth_query, leave --userlist out"},
	{databasepassword.ErrNoWayBack, ui.ExitRefused, "give ocmt the DATABASE_URL of an account that may read pg_authid, such as postgres, and the servers' file with --store"},
	{databasepassword.ErrInUse, ui.ExitRefused, "end what uses it, or give its password and the role another purpose: a role that takes turns is used by the servers alone"},
	{databasepassword.ErrMovedOn, ui.ExitRefused, "this run has changed nothing; run the same command again: it looks anew"},
	{databasepassword.ErrOneRole, ui.ExitRefused, "ocmt rotate database-password, without --two-roles, finishes it"},
	{databasepassword.ErrIdle, ui.ExitUsage, "run this without --restarted; it says when the servers are to be restarted"},
	{databasepassword.ErrOvertaken, ui.ExitPartial, "what stands in the store now is the work of the other run; " + databasePasswordGoOn},
	{databasepassword.ErrStillUsed, ui.ExitPartial, "restart the servers that have them, then run the same command again; --wait 10m waits for them"},
	{databasepassword.ErrOldAccepted, ui.ExitPartial, "find out what lets it in, such as a pool that has it in memory; then " + databasePasswordGoOn},
	{databasepassword.ErrNoAnswer, ui.ExitFailed, "look into the log of the pool; where PgBouncer has passwords in a file, name it with --userlist"},
	{errServersLeft, ui.ExitPartial, "restart the servers that have them; the password is changed, and nothing else is left to do"},
	{userlist.ErrForm, ui.ExitRefused, "PgBouncer reads a line for each account: its name and its password, each in double quotes"},
	{userlist.ErrTwice, ui.ExitRefused, "leave one entry of the account"},
	{userlist.ErrNotPlain, ui.ExitUsage, "--userlist names the auth_file of PgBouncer"},
	{userlist.ErrOthersWrite, ui.ExitRefused, "take the right to write from others: chmod o-w"},
	{userlist.ErrChanged, ui.ExitFailed, databasePasswordGoOn},
}

// explainDatabasePassword explains why the password of the database was not changed, or not in full.
func explainDatabasePassword(err error) *ui.Error {
	var back *databasepassword.PutBackError
	var halfway *databasepassword.HalfwayError
	var right *databasepassword.MissingRightError
	var unequal *databasepassword.UnequalError
	switch {
	case errors.As(err, &halfway):
		return explainHalfway(halfway)
	case errors.As(err, &back):
		return explainPutBack(back)
	case errors.As(err, &right):
		return &ui.Error{Message: right.Error() + "; nothing was changed", Code: ui.ExitRefused,
			Hints: []string{"as a superuser: " + ui.Clean(right.Grant), "or give ocmt the DATABASE_URL of an account that may, and the servers' file with --store"}}
	case errors.As(err, &unequal):
		explained := &ui.Error{Message: unequal.Error() + "; nothing was changed", Code: ui.ExitRefused}
		for _, difference := range unequal.Differences {
			explained.Hints = append(explained.Hints, ui.Clean(difference.Fix))
		}
		return explained
	}
	if explained := explainKeptOut(err); explained != nil {
		return explained
	}
	for _, reason := range databasePasswordReasons {
		if errors.Is(err, reason.err) {
			return &ui.Error{Message: err.Error(), Code: reason.code, Hints: []string{reason.hint}}
		}
	}
	return nil
}

// explainHalfway explains a change that is neither made nor taken back.
func explainHalfway(halfway *databasepassword.HalfwayError) *ui.Error {
	explained := &ui.Error{Message: halfway.Error(), Code: ui.ExitPartial, Hints: []string{"the new address stands in the store as OCMT_PENDING_DATABASE_URL: keep it", databasePasswordGoOn}}
	if errors.Is(halfway, context.Canceled) || errors.Is(halfway, ui.ErrInterrupted) {
		explained.Message, explained.Code = "interrupted; the change is half done", ui.ExitInterrupted
	}
	return explained
}

// explainKeptOut explains what keeps a run from beginning: another one, or a role that may not log in.
func explainKeptOut(err error) *ui.Error {
	var locked *databasepassword.LockedError
	var two *databasepassword.TwoRolesError
	var barred *databasepassword.NoLoginError
	switch {
	case errors.As(err, &locked):
		return &ui.Error{Message: locked.Error() + "; this one has changed nothing", Code: ui.ExitRefused, Hints: []string{"wait for it to end, or end it, then run this again: it looks how far the other one has come"}}
	case errors.As(err, &two):
		return &ui.Error{Message: two.Error() + "; nothing was changed", Code: ui.ExitRefused, Hints: []string{"run this with --two-roles " + ui.Clean(two.Old+","+two.New) + ", which finishes it"}}
	case errors.As(err, &barred):
		return &ui.Error{Message: barred.Error() + "; its password is the one in the store, and nothing was changed", Code: ui.ExitRefused, Hints: []string{"as a superuser: " + ui.Clean(barred.Fix) + "; then run this again"}}
	}
	return nil
}

// explainPutBack explains why a change was taken back.
func explainPutBack(back *databasepassword.PutBackError) *ui.Error {
	explained := &ui.Error{Message: back.Error(), Code: ui.ExitFailed}
	if errors.Is(back.Cause, context.Canceled) || errors.Is(back.Cause, ui.ErrInterrupted) {
		explained.Message, explained.Code = "interrupted; the old password is back and works", ui.ExitInterrupted
	}
	var cause *ui.Error
	if errors.As(explain(back.Cause), &cause) {
		explained.Hints = append(explained.Hints, cause.Hints...)
	}
	if errors.Is(back.Cause, databasepassword.ErrRefused) {
		explained.Hints = []string{"where a pool such as PgBouncer has passwords in a file, name it with --userlist, and its console with --pgbouncer"}
	}
	if back.Left {
		explained.Hints = append(explained.Hints, "OCMT_PENDING_DATABASE_URL could not be taken out of the store; the next run takes it up")
	}
	return explained
}
