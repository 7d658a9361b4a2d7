package session

// Kind names a kind of live access.
type Kind string

// The kinds. Those of the second group end only where they are asked for, because automation breaks
// with them.
const (
	Logins             Kind = "login-sessions"
	OAuthStates        Kind = "oauth-states"
	MagicLinks         Kind = "magic-links"
	PendingMFA         Kind = "pending-mfa"
	GroupInvites       Kind = "group-invites"
	AdminConfirmations Kind = "admin-confirmations"
	EmergencyTokens    Kind = "emergency-tokens"
	Vaults             Kind = "vaults"
	OAuthFlows         Kind = "oauth-flows"

	APIKeys             Kind = "api-keys"
	GroupVaultTokens    Kind = "group-vault-tokens"
	CapabilityApprovals Kind = "capability-approvals"
	RecoveryRequests    Kind = "recovery-requests"
)

// tableKinds are those that stand in tables and end unasked.
var tableKinds = []Kind{Logins, OAuthStates, MagicLinks, PendingMFA, GroupInvites, AdminConfirmations, EmergencyTokens}

// OptionalKinds returns the kinds that end only where they are asked for.
func OptionalKinds() []Kind {
	return []Kind{APIKeys, GroupVaultTokens, CapabilityApprovals, RecoveryRequests}
}

// IsOptional reports whether the kind ends only where it is asked for.
func (k Kind) IsOptional() bool {
	switch k {
	case APIKeys, GroupVaultTokens, CapabilityApprovals, RecoveryRequests:
		return true
	}
	return false
}
