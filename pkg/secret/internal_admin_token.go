package secret

// internalAdminToken returns the kind of the token by which the admin UI is platform admin of the management server.
func internalAdminToken() Kind {
	return Kind{Name: "internal-admin-token", Label: "internal admin token", Setting: "INTERNAL_ADMIN_TOKEN",
		Places: []Place{{Component: Management, Setting: "INTERNAL_ADMIN_TOKEN"}, {Component: AdminUI, Setting: "MANAGEMENT_API_TOKEN", NotFromFile: true}},
		Change: Change{Ends: "the admin UI is refused by the management server until both have the new one", Restart: []Component{Management, AdminUI},
			Why: "the management server takes it from the environment of its process, and the admin UI too; only a restart changes that"},
		AfterIncident: true, Proof: "the management server accepts the new one and refuses the old one",
		Form: formHex, Next: "set it as INTERNAL_ADMIN_TOKEN of the management server and as MANAGEMENT_API_TOKEN of the admin UI, and restart both: who has it is platform admin",
		Generate: generateHex, Base64: generateBase64, Check: CheckToken, Fingerprint: fingerprintToken}
}
