package cli

import (
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// beginDocument is what ocmt rotate begin writes. It has no key.
type beginDocument struct {
	DryRun         bool                  `json:"dry_run"`
	From           int                   `json:"from_version"`
	To             int                   `json:"to_version"`
	OldFingerprint string                `json:"old_fingerprint"`
	Fingerprint    string                `json:"fingerprint"` // of the new key; "" where a dry run makes none
	Store          string                `json:"store"`
	Escrow         string                `json:"escrow"`   // file of the offline copy; "" for none
	TakenUp        bool                  `json:"taken_up"` // an earlier begin has made the key
	Placed         bool                  `json:"placed"`   // the store was read back and has it
	Abandoned      bool                  `json:"abandoned"`
	Values         []rotation.LabelCount `json:"values"` // before the key was in place; empty where the key was made before
	Restart        []string              `json:"restart"`
	Next           []rotation.Step       `json:"next"`
}

func newBeginDocument(plan *rotation.BeginPlan, b *beginning) beginDocument {
	kind, _ := secret.Lookup("encryption")
	written := beginDocument{DryRun: b.options.DryRun, From: plan.From, To: plan.To, OldFingerprint: plan.Before, Fingerprint: plan.Made,
		Store: plan.Store.Place, TakenUp: plan.TakenUp != nil, Placed: plan.Placed, Values: []rotation.LabelCount{},
		Restart: restartNames(kind.Change), Next: carryStoreInSteps(plan.Next(), b.options.Store)}
	if plan.Look != nil {
		written.Values = plan.Look.Columns
	}
	switch {
	case plan.TakenUp != nil:
		written.Escrow = plan.TakenUp.Begun.Escrow
	case b.beginner.Escrow != nil:
		written.Escrow = b.beginner.Escrow.Where()
	}
	return written
}

// markCompromisedDocument is what ocmt rotate mark-compromised writes.
type markCompromisedDocument struct {
	DryRun      bool              `json:"dry_run"`
	Version     int               `json:"version"`
	Fingerprint string            `json:"fingerprint"`
	State       rotation.KeyState `json:"state"`       // of the record; "" where it does not have the version yet
	Compromised string            `json:"compromised"` // since when that is recorded; "" where it is not known
	Already     bool              `json:"already"`     // it was recorded before
	Note        string            `json:"note"`
}

// putBackDocument is what ocmt rotate put-back writes.
type putBackDocument struct {
	DryRun  bool            `json:"dry_run"`
	To      int             `json:"to_version"`
	From    int             `json:"from_version"` // the one that the store had before
	Store   string          `json:"store"`
	Placed  bool            `json:"placed"`       // the store was read back and writes with the version
	Newer   int64           `json:"newer_values"` // labelled with a newer version
	Restart []string        `json:"restart"`
	Next    []rotation.Step `json:"next"`
}
