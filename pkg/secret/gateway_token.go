package secret

// The places of a gateway's token besides the environment.
const (
	gatewayFile   = "~/.openclaw/openclaw.json"
	gatewayMember = "gateway.auth.token"
	// userTokenColumn has a token for each user's gateway (contract, section 1).
	userTokenColumn = "users.gateway_token"
)

// gatewayToken returns the kind of the token of a gateway.
func gatewayToken() Kind {
	return Kind{Name: "gateway-token", Label: "gateway token", Setting: "OPENCLAW_GATEWAY_TOKEN",
		Places: []Place{
			{Component: Gateway, Setting: "OPENCLAW_GATEWAY_TOKEN"},
			{Component: Gateway, Setting: gatewayMember, File: gatewayFile},
		},
		Change: Change{Ends: "clients with the old one are refused", Restart: []Component{Gateway},
			Why: "the gateway reads it once, at its start, from gateway.auth.token of openclaw.json before the environment, even where that is empty"},
		AfterIncident: true, Proof: "the gateway accepts the new one and refuses the old one",
		Form: formHex, Next: "set it as OPENCLAW_GATEWAY_TOKEN of the gateway, whose openclaw.json must have no gateway.auth.token, restart it, and give it to its clients",
		Generate: generateHex, Check: checkHexToken, Fingerprint: fingerprintToken}
}

// userGatewayToken returns the kind of the tokens of each user's gateway. They stand in the database, sealed or
// in clear, and in no setting (contract, section 1).
func userGatewayToken() Kind {
	return Kind{Name: "gateway-tokens", Label: "gateway tokens of the users", Column: userTokenColumn,
		Change: Change{Ends: "a user's gateway refuses the new token until its container is made anew", Restart: []Component{Gateway},
			Why: "the gateway in a user's container gets its token when the container is made"},
		AfterIncident: true, Proof: "the values of the database are new ones",
		Form: formHex, Next: "ocmt rotate gateway-tokens puts them into the database",
		Generate: generateHex, Check: checkHexToken, Fingerprint: fingerprintToken}
}
