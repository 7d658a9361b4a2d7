package secret

// agentToken returns the kind of the token between management and agent servers. The relay uses it too
// (contract, section 6).
func agentToken() Kind {
	return Kind{Name: "agent-token", Label: "agent token", Setting: "AGENT_SERVER_TOKEN",
		Places: []Place{
			{Component: Management, Setting: "AGENT_SERVER_TOKEN", Needed: true, Unset: "does not start"},
			{Component: Relay, Setting: "AGENT_SERVER_TOKEN"},
			{Component: Agent, Setting: "AUTH_TOKEN", Needed: true},
		},
		Change: Change{Ends: "calls between servers with the old and servers with the new one are refused until all have restarted",
			Restart: []Component{Management, Agent, Relay},
			Why:     "each of them reads it once, at its start, and there is no overlap: one value serves both directions"},
		Quarterly: true, AfterIncident: true, Proof: "management and agent server accept the new one and refuse the old one",
		Form: formHex, Next: "set it as AGENT_SERVER_TOKEN of the management server and the relay and as AUTH_TOKEN of every agent server, and restart them together",
		Generate: generateHex, Check: checkHexToken, Fingerprint: fingerprintToken}
}
