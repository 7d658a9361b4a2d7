package audit

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// PostgreSQLTransport is how the server is reached.
type PostgreSQLTransport struct {
	Server  string // host and port, or the path of a socket
	Local   string // "a unix socket" or "a loopback address"; "" for a network
	Mode    string // sslmode as the servers of OCMT mean it
	Offered bool   // the server, or the pool before it, answers a request for TLS with yes
	Used    bool   // the audit's own connection has TLS
	Pooled  bool   // there is a connection pool in between
	// PoolInClear says that the pool reaches PostgreSQL over a network without TLS.
	PoolInClear bool
}

// LoginMethod is what a server asks of who logs in.
type LoginMethod string

// The methods. The names of the first three are those of pg_hba.conf.
const (
	LoginTrust    LoginMethod = "trust"
	LoginPassword LoginMethod = "password"
	LoginMD5      LoginMethod = "md5"
	LoginSCRAM    LoginMethod = "scram-sha-256"
	LoginOther    LoginMethod = "GSSAPI, SSPI or Kerberos"
)

// PostgreSQLLogin is what a server asks of the configured account.
type PostgreSQLLogin struct {
	PostgreSQLTransport
	Account     string
	Method      LoginMethod // LoginTrust where it asks nothing
	Encrypted   bool        // the question was asked within TLS
	Certificate bool        // a client certificate was shown
}

