package cli

import (
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
)

// goOn is what to do after a run that broke off. Each row says itself whether it was
// written, so nothing has to be found out first.
const goOn = "run the same command again: what was in hand is either written or as it was, and what is done is skipped"

// afterCrash says what a server that went down may have lost: a run waits for the disk at its end only.
const afterCrash = "; where the server itself went down, the last values that were counted as moved may be as they were, and are moved then"

// explainDatabase explains why the database did not answer as it should.
func explainDatabase(err error) *ui.Error {
	var connect *postgres.ConnectError
	var failure *postgres.FailureError
	var address *postgres.AddressError
	var few *postgres.TooFewError
	var foreign *postgres.ForeignCodeError
	switch {
	case errors.As(err, &foreign):
		return &ui.Error{Message: "a table of OCMT could run code of another role; nothing more was written", Why: ui.Clean(foreign.Error()), Code: ui.ExitRefused, Hints: []string{ui.Clean(foreign.Way)},
			Findings: []finding.Finding{{Code: finding.ForeignCode, Severity: finding.Error, Where: foreign.Table, Message: foreign.Reason(), Fix: foreign.Way}}}
	case errors.As(err, &few):
		return &ui.Error{Message: few.Error() + "; nothing was written", Code: ui.ExitFailed,
			Hints: []string{"end connections that nobody needs, or raise max_connections, or the limit of the database (alter database … connection limit) or of the account (alter role … connection limit)"}}
	case errors.As(err, &connect):
		return &ui.Error{Message: connect.Sentence(), Why: connect.Reason(), Code: ui.ExitFailed, Hints: connectHints(connect.Kind())}
	case errors.As(err, &failure):
		return &ui.Error{Message: strings.Replace(err.Error(), failure.Error(), failure.Sentence(), 1), Why: failure.Reason(), Code: ui.ExitFailed, Hints: failureHints(failure.Kind)}
	case errors.As(err, &address):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"docs/settings.md lists the parameters of DATABASE_URL"}}
	case errors.Is(err, postgres.ErrAddress):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"it looks like postgresql://user:password@host:5432/ocmt", "in it, @ : / ? # and % of a password are written as %40 %3A %2F %3F %23 and %25"}}
	}
	return nil
}

// connectAdvice says what to do where no connection was made.
var connectAdvice = map[postgres.ConnectKind][]string{
	postgres.Unreachable:        {"check DATABASE_URL and that the server is up"},
	postgres.NoLogin:            {"check user and password in DATABASE_URL, and pg_hba.conf on the server"},
	postgres.WrongPassword:      {"check user and password in DATABASE_URL; in it, @ : / ? # and % of a password are written as %40 %3A %2F %3F %23 and %25"},
	postgres.NoRole:             {"check the user in DATABASE_URL; \\du of psql lists the roles"},
	postgres.NoRule:             {"add a line to pg_hba.conf on the server and reload it, or connect from a machine that has one"},
	postgres.NoPlainRule:        {"set sslmode=require in DATABASE_URL if pg_hba.conf has a line for hostssl; else add a line to it and reload the server"},
	postgres.RejectRule:         {"change that line, or put one that lets the account in before it, and reload the server: the first line that fits counts"},
	postgres.RejectPlainRule:    {"set sslmode=require in DATABASE_URL if that line is for hostnossl alone; else change it, or put one that lets the account in before it, and reload the server"},
	postgres.NoPassword:         {"write the password into DATABASE_URL, as postgresql://user:password@host:5432/ocmt; in it, @ : / ? # and % are written as %40 %3A %2F %3F %23 and %25"},
	postgres.NoDatabase:         {"check the name of the database in DATABASE_URL; \\l of psql lists the databases"},
	postgres.NoConnectionFree:   {"end connections that nobody needs (pg_stat_activity lists them), or try later"},
	postgres.NotReady:           {"try again when it is up; its log says what it does"},
	postgres.PoolWaits:          {"see in the log of the pool why its server does not let it in, or raise its limits (pool_size, query_wait_timeout)"},
	postgres.WithoutTLS:         {"turn TLS on at the server (ssl = on), or set sslmode=disable in DATABASE_URL where nobody else can read the network"},
	postgres.NotTrusted:         {"name the file of the authority that has signed it, with sslrootcert=FILE in DATABASE_URL", "sslmode=no-verify encrypts without asking who answers"},
	postgres.OtherName:          {"use the name that the certificate has as the host in DATABASE_URL", "sslmode=verify-ca&uselibpqcompat=true does not compare the name"},
	postgres.CertificateExpired: {"renew the certificate of the server, and compare the clocks of both machines", "sslmode=no-verify encrypts without looking at it"},
	postgres.OwnCertificate:     {"name the certificate and key that the server wants with sslcert=FILE and sslkey=FILE in DATABASE_URL"},
	postgres.TLSFailed:          {"compare ssl_min_protocol_version of the server with what this program speaks (TLS 1.2 and later), and check sslmode in DATABASE_URL"},
	postgres.WrongHost:          {"check the host in DATABASE_URL, and the name server of this machine"},
	postgres.NothingListens:     {"check DATABASE_URL (host and port), and that the server is up"},
	postgres.StatementPool:      {"set pool_mode = transaction for this database in PgBouncer, or name the server itself in DATABASE_URL"},
	postgres.MethodRefused:      {"give the account a password for SCRAM (set password_encryption = 'scram-sha-256', then alter role … password), and have pg_hba.conf ask for scram-sha-256", "or allow the other way: require_auth in DATABASE_URL, and GODEBUG of this process without fips140=only"},
	postgres.NoAnswer:           {"check DATABASE_URL (host and port), and that no firewall is in between; connect_timeout=30 in it waits longer"},
}

// connectHints say what to do where no connection was made.
func connectHints(kind postgres.ConnectKind) []string { return connectAdvice[kind] }

// failureHints say what to do before the same command is run again.
func failureHints(kind postgres.FailureKind) []string {
	advice := map[postgres.FailureKind]string{
		postgres.Lost:          "look whether the server is up, and who ended the connection",
		postgres.Ended:         "look whether the server is up, and who ended the connection",
		postgres.TookTooLong:   "raise --statement-timeout, or look in pg_stat_activity for what holds the rows",
		postgres.Canceled:      "look in pg_stat_activity for who did it",
		postgres.InTheWay:      "look in pg_stat_activity for who did it",
		postgres.NoRoom:        "make room where the table and the log of the server lie: a rotation writes every row anew",
		postgres.NoResources:   "try --workers 1, or raise what the server is short of",
		postgres.Damaged:       "look into the server's log and check its disk before anything else is written",
		postgres.ReadOnly:      "point DATABASE_URL at the primary",
		postgres.ObjectRefused: "change the trigger or the constraint; ocmt migrate run can leave the table out with --table",
		postgres.NotAllowed:    "give the account of DATABASE_URL that right with GRANT, or use another account",
		postgres.RowsHidden:    "use the owner of the table, or give the account of DATABASE_URL the attribute BYPASSRLS: no policy of row-level security is run, because its functions would run with the rights of the account",
		postgres.Refused:       "look into the server's log for the statement and the reason",
	}
	if kind == postgres.Lost || kind == postgres.Ended {
		return []string{advice[kind], goOn + afterCrash}
	}
	return []string{advice[kind], goOn}
}
