package redispassword

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Mode is how a password is changed.
type Mode string

// The modes.
const (
	Overlap Mode = "overlap" // the new one is accepted beside the old one
	Replace Mode = "replace" // the new one takes the place of the old one at one moment, with CONFIG SET requirepass
)

// Sources are what a change works on.
type Sources struct {
	Store    secretstore.Store
	Finder   Finder
	Enter    Enter
	Generate func() (string, error)          // makes a password
	Pause    func(ctx context.Context) error // waits a fraction of a second
}

// Options are what the operator allows.
type Options struct {
	Unsaved    bool // a server may be left that forgets the change when it restarts
	OldClients bool // connections from before the change may be left
	Unreached  bool // the address in the store may be one that cannot be reached from here
}

// Where a restart of a server reads its users from.
const (
	savedInUsers  = "acl-file"
	savedInConfig = "config-file"
)

// NodePlan is a server with what it was asked.
type NodePlan struct {
	Place
	Version        string `json:"version"`
	AcceptsCurrent bool   `json:"accepts_current"` // the password in the address
	AcceptsOther   bool   `json:"accepts_other"`   // the other one of a change under way
	SavedIn        string `json:"saved_in"`        // where a restart of the server reads users from: "acl-file", "config-file" or ""
	MasterAuth     bool   `json:"masterauth"`      // it logs in to a primary with a password of this change
	Passwords      int    `json:"passwords"`       // how many the user has there

	node  Node
	facts Facts
}

// Plan is what a change would do, and what it found.
type Plan struct {
	Place     string // of the store
	User      string // whose password is changed
	Stage     Stage
	Back      bool // the change is being taken back
	Unread    bool // it is taken back, and no server of the deployment has read the other password
	CutIn     bool // taking it back was begun, and REDIS_URL still has the new password
	Mode      Mode
	Since     time.Time // when the address got its password; the zero time where that is not known
	Entered   bool      // a log-in at the address in the store worked, and led to one of the servers
	Topology  Topology
	Nodes     []NodePlan
	Watchers  []string // the Sentinels that log in as the user
	Obstacles []Obstacle
	Clients   []OldClient // connections from before the change, once Switched

	servers  Servers
	watchers []Watcher
	stored   stored
	options  Options
}

// MakePlan looks at the store and at every server, and changes nothing. Errors: those of the store, of
// ParseAddress, *MissingError, ErrContradiction, *FindError, *StepError.
func MakePlan(ctx context.Context, sources Sources, options Options) (*Plan, error) {
	held, err := readStore(ctx, sources.Store)
	if err != nil {
		return nil, err
	}
	if err := held.try(ctx, sources.Store); err != nil {
		return nil, err
	}
	plan := &Plan{Place: sources.Store.Place(), User: held.address.User, Stage: held.stage, Back: held.back, Unread: held.isUnread(), CutIn: held.cutIn, Since: held.switchedAt(), stored: held, options: options}
	sources.Finder.LogInWith(plan.User, held.current(), held.other())
	if plan.servers, err = sources.Finder.Find(ctx); err != nil {
		return nil, &FindError{err}
	}
	plan.Topology = plan.servers.Topology
	for _, node := range plan.servers.Nodes {
		if err := plan.look(ctx, node); err != nil {
			return nil, err
		}
	}
	plan.chooseMode()
	for _, node := range plan.Nodes {
		plan.judge(node, options)
	}
	if err := plan.lookAtClients(ctx); err != nil {
		return nil, err
	}
	return plan, plan.enter(ctx, sources.Enter, options)
}

// look asks a server.
func (p *Plan) look(ctx context.Context, node Node) error {
	place := node.Place()
	facts, err := node.Look(ctx, p.User)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		p.refuse(place.Address, "it cannot be asked: "+err.Error(), "a server that misses the change would not let the others in: bring it up, or take it out")
		return nil
	}
	found := NodePlan{Place: place, Version: facts.Version, Passwords: len(facts.User.Digests), node: node, facts: facts}
	switch {
	case facts.HasACLFile:
		found.SavedIn = savedInUsers
	case facts.HasConfigFile:
		found.SavedIn = savedInConfig
	}
	master := facts.MasterAuth.Reveal()
	found.MasterAuth = facts.MasterUser == p.User && master != "" && (master == p.stored.current().Reveal() || master == p.stored.other().Reveal())
	if found.AcceptsCurrent, err = node.Accepts(ctx, p.User, p.stored.current()); err == nil && p.Stage != Idle {
		found.AcceptsOther, err = node.Accepts(ctx, p.User, p.stored.other())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		p.refuse(place.Address, "a log-in could not be tried: "+err.Error(), "find out why, then run this again")
		return nil
	}
	p.Nodes = append(p.Nodes, found)
	return nil
}

