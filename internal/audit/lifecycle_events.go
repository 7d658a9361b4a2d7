package audit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/due"
)

// EventKind is a kind of event in the life of secrets.
type EventKind string

// The kinds of events.
const (
	KeyEvent      EventKind = "key"      // a key was retired, or its backup verified
	RotationEvent EventKind = "rotation" // values were moved, or a secret was rotated
	IncidentEvent EventKind = "incident"
	DueEvent      EventKind = "due" // a secret is to be rotated by then
)

// Event is an event in the life of secrets.
type Event struct {
	At    time.Time
	Kind  EventKind
	Label string
}

// eventLabels are the actions of the record that Events tells, with their kinds.
var eventLabels = map[string]struct {
	kind  EventKind
	label string
}{
	chain.ActionKeyRetired:     {KeyEvent, "key retired"},
	chain.ActionKeyUnproven:    {KeyEvent, "key needed after all"},
	chain.ActionKeyBegun:       {KeyEvent, "key made"},
	chain.ActionKeyInPlace:     {KeyEvent, "key in place"},
	chain.ActionKeyAbandoned:   {KeyEvent, "key given up"},
	chain.ActionKeyPutBack:     {KeyEvent, "key back in place"},
	chain.ActionKeyReady:       {KeyEvent, "servers write the key"},
	chain.ActionKeyFinished:    {KeyEvent, "key taken away"},
	chain.ActionKeyCompromised: {KeyEvent, "key compromised"},
	chain.ActionBackupVerified: {KeyEvent, "backup verified"},
	chain.ActionRunBegun:       {RotationEvent, "run begun"},
	chain.ActionRunEnded:       {RotationEvent, "run ended"},
	chain.ActionRollbackBegun:  {RotationEvent, "rollback begun"},
	chain.ActionRollbackEnded:  {RotationEvent, "rollback ended"},
	chain.ActionSecretRotated:  {RotationEvent, "rotated"},
	chain.ActionIncidentOpened: {IncidentEvent, "incident opened"},
	chain.ActionIncidentClosed: {IncidentEvent, "incident closed"},
}

// maxEvents is how many entries of the record Events reads.
const maxEvents = 200

// Events returns what the record tells of keys, rotations and incidents, and when the secrets that are
// rotated each quarter are due. Without a record it returns nothing.
func Events(ctx context.Context, sources *Sources) (list []Event, err error) {
	if !sources.Lifecycle.there {
		return nil, nil
	}
	var actions []string
	for action := range eventLabels {
		actions = append(actions, action)
	}
	entries, there, err := sources.Lifecycle.it.Entries(ctx, chain.Query{Actions: actions, Limit: maxEvents})
	if err != nil || !there {
		return nil, err
	}
	for _, one := range entries {
		found := eventLabels[one.Action]
		list = append(list, Event{At: one.Happened(), Kind: found.kind, Label: joinWords(one.Subject, found.label)})
	}
	for _, name := range isSet(sources, quarterly) {
		at, rotated, err := lastChange(ctx, sources.Lifecycle.it, name)
		if err != nil && !errors.Is(err, errNoRecord) {
			return nil, err
		}
		if rotated {
			list = append(list, Event{At: at.Add(due.Quarter), Kind: DueEvent, Label: name + " is due"})
		}
	}
	slices.SortFunc(list, func(a, b Event) int { return a.At.Compare(b.At) })
	return list, nil
}

func joinWords(subject, label string) string {
	if subject == "" {
		return label
	}
	return subject + " " + label
}
