package session

// Unreachable is live access that neither the database nor Redis holds.
type Unreachable struct {
	What  string `json:"what"`
	Ends  string `json:"ends"`  // what ends it
	Lives string `json:"lives"` // how long it lives otherwise
}

// Unreachables returns the live access that stands in the memory of servers alone (contract, sections
// 3 and 4), with what servers were asked for: to lock vaults, to close WebSockets.
func Unreachables(askedToLock, askedToClose bool) []Unreachable {
	servers, streams := "", "WebSockets and event streams that are open"
	if askedToLock {
		servers = " of servers that no --endpoint named"
	}
	if askedToClose {
		streams = "event streams that are open, and WebSockets" + servers
	}
	return []Unreachable{
		{"the first vault that a server process unlocked, which never reached Redis", "a restart of the management server", "for an hour after its last use"},
		{"vaults" + servers + " as MCP, internal status and the start of an OAuth flow see them", "a restart of the management server", "for an hour after the last use"},
		{"group vaults", "a restart of the group-vault containers", "for 8 hours"},
		{"vault unlock tokens", "a restart of the management server", "for 15 minutes"},
		{"sessions of the admin UI", "a restart of the admin UI", "until it restarts"},
		{streams, "a restart of the management server", "until the client goes"},
		{"gateway tokens of users", "a new gateway token", "for ever"},
	}
}