func (p *Plan) refuse(where, message, fix string) {
	p.Obstacles = append(p.Obstacles, Obstacle{Where: where, Message: message, Fix: fix})
}

// chooseMode takes Overlap where every server lets it.
func (p *Plan) chooseMode() {
	p.Mode = Overlap
	for _, node := range p.Nodes {
		if !node.facts.HasACL || lacks(node.facts, RightGetUser, RightSetUser) {
			p.Mode = Replace
		}
	}
}

func lacks(facts Facts, rights ...Right) bool {
	return slices.ContainsFunc(rights, func(right Right) bool { return slices.Contains(facts.Missing, right) })
}

// judge adds what keeps a change from going on at a server.
func (p *Plan) judge(node NodePlan, options Options) {
	p.judgeRights(node)
	if p.Mode == Overlap {
		p.judgeUser(node)
	} else {
		p.judgeRequirePass(node)
	}
	if node.SavedIn == "" && !options.Unsaved && !lacks(node.facts, RightInfo, RightConfigGet) {
		p.refuse(node.Address, "it runs without a file of users and without a file of its configuration, so a restart of it brings the old password back",
			"start it with a file, or add --allow-unsaved and change what starts it by hand")
	}
}

// judgeUser adds what is wrong with the user at a server.
func (p *Plan) judgeUser(node NodePlan) {
	switch user := node.facts.User; {
	case !user.Exists:
		p.refuse(node.Address, "it has no user "+p.User, "make it, as the other servers have it")
	case !user.On:
		p.refuse(node.Address, "the user "+p.User+" is off", "ACL SETUSER "+p.User+" on")
	case user.NoPassword:
		p.refuse(node.Address, "the user "+p.User+" takes any password (nopass), so a change would lock out whoever sends none",
			"give the servers a password first, then ACL SETUSER "+p.User+" resetpass, and the password")
	default:
		p.judgePassword(node)
	}
}

// judgeRequirePass adds what is wrong with a server that takes one password.
func (p *Plan) judgeRequirePass(node NodePlan) {
	switch facts := node.facts; {
	case p.User != DefaultUser && !facts.HasACL:
		p.refuse(node.Address, "it knows no users, and "+NameAddress+" names the user "+p.User, "leave the user out of "+NameAddress)
	case p.User != DefaultUser, lacks(facts, RightConfigGet):
		// The missing rights say it.
	case !facts.RequirePass.IsSet():
		p.refuse(node.Address, "it asks for no password", "set requirepass first")
	default:
		p.judgePassword(node)
	}
}

// judgePassword wants one of the passwords to be accepted.
func (p *Plan) judgePassword(node NodePlan) {
	if !node.AcceptsCurrent && !node.AcceptsOther {
		p.refuse(node.Address, "it refuses the password of "+NameAddress+" in the store for the user "+p.User, "check that the store and this Redis belong together")
	}
}

// judgeRights adds the rights that a server does not give, with the line that gives them.
func (p *Plan) judgeRights(node NodePlan) {
	needed := []Right{RightInfo, RightConfigGet, RightClients, RightClientID, RightTime, RightMulti, RightDiscard}
	isOwnUser := p.User == DefaultUser
	if p.Mode == Overlap || !isOwnUser {
		needed = append(needed, RightGetUser, RightSetUser)
	}
	if node.SavedIn == savedInUsers {
		needed = append(needed, RightACLSave)
	}
	if p.setsConfig(node) {
		needed = append(needed, RightConfigSet)
	}
	if p.writesConfig(node) {
		needed = append(needed, RightRewrite)
	}
	var missing []string
	for _, right := range needed {
		if lacks(node.facts, right) {
			missing = append(missing, string(right))
		}
	}
	if len(missing) > 0 {
		p.refuse(node.Address, "the user "+node.facts.Login+" lacks rights: "+strings.Join(missing, " "), "ACL SETUSER "+node.facts.Login+" "+strings.Join(missing, " "))
	}
}

