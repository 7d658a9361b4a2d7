package cli

import (
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/pkg/secret"
)

// rotateTokenDocument is what the commands write that change a token of the servers.
type rotateTokenDocument struct {
	Kind           string             `json:"kind"`
	DryRun         bool               `json:"dry_run"`
	Resumed        bool               `json:"resumed"`
	Written        bool               `json:"written"`
	Fingerprint    string             `json:"fingerprint"`     // of the new token; "" in a dry run
	OldFingerprint string             `json:"old_fingerprint"` // "" where it could be guessed, or is not known
	Places         []tokenPlace       `json:"places"`
	Restart        []secret.Component `json:"restart"`
	Why            string             `json:"why"`
	Copies         []tokenCopy        `json:"copies"`
	// Proof is null where no server was asked.
	Proof *tokenProof `json:"proof"`
}

// tokenPlace is a setting that has the token.
type tokenPlace struct {
	Place     string        `json:"place"`
	Setting   string        `json:"setting"`
	Component string        `json:"component"`
	Before    token.Content `json:"before"`
}

// tokenCopy is a copy of the gateway's file that others have left beside it.
type tokenCopy struct {
	Path   string `json:"path"`
	Holds  bool   `json:"has_old_token"`
	Unread bool   `json:"unread"`
}

// tokenProof is what servers were seen to make of both tokens.
type tokenProof struct {
	Proven    bool          `json:"proven"` // each server that was asked takes the new token and refuses the old one
	OldKnown  bool          `json:"old_known"`
	Endpoints []tokenAnswer `json:"endpoints"`
	NotAsked  []string      `json:"not_asked"`
}

// tokenAnswer is what one server said.
type tokenAnswer struct {
	Endpoint  string        `json:"endpoint"`
	New       token.Verdict `json:"new"`
	NewAnswer string        `json:"new_answer"`
	Old       token.Verdict `json:"old"`
	OldAnswer string        `json:"old_answer"`
}

func newTokenProof(proofs []token.Proof, oldKnown bool, notAsked []string) *tokenProof {
	written := &tokenProof{Proven: oldKnown, OldKnown: oldKnown, Endpoints: []tokenAnswer{}, NotAsked: notAsked}
	for _, proof := range proofs {
		written.Proven = written.Proven && proof.IsProven()
		written.Endpoints = append(written.Endpoints, tokenAnswer{proof.Endpoint, proof.New.Verdict, proof.New.Text, proof.Old.Verdict, proof.Old.Text})
	}
	return written
}
