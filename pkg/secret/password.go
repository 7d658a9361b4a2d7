package secret

// databasePassword returns the kind of the password in DATABASE_URL.
func databasePassword() Kind {
	return Kind{Name: "database-password", Label: "database password", Setting: "DATABASE_URL", Address: true,
		Places: []Place{{Component: Management, Setting: "DATABASE_URL", Needed: true}},
		Change: Change{Ends: "new connections with the old one are refused; open ones stay", Restart: []Component{Management},
			Why: "a server makes its connections with the password that it has read at its start"},
		Quarterly: true, AfterIncident: true, Proof: "PostgreSQL accepts the new one and refuses the old one",
		Form: formAlphanumeric, Next: "ocmt rotate database-password makes one and puts it into place",
		Generate: generateAlphanumeric, Check: CheckToken, Fingerprint: fingerprintToken}
}

// redisPassword returns the kind of the password in REDIS_URL.
func redisPassword() Kind {
	return Kind{Name: "redis-password", Label: "Redis password", Setting: "REDIS_URL", Address: true,
		Places: []Place{{Component: Management, Setting: "REDIS_URL"}},
		Change: Change{Ends: "new connections with the old one are refused; open ones stay", Restart: []Component{Management},
			Why: "a server whose connection is cut tries for some 5 seconds with the password that it has, and then never again"},
		Quarterly: true, AfterIncident: true, Proof: "Redis accepts the new one and refuses the old one",
		Form: formAlphanumeric, Next: "ocmt rotate redis-password makes one and puts it into place",
		Generate: generateAlphanumeric, Check: CheckToken, Fingerprint: fingerprintToken}
}