// setsConfig reports whether a setting of a server is changed, and writesConfig whether its configuration is written.
func (p *Plan) setsConfig(node NodePlan) bool {
	return p.Mode == Replace || node.MasterAuth || p.User == DefaultUser && node.facts.RequirePass.IsSet()
}

func (p *Plan) writesConfig(node NodePlan) bool {
	return node.SavedIn == savedInConfig || node.facts.HasConfigFile && p.setsConfig(node)
}

// sentinelName begins the name of a connection that a Sentinel makes.
const sentinelName = "sentinel-"

// lookAtClients finds whether Sentinels log in as the user, and who is connected from before the change.
func (p *Plan) lookAtClients(ctx context.Context) error {
	if len(p.Obstacles) > 0 {
		return nil // the rights may be missing
	}
	watched := false
	for _, node := range p.Nodes {
		now, clients, err := node.node.Clients(ctx)
		if err != nil {
			return &StepError{Where: node.Address, Doing: "listing its connections", Cause: err}
		}
		for _, client := range clients {
			watched = watched || strings.HasPrefix(client.Name, sentinelName) && p.isOf(client)
		}
		if p.Stage == Switched && !p.Unread {
			p.Clients = append(p.Clients, p.findOld(node.Address, now, clients)...)
		}
	}
	if watched {
		for _, watcher := range p.servers.Watchers {
			p.watchers, p.Watchers = append(p.watchers, watcher), append(p.Watchers, watcher.Address())
		}
	}
	return nil
}

// isOf reports whether a connection is one of the user.
func (p *Plan) isOf(client Client) bool {
	return !client.Replica && (client.User == p.User || client.User == "" && p.User == DefaultUser)
}

// isWatcher reports whether a connection is one of a Sentinel that is known.
func (p *Plan) isWatcher(client Client) bool {
	return slices.ContainsFunc(p.servers.Watchers, func(watcher Watcher) bool {
		return watcher.Name() != "" && strings.HasPrefix(client.Name, watcher.Name())
	})
}

// findOld returns the connections of the user that may be from before the change. Redis tells ages in whole
// seconds, so one that may be a second older than it says counts. A Sentinel that was given the
// password does not count: it reconnects when it is.
func (p *Plan) findOld(node string, now time.Time, clients []Client) (old []OldClient) {
	for _, client := range clients {
		isNew := !p.Since.IsZero() && now.Add(-client.Age-agePrecision).After(p.Since)
		if !p.isOf(client) || isNew || p.isWatcher(client) {
			continue
		}
		from := client.Address
		if colon := strings.LastIndexByte(from, ':'); colon > 0 {
			from = from[:colon]
		}
		seconds := int64(client.Age / time.Second)
		at := slices.IndexFunc(old, func(one OldClient) bool { return one.From == from && one.Name == client.Name })
		if at < 0 {
			old = append(old, OldClient{Node: node, From: from, Name: client.Name, Count: 1, Seconds: seconds})
			continue
		}
		old[at].Count++
		old[at].Seconds = max(old[at].Seconds, seconds)
	}
	return old
}

// CheckSame returns ErrOvertaken where the plan is not one of the change that was asked about.
func (p *Plan) CheckSame(asked *Plan) error {
	if !p.stored.isSame(asked.stored) {
		return ErrOvertaken
	}
	return nil
}

// Check returns a *RefusedError where something keeps the change from going on.
func (p *Plan) Check() error {
	if len(p.Nodes) == 0 && len(p.Obstacles) == 0 {
		return errors.New("no server of Redis was found")
	}
	if len(p.Obstacles) > 0 {
		return &RefusedError{p.Obstacles}
	}
	return nil
}

// SentPassword returns the servers that are sent the password itself, with CONFIG SET.
func (p *Plan) SentPassword() (addresses []string) {
	for _, node := range p.Nodes {
		if p.setsConfig(node) {
			addresses = append(addresses, node.Address)
		}
	}
	return addresses
}

// newPassword returns a password from the source, spelt as an address spells it.
func newPassword(generate func() (string, error)) (secret.Value, error) {
	made, err := generate()
	if err != nil {
		return secret.Value{}, fmt.Errorf("making a password: %w", err)
	}
	return Encode(made), nil
}
