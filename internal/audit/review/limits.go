package review

// Limit is something that the audit tables do not tell, so that silence about it is no peace.
type Limit struct {
	Rule string `json:"rule"`
	Why  string `json:"why"`
}

// Limits returns the rules that cannot be computed, and why (contract, sections 5 and 6).
func Limits() []Limit {
	return []Limit{
		{"actions by revoked sessions", "no audit table says which session an action came from, so an action cannot be held against the time at which its session was revoked"},
		{"uses of ADMIN_TOKEN, AGENT_SERVER_TOKEN and ADMIN_PASSWORD", "the servers record them nowhere; INTERNAL_ADMIN_TOKEN leaves an entry only of some of what it is used for, without saying so"},
		{"who failed to log in", "auth.failed has no actor: failures are grouped by their address alone"},
		{"failures over many addresses", "with neither an actor nor one address, a slow attempt from many addresses looks like many people who mistype"},
		{"log-ins without MFA", "the servers never enforce MFA at log-in, and a log-in does not say whether it was asked for"},
		{"what was read from the database itself", "queries of an account of PostgreSQL are in no audit table; pgaudit or log_statement records them"},
		{"rows that somebody deleted or changed", "OCMT's audit tables have no chain: a row that is missing leaves no trace"},
		{"security_events", "the servers write hardly anything into it: that it is empty says nothing"},
	}
}
