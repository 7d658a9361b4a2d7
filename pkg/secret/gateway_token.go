package secret

// gatewayToken returns the kind of the token of a gateway.
func gatewayToken() Kind {
	return Kind{Name: "gateway-token", Label: "gateway token", Setting: "OPENCLAW_GATEWAY_TOKEN",
		Places: []Place{{Component: Gateway, Setting: "OPENCLAW_GATEWAY_TOKEN"}},
		Change: Change{Ends: "clients with the old one are refused", Restart: []Component{Gateway},
			Why: "the gateway reads it once, at its start, from gateway.auth.token of openclaw.json before the environment"},
		AfterIncident: true, Proof: "the gateway accepts the new one and refuses the old one",
		Form: formHex, Next: "set it as OPENCLAW_GATEWAY_TOKEN of the gateway, restart it, and give it to its clients",
		Generate: generateHex, Check: CheckToken, Fingerprint: fingerprintToken}
}

// userGatewayToken returns the kind of the tokens of each user's gateway. They stand in users.gateway_token
// (contract, section 1), and in no setting.
func userGatewayToken() Kind {
	return Kind{Name: "gateway-tokens", Label: "gateway tokens of the users", Change: Change{Ends: "a user's container refuses the relay until it is made anew", Restart: []Component{Agent},
		Why: "a container gets its token when it is made"},
		AfterIncident: true, Proof: "the values of the database are new ones",
		Form: formHex, Next: "ocmt rotate gateway-tokens puts them into the database",
		Check: CheckToken, Fingerprint: fingerprintToken}
}
