package secret

// groupVaultToken returns the kind of the token between management server and group-vault containers.
func groupVaultToken() Kind {
	return Kind{Name: "group-vault-token", Label: "group vault token", Setting: "GROUP_VAULT_AUTH_TOKEN",
		Places: []Place{
			{Component: Management, Setting: "GROUP_VAULT_AUTH_TOKEN",
				Unset: "makes a random one at each start, which containers that were started before do not accept"},
			{Component: GroupVault, Setting: "AUTH_TOKEN", Needed: true},
		},
		Change: Change{Ends: "group-vault containers with the old one refuse the management server", Restart: []Component{Management, GroupVault},
			Why: "the management server reads it at its start, and a container gets it when it is started"},
		AfterIncident: true, Proof: "nothing that is safe to ask: it has no endpoint of its own",
		Form: formHex, Next: "set it as GROUP_VAULT_AUTH_TOKEN of the management server and as AUTH_TOKEN of the group-vault containers, and restart both",
		Generate: generateHex, Base64: generateBase64, Check: CheckToken, Fingerprint: fingerprintToken}
}
