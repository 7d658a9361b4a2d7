package secret

// adminToken returns the kind of the token of the admin UI.
func adminToken() Kind {
	return Kind{Name: "admin-token", Label: "admin token", Setting: "ADMIN_TOKEN",
		Places: []Place{{Component: AdminUI, Setting: "ADMIN_TOKEN", Needed: true, NotFromFile: true, Unset: "answers every request with an error"}},
		Change: Change{Ends: "API clients and people with the old token are refused", Restart: []Component{AdminUI},
			Why: "the admin UI reads it once, at its start"},
		Quarterly: true, AfterIncident: true, Proof: "the admin UI accepts the new one and refuses the old one",
		Form: formAlphanumeric, Next: "put it into the environment of the admin UI, which loads no .env of its own, restart it, and give it to its API clients",
		Generate: generateAlphanumeric, Base64: generateBase64, Check: checkAdminToken, Fingerprint: fingerprintToken}
}
