package redispassword

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Step is what was done and then seen at a place.
type Step struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

// Result is what a change has done.
type Result struct {
	Stage Stage  `json:"stage"` // where it stands now
	Done  bool   `json:"done"`  // the other password is gone
	Back  bool   `json:"back"`
	Steps []Step `json:"steps"`
	// Unsaved are the servers that forget the change when they restart.
	Unsaved []string `json:"unsaved"`
	// Notes are what could not be looked at.
	Notes []string `json:"notes"`
	// Processes are those that had written the password into their files when the change ended.
	Processes []Process `json:"processes"`
	// Fingerprint is that of the password of the address, where the change has made it and has ended.
	Fingerprint string `json:"fingerprint"`
}

// run is one change at work.
type run struct {
	*Plan
	sources Sources
	result  *Result
}

func (p *Plan) begin(sources Sources) *run {
	return &run{Plan: p, sources: sources, result: &Result{Stage: p.Stage, Back: p.Back, Steps: []Step{}, Unsaved: []string{}, Notes: []string{}, Processes: []Process{}}}
}

func (r *run) did(where, what string) {
	r.result.Steps = append(r.result.Steps, Step{Where: where, What: what})
}

// step does work at a server, and wraps its error.
func (r *run) step(node *NodePlan, doing string, work func() error) error {
	if err := work(); err != nil {
		return &StepError{Where: node.Address, Doing: doing, Cause: err}
	}
	return nil
}

// expect checks whether a server accepts a password.
func (r *run) expect(ctx context.Context, node *NodePlan, password secret.Value, accepted bool) error {
	doing := "logging in with the password that it should have"
	if !accepted {
		doing = "logging in with the password that it should no longer have"
	}
	return r.step(node, doing, func() error {
		got, err := node.node.Accepts(ctx, r.User, password)
		switch {
		case err != nil:
			return err
		case accepted && !got:
			return ErrNotAccepted
		case !accepted && got:
			return ErrStillAccepted
		}
		return nil
	})
}

// settle makes every server accept a password, and whatever logs in by itself use it: replicas and
// Sentinels. What is so already is left alone.
func (r *run) settle(ctx context.Context, password secret.Value) error {
	if r.Mode == Replace {
		return r.settleByReplacing(ctx, password)
	}
	for i := range r.Nodes {
		node := &r.Nodes[i]
		if err := r.add(ctx, node, password); err != nil {
			return err
		}
	}
	for i := range r.Nodes {
		if err := r.setMasterAuth(ctx, &r.Nodes[i], password); err != nil {
			return err
		}
	}
	if err := r.setWatchers(ctx, password); err != nil {
		return err
	}
	return r.expectAtDoor(ctx, password, true)
}

// add puts a password beside those that a user has at a server, saves it, and logs in with it.
func (r *run) add(ctx context.Context, node *NodePlan, password secret.Value) error {
	digest := DigestOf(password)
	had := slices.Contains(node.facts.User.Digests, digest)
	if !had {
		if err := r.step(node, "adding the password", func() error { return node.node.AddPassword(ctx, r.User, digest) }); err != nil {
			return err
		}
		node.facts.User.Digests = append(node.facts.User.Digests, digest)
	}
	// A run that was cut off may have added it and not saved it.
	if err := r.saveUsers(ctx, node); err != nil {
		return err
	}
	if err := r.expect(ctx, node, password, true); err != nil {
		return err
	}
	if !had {
		r.did(node.Address, "the password of "+r.User+" was added beside the other one, and a log-in with it works")
	}
	return nil
}

// settleByReplacing gives every server one password in place of the other. Replicas get what they log in with
// first, because a primary refuses the old one from its moment on.
func (r *run) settleByReplacing(ctx context.Context, password secret.Value) error {
	for i := range r.Nodes {
		if err := r.setMasterAuth(ctx, &r.Nodes[i], password); err != nil {
			return err
		}
	}
	for i := range r.Nodes {
		node := &r.Nodes[i]
		has, err := node.node.Accepts(ctx, r.User, password)
		if err != nil {
			return &StepError{Where: node.Address, Doing: "logging in", Cause: err}
		}
		if !has {
			if err := r.step(node, "replacing requirepass", func() error { return node.node.SetRequirePass(ctx, password) }); err != nil {
				return err
			}
		}
		if err := r.saveConfig(ctx, node); err != nil {
			return err
		}
		if err := r.expect(ctx, node, password, true); err != nil {
			return err
		}
		if !has {
			r.did(node.Address, "requirepass was replaced, and a log-in with the new one works")
		}
	}
	if err := r.setWatchers(ctx, password); err != nil {
		return err
	}
	return r.expectAtDoor(ctx, password, true)
}

// setMasterAuth changes what a server logs in to its primary with, where that is the password of this change.
func (r *run) setMasterAuth(ctx context.Context, node *NodePlan, password secret.Value) error {
	if !node.MasterAuth {
		return nil
	}
	if node.facts.MasterAuth.Reveal() != password.Reveal() {
		if err := r.step(node, "setting masterauth", func() error { return node.node.SetMasterAuth(ctx, password) }); err != nil {
			return err
		}
		node.facts.MasterAuth = password
		r.did(node.Address, "masterauth was set, for its log-in to a primary")
	}
	return r.saveConfig(ctx, node)
}

