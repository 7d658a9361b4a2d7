package pgaudit

import (
	"context"
	"fmt"
	"net"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
)

var _ audit.PostgreSQLSource = (*Snapshot)(nil)

// Transport implements audit.PostgreSQLSource.
func (s *Snapshot) Transport(ctx context.Context) (t audit.PostgreSQLTransport, err error) {
	rows, err := s.ask(ctx, question{what: "pg_stat_ssl", sql: `select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
		coalesce(host(inet_client_addr()), '')`})
	if err != nil {
		return t, err
	}
	t = s.transport()
	t.Used = rows[0][0] == "t"
	if behind := net.ParseIP(rows[0][1]); t.Pooled && !t.Used && behind != nil && !behind.IsLoopback() {
		t.PoolInClear = true
	}
	if t.Offered, err = askForTLS(ctx, s.address()); err != nil {
		return t, &audit.GapError{Gap: audit.Gap{What: "TLS at " + t.Server, Reason: err.Error()}}
	}
	return t, nil
}

// address returns where the connection goes.
func (s *Snapshot) address() net.Addr { return s.conn.PgConn().Conn().RemoteAddr() }

// transport returns what is known of the connection without asking.
func (s *Snapshot) transport() audit.PostgreSQLTransport {
	target := s.db.Target()
	t := audit.PostgreSQLTransport{Server: fmt.Sprintf("%s:%d", target.Host, target.Port), Mode: target.Mode, Pooled: !s.conn.IsDirect()}
	switch to := s.address().(type) {
	case *net.UnixAddr:
		t.Server, t.Local = to.String(), "a unix socket"
	case *net.TCPAddr:
		if to.IP.IsLoopback() {
			t.Local = "a loopback address"
		}
	}
	return t
}

// methods are the questions of a server by their codes.
var methods = map[uint32]audit.LoginMethod{codeOK: audit.LoginTrust, codePassword: audit.LoginPassword, codeMD5: audit.LoginMD5, codeSASL: audit.LoginSCRAM}

// Login implements audit.PostgreSQLSource.
func (s *Snapshot) Login(ctx context.Context) (l audit.PostgreSQLLogin, err error) {
	target := s.db.Target()
	l = audit.PostgreSQLLogin{PostgreSQLTransport: s.transport(), Account: target.Account, Method: audit.LoginOther}
	answer, err := askForLogin(ctx, s.address(), target)
	gap := audit.Gap{What: "what " + l.Server + " asks of " + l.Account}
	switch {
	case err != nil:
		gap.Reason = err.Error()
		return l, &audit.GapError{Gap: gap}
	case answer.refused != "":
		gap.Reason = "the server refuses the log-in before it asks anything (SQLSTATE " + answer.refused + ")"
		return l, &audit.GapError{Gap: gap}
	}
	if method, known := methods[answer.code]; known {
		l.Method = method
	}
	l.Encrypted, l.Certificate = answer.encrypted, answer.certificate
	return l, nil
}

// AccessRules implements audit.PostgreSQLSource.
func (s *Snapshot) AccessRules(ctx context.Context) ([]audit.AccessRule, error) {
	const right = "SELECT on pg_hba_file_rules and EXECUTE on pg_hba_file_rules()"
	rows, err := s.ask(ctx, question{what: "pg_hba_file_rules", right: right,
		rights: []finding.Right{postgres.TableRight("select", "pg_catalog", "pg_hba_file_rules", s.account),
			{Privilege: "execute", On: "function pg_catalog.pg_hba_file_rules()", Role: postgres.Ident(s.account)}},
		sql: `select coalesce(type, ''), coalesce(array_to_string(database, ','), ''), coalesce(array_to_string(user_name, ','), ''), coalesce(address, ''),
			coalesce(netmask, ''), coalesce(auth_method, ''), error is not null and type is null from pg_hba_file_rules order by line_number`})
	rules := make([]audit.AccessRule, len(rows))
	for i, r := range rows {
		rules[i] = audit.AccessRule{Type: r[0], Databases: r[1], Users: r[2], Address: r[3], Mask: r[4], Method: r[5], Broken: r[6] == "t"}
	}
	return rules, err
}
