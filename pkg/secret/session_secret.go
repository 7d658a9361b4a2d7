package secret

// sessionSecret returns the kind of the secret that the documents have for sessions of the admin UI. A leaked
// one opens nothing today. It is due after an incident all the same, because a later release may use it.
func sessionSecret() Kind {
	return Kind{Name: "session-secret", Label: "session secret", Setting: "SESSION_SECRET",
		Places: []Place{{Component: AdminUI, Setting: "SESSION_SECRET", NotFromFile: true, Unset: "does the same as with it"}},
		Change: Change{Ends: "nothing: the admin UI reads it and uses it nowhere",
			Why: "sessions of the admin UI live in its memory, and only a restart ends them, with or without a new one"},
		AfterIncident: true, Proof: "nothing: no server uses it",
		Form: formHex, Next: "set it as SESSION_SECRET of the admin UI",
		Generate: generateHex, Base64: generateBase64, Check: CheckToken, Fingerprint: fingerprintToken}
}

// csrfSecret returns the kind of the secret that the management server asks for at its start.
func csrfSecret() Kind {
	return Kind{Name: "csrf-secret", Label: "CSRF secret", Setting: "CSRF_SECRET",
		Places: []Place{{Component: Management, Setting: "CSRF_SECRET", Needed: true, Unset: "does not start"}},
		Change: Change{Ends: "nothing in practice: tokens are neither issued nor checked", Restart: []Component{Management},
			Why: "the management server reads it once, at its start, and does not start without it"},
		AfterIncident: true, Proof: "the management server starts",
		Form: formHex, Next: "set it as CSRF_SECRET of the management server, and restart it",
		Generate: generateHex, Base64: generateBase64, Check: CheckToken, Fingerprint: fingerprintToken}
}

// signingKey returns the kind of the key of a group-vault container. Whoever has it makes tokens that the
// container takes, so it is due after an incident.
func signingKey() Kind {
	return Kind{Name: "signing-key", Label: "signing key", Setting: "SIGNING_KEY", Maker: "the agent server",
		Places:        []Place{{Component: GroupVault, Setting: "SIGNING_KEY", Needed: true}},
		Change:        Change{Ends: "the tokens that the container has signed", Restart: []Component{GroupVault}, Why: "it is made with the container"},
		AfterIncident: true, Proof: "nothing that is safe to ask: it has no endpoint of its own",
		Form: "a random text", Next: "make the container anew", Check: CheckToken, Fingerprint: fingerprintToken}
}
