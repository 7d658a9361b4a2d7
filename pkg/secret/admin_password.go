package secret

// adminPassword returns the kind of the password of the administrators.
func adminPassword() Kind {
	return Kind{Name: "admin-password", Label: "admin password", Setting: "ADMIN_PASSWORD",
		Places: []Place{{Component: Management, Setting: "ADMIN_PASSWORD", Needed: true, Unset: "does not start"}},
		Change: Change{Ends: "administrators with the old password are refused", Restart: []Component{Management},
			Why: "the management server reads it once, at its start"},
		AfterIncident: true, Proof: "nothing that is safe to ask: it has no endpoint of its own",
		Form: formAlphanumeric, Next: "set it as ADMIN_PASSWORD of the management server, restart it, and tell the administrators",
		Generate: generateAlphanumeric, Base64: generateBase64, Check: CheckPassword, Fingerprint: fingerprintToken}
}
