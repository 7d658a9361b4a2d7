package validation

import (
	"context"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// The settings that hold the addresses of the stores.
const (
	databaseSetting = "DATABASE_URL"
	cacheSetting    = "REDIS_URL"
)

// LiveResult says what a server said of a secret.
type LiveResult string

// The results.
const (
	LiveProven   LiveResult = "proven"   // it is accepted, and what is no secret is refused
	LiveRefused  LiveResult = "refused"  // the server takes another one
	LiveUnproven LiveResult = "unproven" // nothing was wrong with it, and nothing proves that it is the right one
	LiveUnknown  LiveResult = "unknown"  // the server did not answer, or neither yes nor no
)

// Live is what one server said of a secret.
type Live struct {
	Server string // "admin-ui http://127.0.0.1:3000"
	Result LiveResult
	Text   string // what was asked and answered, for people
}

// Endpoints asks the endpoints that an operator named.
type Endpoints interface {
	Endpoints() []ocmt.Endpoint
	// Ask sends a probe. An endpoint that does not answer is an Answer, and no error.
	Ask(ctx context.Context, endpoint ocmt.Endpoint, probe ocmt.Probe, credential ocmt.Credential) (ocmt.Answer, error)
}

// Login is what a server said to the account and password of an address.
type Login struct {
	Server     string // "PostgreSQL at db:5432"
	Account    string
	Protection netconn.Protection // only where the connection was made
	Right      ocmt.Verdict       // of the configured password
	Reason     string             // why a verdict is open
}

// DatabaseLogin is what PostgreSQL, or a pool before it, said.
type DatabaseLogin struct {
	Login
	Method string // what the server asks for, such as "scram-sha-256"; "" where it could not be seen
	// AsksPassword says that the method needs a password.
	AsksPassword bool
	// Certificate says that a client certificate was shown.
	Certificate bool
	Pooled      bool // a connection pool answers in place of the server
}

// CacheLogin is what a server of Redis said. It is asked without a password and with a wrong one too.
type CacheLogin struct {
	Login
	Without, Wrong ocmt.Verdict
	// NoPassword says that the server has no password for the account.
	NoPassword bool
}

// ValueColumn is a column with values under ENCRYPTION_KEY.
type ValueColumn struct {
	Name string // schema.table.column
	// PlaintextAllowed says that OCMT itself also stores plaintext here.
	PlaintextAllowed bool
}

// Database is the database of DATABASE_URL.
type Database interface {
	// Login logs in. A server that refuses or does not answer is no error.
	Login(ctx context.Context) (DatabaseLogin, error)
	// ReadValues visits the values of every column that is under ENCRYPTION_KEY, as they were at one moment, after
	// Login was accepted. The text is valid until the visit returns. What cannot be read is an Unasked.
	ReadValues(ctx context.Context, visit func(column ValueColumn, text []byte)) ([]Unasked, error)
}

// Caches are the servers of REDIS_URL.
type Caches interface {
	// Login logs in at each of them. A server that refuses or does not answer is no error.
	Login(ctx context.Context) ([]CacheLogin, error)
}

// Servers are what CheckLive asks. One that is nil is not asked.
type Servers struct {
	// Endpoints makes the endpoints. They send the text that token returns for a setting, and nothing where that
	// is empty.
	Endpoints func(token func(setting string) string) (Endpoints, error)
	Database  Database
	Caches    Caches
	// InQuery allows to send tokens in the query of a URL, to endpoints of this machine alone.
	InQuery bool
}

// CheckLive judges the settings as Check does, and asks the servers about them. It sends secrets to those servers
// alone that it is given. The errors are those of Endpoints and of the context: that a server does not answer is in
// the report.
func CheckLive(ctx context.Context, input Input, servers Servers) (Report, error) {
	c := newChecker(input)
	c.check()
	l := &liveChecker{checker: c, servers: servers}
	for _, ask := range []func(context.Context) error{l.askEndpoints, l.askDatabase, l.askCaches} {
		if err := ask(ctx); err != nil {
			return Report{}, err
		}
	}
	if servers.Endpoints == nil && servers.Database == nil && servers.Caches == nil {
		l.unasked("the servers", "no address of a database or of Redis is set here, and no endpoint was named", "set DATABASE_URL and REDIS_URL, or name the servers with --endpoint COMPONENT=URL")
	}
	return c.finish(), nil
}

// liveChecker asks servers, and adds what they say to what a checker found.
type liveChecker struct {
	*checker
	servers Servers
	keys    *crypto.Keyring // nil where values cannot be opened
}

// unasked notes that a server could not be asked, or did not answer yes or no.
func (l *liveChecker) unasked(what, reason, needs string) {
	l.report.Unasked = append(l.report.Unasked, Unasked{What: what, Reason: reason, Needs: needs, Asked: true})
}

// saw adds what a server said to the row of a setting.
func saw(one *item, server string, result LiveResult, text string) {
	one.row.Live = append(one.row.Live, Live{Server: server, Result: result, Text: text})
}

// address returns the item of the setting that holds an address; nil where no component here reads it.
func (l *liveChecker) address(name string) *item {
	one := l.find(l.sides[0], name)
	if one != nil && !one.isSet() {
		l.report.Unasked = append(l.report.Unasked, Unasked{What: "the log-in of " + name, Reason: "it is not set here", Needs: "run this where " + name + " of the servers is set"})
	}
	return one
}

// askDatabase logs in at the database, and opens values of it with the keys.
func (l *liveChecker) askDatabase(ctx context.Context) error {
	one := l.address(databaseSetting)
	if l.servers.Database == nil || one == nil {
		return nil
	}
	login, err := l.servers.Database.Login(ctx)
	if err != nil {
		return err
	}
	l.judgeDatabase(one, login)
	if login.Right != ocmt.Accepted {
		return l.noValues("the log-in did not succeed")
	}
	return l.askValues(ctx, login.Server)
}

// judgeDatabase judges a log-in at PostgreSQL.
func (l *liveChecker) judgeDatabase(one *item, login DatabaseLogin) {
	what := one.row.Name + " at " + login.Server
	switch login.Right {
	case ocmt.Open:
		saw(one, login.Server, LiveUnknown, login.Reason)
		l.unasked(what, login.Reason, "see that the server is up and can be reached from here")
		return
	case ocmt.Refused:
		saw(one, login.Server, LiveRefused, "refuses the account "+login.Account)
		l.found(one, finding.Finding{Code: finding.RefusedByServer, Severity: finding.Error, Message: "is refused by " + login.Server + ": the account or its password is wrong",
			Evidence: login.Reason, Fix: "give the account this password at the server, or set " + one.row.Name + " to what the server has"})
		return
	}
	how := "logs in as " + login.Account + " over " + login.Protection.String()
	l.judgeProtection(one, login.Login)
	switch {
	case len(one.secrets) == 0:
		saw(one, login.Server, LiveUnproven, how+"; the address has no password")
	case login.Method == "":
		saw(one, login.Server, LiveUnproven, how+"; what the server asks for could not be seen")
		l.unasked("the password of "+what, "what the server asks for could not be seen: "+login.Reason, "run it again")
	case login.AsksPassword && login.Pooled:
		saw(one, login.Server, LiveProven, how+"; the pool asks for the password with "+login.Method+", what PostgreSQL asks of the pool is not seen")
	case login.AsksPassword:
		saw(one, login.Server, LiveProven, how+"; the server asks for the password with "+login.Method)
	default:
		l.judgeNoPassword(one, login, how)
	}
}

// judgeNoPassword judges a server that lets the account in without asking for the password.
func (l *liveChecker) judgeNoPassword(one *item, login DatabaseLogin, how string) {
	saw(one, login.Server, LiveUnproven, how+"; the server does not ask for the password ("+login.Method+")")
	l.unasked("the password of "+one.row.Name+" at "+login.Server, "the server does not ask for it ("+login.Method+"), so nothing shows whether it is right",
		"ask from where the servers are, or with an address for which pg_hba.conf has scram-sha-256")
	if login.Certificate || login.Method != "trust" || login.Protection.Local == "a unix socket" {
		return
	}
	severity := finding.Error
	if login.Protection.Local != "" {
		severity = finding.Warning
	}
	l.found(one, finding.Finding{Code: finding.NotAskedFor, Severity: severity, Message: "has a password that " + login.Server + " does not ask for: whoever reaches it logs in as " + login.Account,
		Fix: "have pg_hba.conf ask for scram-sha-256 in place of trust, and reload the server"})
}

// judgeProtection finds a connection that others can read.
func (l *liveChecker) judgeProtection(one *item, login Login) {
	if login.Protection.IsPrivate() {
		return
	}
	message := "goes over a network without TLS to " + login.Server + ": whoever is on the way reads it"
	if login.Protection.TLS != "" {
		message = "goes over TLS to " + login.Server + ", and the certificate is not verified: whoever is on the way can answer in its place"
	}
	fix := "have the server offer TLS, and add sslmode=verify-full to the address"
	if one.name == cacheSetting {
		fix = "have the server offer TLS, and begin the address with rediss://"
	}
	l.found(one, finding.Finding{Code: finding.Unprotected, Severity: finding.Warning, Message: message, Evidence: login.Protection.String(), Fix: fix})
}