// lookAtTransport finds a connection that others can read or take over.
func lookAtTransport(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	t, err := source.Transport(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = "the connection to " + t.Server + ", sslmode " + t.Mode
	if t.Local != "" {
		seen.Looked = "the connection to " + t.Server + ", " + t.Local
	}
	if t.Pooled {
		seen.Gaps = append(seen.Gaps, Gap{What: "the connection between the pool and PostgreSQL", Reason: "a connection pool stands in between: only the leg to the pool is seen from here"})
	}
	fault := Fault{Object: "connection to " + t.Server, Expected: "TLS with a verified certificate"}
	if t.PoolInClear {
		behind := fault
		behind.Object, behind.Message, behind.Actual = "connection behind the pool at "+t.Server, "has no TLS", "pg_stat_ssl says no, over a network"
		seen.Faults = append(seen.Faults, behind)
	}
	switch {
	case t.Local != "":
		return seen, nil
	case !t.Offered:
		fault.Message, fault.Actual = "has no TLS: the server offers none", "the server answers N"
	case t.Mode == "disable" || !t.Used && !t.Pooled:
		fault.Message, fault.Actual = "has no TLS, though the server offers it", "sslmode "+t.Mode
	case t.Mode != "verify-full" && t.Mode != "verify-ca":
		fault.Message, fault.Actual = "takes any certificate, or none", "sslmode "+t.Mode
	default:
		return seen, nil
	}
	seen.Faults = append(seen.Faults, fault)
	return seen, nil
}

// lookAtLogin finds a log-in without a password, or with one that can be read.
func lookAtLogin(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	l, err := source.Login(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = "what " + l.Server + " asks of " + l.Account + ": " + string(l.Method)
	if l.Pooled {
		seen.Gaps = append(seen.Gaps, Gap{What: "the log-in of the pool at PostgreSQL", Reason: "a connection pool stands in between: only what it asks itself is seen from here"})
	}
	fault := Fault{Object: "role " + l.Account + " at " + l.Server, Expected: string(LoginSCRAM), Actual: string(l.Method)}
	switch l.Method {
	case LoginSCRAM, LoginOther:
		return seen, nil
	case LoginTrust:
		if l.Certificate {
			seen.Looked += ", after a client certificate"
			return seen, nil
		}
		return lookAtNoPassword(ctx, source, l, seen, fault)
	case LoginPassword:
		fault.Message = "sends its password in clear text"
		if l.Encrypted || l.Local != "" {
			fault.Severity = Medium
		}
	case LoginMD5:
		fault.Message = "proves its password with MD5"
	}
	seen.Faults = append(seen.Faults, fault)
	return seen, nil
}

// lookAtNoPassword judges a server that asks nothing. On a socket it may know the account of the system.
func lookAtNoPassword(ctx context.Context, source PostgreSQLSource, l PostgreSQLLogin, seen Seen, fault Fault) (Seen, error) {
	fault.Message = "logs in without a password"
	if l.Local == "" {
		fault.Severity = Critical
	}
	if l.Local != "a unix socket" || l.Pooled {
		seen.Faults = append(seen.Faults, fault)
		return seen, nil
	}
	rules, err := source.AccessRules(ctx)
	var gap *GapError
	switch {
	case errors.As(err, &gap):
		gap.Gap.What, gap.Gap.Reason = "whether the socket asks for peer or trust", "the server asks no password on its socket; "+gap.Gap.Reason
		seen.Gaps = append(seen.Gaps, gap.Gap)
	case err != nil:
		return seen, err
	case slices.ContainsFunc(rules, func(r AccessRule) bool { return r.Type == "local" && r.Method == string(LoginTrust) }):
		seen.Faults = append(seen.Faults, fault)
	default:
		seen.Looked += ", after the account of the system"
	}
	return seen, nil
}

// lookAtVerifiers finds passwords that are stored as MD5.
func lookAtVerifiers(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	fault := func(role string) Fault {
		return Fault{Object: "role " + role, Cause: "roles with an MD5 password", Message: "can log in", Expected: string(LoginSCRAM), Actual: string(LoginMD5), Places: []string{"role " + role}}
	}
	roles, err := source.MD5Roles(ctx)
	var gap *GapError
	if errors.As(err, &gap) {
		seen.Gaps = append(seen.Gaps, gap.Gap)
		if login, err := source.Login(ctx); err == nil && login.Method == LoginMD5 && !login.Pooled {
			seen.Faults = append(seen.Faults, fault(login.Account))
		}
		return seen, nil
	}
	seen.Looked = "the form of every password"
	for _, role := range roles {
		seen.Faults = append(seen.Faults, fault(role))
	}
	return seen, err
}

// AccessRule is a rule of pg_hba.conf.
type AccessRule struct {
	Type      string // local, host, hostssl, hostnossl, hostgssenc or hostnogssenc
	Databases string
	Users     string
	Address   string // an address or network, all, samehost, samenet, or a name
	Mask      string
	Method    string
	Broken    bool // the server cannot read the line
}

// String returns the rule without its options, which can have a password.
func (r AccessRule) String() string {
	return strings.Join(slices.DeleteFunc([]string{r.Type, r.Databases, r.Users, r.Address, r.Mask, r.Method}, func(s string) bool { return s == "" }), " ")
}

// containerNetwork is where containers of one machine speak to each other.
var containerNetwork = netip.MustParsePrefix("172.16.0.0/12")

// lookAtAccessRules finds rules that let in whom they should not.
func lookAtAccessRules(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	rules, err := source.AccessRules(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = countThings(int64(len(rules)), "rule", "rules")
	for _, rule := range rules {
		message, expected, severity := judgeRule(rule)
		if message == "" {
			continue
		}
		object := "pg_hba.conf " + rule.String()
		seen.Faults = append(seen.Faults, Fault{Object: object, Cause: "a rule of pg_hba.conf with " + rule.Method, Message: message, Expected: expected, Actual: rule.String(),
			Severity: severity, Places: []string{rule.String()}})
	}
	return seen, nil
}

// judgeRule says what is wrong with a rule, and what was expected; "" for nothing.
func judgeRule(rule AccessRule) (message, expected string, severity Severity) {
	local, container, everywhere := rule.reach()
	switch {
	case rule.Broken:
		return "cannot be read by the server, which keeps the rules of before", "a rule that can be read", 0
	case rule.Method == "reject":
		return "", "", 0
	case rule.Method == string(LoginTrust) && !local:
		return "lets others in without a password", string(LoginSCRAM), High
	case rule.Method == string(LoginTrust):
		return "lets every account of the machine in without a password", "peer or " + string(LoginSCRAM), 0
	case local:
		return "", "", 0
	case rule.Method == string(LoginPassword):
		return "asks for passwords in clear text", string(LoginSCRAM), 0
	case everywhere:
		return "lets every address in", "the networks of the servers", 0
	case !container && rule.Type != "hostssl" && rule.Type != "hostgssenc":
		return "lets others in without TLS", "hostssl", 0
	}
	return "", "", 0
}

// reach says for whom a rule is: this machine, a network of containers, or everybody.
func (r AccessRule) reach() (local, container, everywhere bool) {
	switch r.Address {
	case "all":
		return false, false, true
	case "samehost", "localhost":
		return true, false, false
	}
	if r.Type == "local" {
		return true, false, false
	}
	address, err := netip.ParseAddr(r.Address)
	if err != nil {
		return false, false, false
	}
	mask, err := netip.ParseAddr(r.Mask)
	if err != nil {
		return false, false, false
	}
	within := func(least string) bool { return address.Is6() || mask.Compare(netip.MustParseAddr(least)) >= 0 }
	return address.IsLoopback() && !mask.IsUnspecified() && within("255.0.0.0"), containerNetwork.Contains(address) && within("255.240.0.0"), mask.IsUnspecified()
}
