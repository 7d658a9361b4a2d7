package validation

import (
	"context"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// askCaches logs in at Redis.
func (l *liveChecker) askCaches(ctx context.Context) error {
	one := l.address(cacheSetting)
	if l.servers.Caches == nil || one == nil {
		return nil
	}
	logins, err := l.servers.Caches.Login(ctx)
	if err != nil {
		return err
	}
	for _, login := range logins {
		l.judgeCache(one, login)
	}
	return nil
}

// judgeCache judges what one server said without a password, with a wrong one and with the right one. A server that
// takes a wrong one says nothing about the right one.
func (l *liveChecker) judgeCache(one *item, login CacheLogin) {
	how := "as " + login.Account + " over " + login.Protection.String()
	hasPassword := len(one.secrets) > 0
	switch {
	case login.Reason != "":
		saw(one, login.Server, LiveUnknown, login.Reason)
		l.unasked(one.row.Name+" at "+login.Server, login.Reason, "see that the server is up and can be reached from here; OCMT_REDIS_CA names the certificates that it is verified by")
		return
	case hasPassword && login.Right == ocmt.Refused, !hasPassword && login.Without == ocmt.Refused:
		saw(one, login.Server, LiveRefused, "refuses the log-in "+how)
		l.found(one, finding.Finding{Code: finding.RefusedByServer, Severity: finding.Error, Message: "is refused by " + login.Server + ": the user or the password is wrong, or there is none",
			Fix: "give the user this password at the server, or set " + one.row.Name + " to what the server has"})
	case login.NoPassword || !hasPassword:
		saw(one, login.Server, LiveUnproven, "answers "+how+" without a password")
	case login.Wrong == ocmt.Accepted:
		saw(one, login.Server, LiveUnproven, "takes a wrong password "+how)
	default:
		saw(one, login.Server, LiveProven, "logs in "+how+"; a wrong password is refused")
	}
	l.judgeProtection(one, login.Login)
	l.judgeOpenCache(one, login)
}

// judgeOpenCache finds a server that lets in who has no password, or a wrong one.
func (l *liveChecker) judgeOpenCache(one *item, login CacheLogin) {
	evidence := ""
	switch {
	case login.Wrong == ocmt.Accepted:
		evidence = "AUTH with a wrong password was accepted"
	case login.Without == ocmt.Accepted:
		evidence = "PING without a password was answered"
	default:
		return
	}
	l.found(one, finding.Finding{Code: finding.AcceptsAny, Severity: finding.Error, Message: "protects nothing at " + login.Server + ", which lets in who has no valid password",
		Evidence: evidence, Fix: "set a password for each user with ACL SETUSER, the default user too, or turn that one off"})
}