// setWatchers changes what Sentinels log in with. Theirs cannot be read, so it is set each time.
func (r *run) setWatchers(ctx context.Context, password secret.Value) error {
	for _, watcher := range r.watchers {
		if err := watcher.SetAuthPass(ctx, password); err != nil {
			return &StepError{Where: "Sentinel " + watcher.Address(), Doing: "setting auth-pass", Cause: err}
		}
		r.did("Sentinel "+watcher.Address(), "auth-pass was set and saved, and it reaches the primary with it")
	}
	return nil
}

// saveUsers makes the users of a server survive its restart.
func (r *run) saveUsers(ctx context.Context, node *NodePlan) error {
	switch node.SavedIn {
	case savedInUsers:
		return r.save(node, "saving the users with ACL SAVE", func() error { return node.node.SaveUsers(ctx) })
	case savedInConfig:
		return r.saveConfig(ctx, node)
	}
	r.noteUnsaved(node)
	return nil
}

// saveConfig makes the configuration of a server survive its restart.
func (r *run) saveConfig(ctx context.Context, node *NodePlan) error {
	if !node.facts.HasConfigFile {
		r.noteUnsaved(node)
		return nil
	}
	return r.save(node, "saving the configuration with CONFIG REWRITE", func() error { return node.node.SaveConfig(ctx) })
}

// save writes a file of a server. One that cannot be written counts as none where the operator allows that.
func (r *run) save(node *NodePlan, doing string, work func() error) error {
	err := r.step(node, doing, work)
	if errors.Is(err, ErrUnwritable) && r.options.Unsaved {
		r.noteUnsaved(node)
		return nil
	}
	return err
}

// trySaving writes the files of every server as they should be now, so that one that cannot be written is known
// before anything is changed.
func (r *run) trySaving(ctx context.Context) error {
	var obstacles []Obstacle
	for i := range r.Nodes {
		node := &r.Nodes[i]
		err := r.saveUsers(ctx, node)
		if err == nil && node.SavedIn != savedInConfig && r.writesConfig(*node) {
			err = r.saveConfig(ctx, node)
		}
		switch {
		case errors.Is(err, ErrUnwritable):
			obstacles = append(obstacles, Obstacle{Where: node.Address, Message: errors.Unwrap(err).Error() + ", so a restart of it brings the old password back",
				Fix: "let the account that Redis runs as write that file and its folder, or add --allow-unsaved and change what starts it by hand"})
		case err != nil:
			return err
		}
	}
	if len(obstacles) > 0 {
		return &RefusedError{obstacles}
	}
	return nil
}

func (r *run) noteUnsaved(node *NodePlan) {
	if !slices.Contains(r.result.Unsaved, node.Address) {
		r.result.Unsaved = append(r.result.Unsaved, node.Address)
	}
}

// clocks returns the earliest and the latest time of the servers.
func (r *run) clocks(ctx context.Context) (earliest, latest time.Time, err error) {
	for i := range r.Nodes {
		node := &r.Nodes[i]
		now, _, err := node.node.Clients(ctx)
		if err != nil {
			return earliest, latest, &StepError{Where: node.Address, Doing: "asking for its time", Cause: err}
		}
		if earliest.IsZero() || now.Before(earliest) {
			earliest = now
		}
		if now.After(latest) {
			latest = now
		}
	}
	return earliest, latest, nil
}

// reread reads the store again, because a change of it has been made.
func (r *run) reread(ctx context.Context) error {
	held, err := readStore(ctx, r.sources.Store)
	if err != nil {
		return err
	}
	r.stored, r.Stage, r.result.Stage, r.result.Back = held, held.stage, held.stage, held.back
	r.sources.Finder.LogInWith(r.User, held.current(), held.other())
	return nil
}

// noteMoment keeps when the address got its password, by the clocks of Redis, once the store has it. It returns
// when a connection that begins from now on is told from one of before.
func (r *run) noteMoment(ctx context.Context, back bool) error {
	_, moment, err := r.clocks(ctx)
	if err != nil {
		return err
	}
	if err := r.stored.setSince(ctx, r.sources.Store, sinceText(moment, back)); err != nil {
		return err
	}
	r.did(r.Place, NameAddress+" has the password that the servers are to read, and was read back")
	if err := r.reread(ctx); err != nil {
		return err
	}
	for {
		earliest, _, err := r.clocks(ctx)
		if err != nil {
			return err
		}
		if earliest.Sub(moment) > 2*agePrecision {
			return nil
		}
		if err := r.sources.Pause(ctx); err != nil {
			return err
		}
	}
}

// agePrecision is how exactly Redis tells the age of a connection.
const agePrecision = time.Second

// sinceText spells a moment for the store; the zero time for one that is not known yet.
func sinceText(at time.Time, back bool) string {
	text := "unknown"
	if !at.IsZero() {
		text = at.UTC().Format(time.RFC3339Nano)
	}
	if back {
		text += backMark
	}
	return text
}
