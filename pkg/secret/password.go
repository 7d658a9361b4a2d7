package secret

// inAddress returns the places of an address that all servers have. Only the management server has a use
// for it that is known in detail; the contract says of both addresses that all have them (section 2).
func inAddress(setting, unset string) []Place {
	return []Place{
		{Component: Management, Setting: setting, Unset: unset},
		{Component: AdminUI, Setting: setting, NotFromFile: true},
		{Component: Agent, Setting: setting},
		{Component: GroupVault, Setting: setting},
		{Component: Relay, Setting: setting},
	}
}

// withAddress are the components that must restart when the password of an address changes.
func withAddress() []Component { return []Component{Management, AdminUI, Agent, GroupVault, Relay} }

// databasePassword returns the kind of the password in DATABASE_URL.
func databasePassword() Kind {
	return Kind{Name: "database-password", Label: "database password", Setting: "DATABASE_URL", Address: true,
		Places: inAddress("DATABASE_URL", "connects to postgresql://localhost:5432/ocmt, without a password"),
		Change: Change{Ends: "new connections with the old one are refused; open ones stay", Restart: withAddress(),
			Why: "every server that has the address makes its connections with the password that it has read at its start"},
		Quarterly: true, AfterIncident: true, Proof: "PostgreSQL accepts the new one and refuses the old one",
		Form: formAlphanumeric, Next: "change it in PostgreSQL and in DATABASE_URL of every server together, and restart them",
		Generate: generateAlphanumeric, Check: CheckPassword, Fingerprint: fingerprintToken}
}

// redisPassword returns the kind of the password in REDIS_URL.
func redisPassword() Kind {
	return Kind{Name: "redis-password", Label: "Redis password", Setting: "REDIS_URL", Address: true,
		Places: inAddress("REDIS_URL", ""),
		Change: Change{Ends: "new connections with the old one are refused; open ones stay", Restart: withAddress(),
			Why: "a server whose connection is cut tries for some 5 seconds with the password that it has, and then never again"},
		Quarterly: true, AfterIncident: true, Proof: "Redis accepts the new one and refuses the old one",
		Form: formAlphanumeric, Next: "change it in Redis and in REDIS_URL of every server, and restart them before their connections are cut",
		Generate: generateAlphanumeric, Check: CheckPassword, Fingerprint: fingerprintToken}
}
