package redispassword

import (
	"context"
	"errors"
	"slices"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Process is a process of Redis, or of a Sentinel, that wrote a password into its files.
type Process struct {
	Address  string `json:"address"`
	RunID    string `json:"run_id"` // "" where the process did not tell
	Sentinel bool   `json:"sentinel"`
}

// Kept is what the record has of the end of the last change.
type Kept struct {
	Processes   []Process
	Fingerprint string // of the password
	Reason      string // why nothing is known of the change; "" where it is
	Fix         string // what helps against Reason
}

// Fingerprint returns what tells a password that a change has made from another. It goes into the record, so it is
// none of a password that somebody chose: a weak one could be found by it.
func Fingerprint(made secret.Value) string {
	const length = 16
	return string(DigestOf(secret.NewValue("ocmt/redis-password/v1\x00" + made.Reveal())))[:length]
}

// Seen is what a look at one thing came to.
type Seen string

// What a look comes to.
const (
	SeenYes Seen = "yes"
	SeenNo  Seen = "no"
	Unseen  Seen = "unknown" // it could not be looked at, which is no pass
)

// ServerProof is what was seen of a server, or of a Sentinel.
type ServerProof struct {
	Process
	Replica   bool `json:"replica"`
	Restarted Seen `json:"restarted"` // another process answers than the one that wrote the password into its files
	Accepts   Seen `json:"accepts"`   // the password of the address; of a Sentinel: whether it reaches the primary
	Refuses   Seen `json:"refuses"`   // a password that was made up
	// Stored says whether the user has the password of the address and no other. It is "" for a Sentinel, and so
	// is Refuses.
	Stored Seen `json:"stored"`
}

// Proof is what a look at Redis after its restart has seen.
type Proof struct {
	Place    string // of the store
	User     string
	Topology Topology
	Servers  []ServerProof
	Findings []Obstacle // where Redis is not as the change left it
	Unproven []Obstacle // what is not known, or not so yet
}

// IsProven reports whether everything was seen, and was as it should be.
func (p *Proof) IsProven() bool {
	return len(p.Servers) > 0 && len(p.Findings) == 0 && len(p.Unproven) == 0
}

// ErrUnderWay says that a change is not at its end, so that there is nothing to prove yet.
var ErrUnderWay = errors.New("a change of the password is under way, so there is nothing to prove yet")

// The deeds of a proof.
const (
	again     = "ocmt rotate redis-password --after-restart"
	fixStored = "put the password of " + NameAddress + ", and no other, into what starts this server (its file of users, or requirepass), restart it, then " + again
	fixOthers = "ACL GETUSER lists the SHA-256 of each password: take away each that is not that of " + NameAddress +
		" with ACL SETUSER and ! before the SHA-256, save it (ACL SAVE or CONFIG REWRITE), restart the server, then " + again
	fixUnkept = "only a change whose end is in the record can be proven: ocmt rotate redis-password makes another"
	fixWait   = "restart it, then " + again
	fixAsk    = "find out why, then " + again
)

// proving is one proof at work.
type proving struct {
	*Proof
	sources Sources
	stored  stored
	made    secret.Value // a password that nobody has
	before  []Process    // the processes at the end of the change
}

// Prove looks whether what the servers wrote into their files at the end of a change holds after their restart. It
// changes nothing. Kept is what Result had then. Errors: those of the store,
// *MissingError, ErrContradiction, ErrUnderWay, and *FindError where nothing was refused.
func Prove(ctx context.Context, sources Sources, kept Kept) (*Proof, error) {
	held, err := readStore(ctx, sources.Store)
	switch {
	case err != nil:
		return nil, err
	case held.stage != Idle:
		return nil, ErrUnderWay
	}
	made, err := newPassword(sources.Generate)
	if err != nil {
		return nil, err
	}
	p := &proving{Proof: &Proof{Place: sources.Store.Place(), User: held.address.User}, sources: sources, stored: held, made: made}
	p.takeKept(kept)
	sources.Finder.LogInWith(p.User, held.current(), held.other())
	found, err := sources.Finder.Find(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !p.isRefused(ctx) {
		return nil, &FindError{err}
	}
	if err != nil {
		p.find(NameAddress, "the Redis that it leads to refuses its password, so its servers could not be listed", fixStored)
		p.nameMissing()
		return p.Proof, ctx.Err()
	}
	p.Topology = found.Topology
	for _, node := range found.Nodes {
		p.lookAtNode(ctx, node)
	}
	for _, watcher := range found.Watchers {
		p.lookAtWatcher(ctx, watcher)
	}
	p.nameMissing()
	p.lookAtDoor(ctx)
	return p.Proof, ctx.Err()
}

// takeKept takes what is kept of the change, where it is of the password in the address.
func (p *proving) takeKept(kept Kept) {
	switch {
	case kept.Reason != "":
		p.miss("the record", kept.Reason, kept.Fix)
	case kept.Fingerprint != Fingerprint(p.stored.current()):
		p.miss("the record", "its last change of the password is not that to the password of "+NameAddress+", so whether Redis has restarted since is not known", fixUnkept)
	default:
		p.before = kept.Processes
	}
}

func (p *proving) find(where, message, fix string) {
	p.Findings = append(p.Findings, Obstacle{Where: where, Message: message, Fix: fix})
}

func (p *proving) miss(where, message, fix string) {
	p.Unproven = append(p.Unproven, Obstacle{Where: where, Message: message, Fix: fix})
}

// isRefused reports whether the address of the store leads to a Redis that refuses its password.
func (p *proving) isRefused(ctx context.Context) bool {
	_, err := p.sources.Enter(ctx, p.stored.text)
	return errors.Is(err, ErrNotAccepted)
}

// lookAtNode looks at a server. What cannot be seen keeps nothing else from being looked at.
func (p *proving) lookAtNode(ctx context.Context, node Node) {
	place := node.Place()
	server := ServerProof{Process: Process{Address: place.Address}, Replica: place.Replica, Stored: Unseen}
	server.Accepts = p.try(ctx, node, p.stored.current())
	server.Refuses = negate(p.try(ctx, node, secret.NewValue(decode(p.made.Reveal()))))
	if server.Accepts == SeenNo {
		p.find(place.Address, "it refuses the password of "+NameAddress+" for the user "+p.User, fixStored)
	}
	if server.Refuses == SeenNo {
		p.find(place.Address, "it accepts a password that was made up, for the user "+p.User, fixStored)
	}
	facts, err := node.Look(ctx, p.User)
	switch {
	case err != nil && server.Accepts != SeenNo:
		p.miss(place.Address, "it cannot be asked: "+err.Error(), fixAsk)
	case err == nil:
		server.RunID = facts.RunID
		server.Stored = p.lookAtStored(place.Address, facts)
	}
	server.Restarted = p.lookAtProcess(server.Process)
	p.Servers = append(p.Servers, server)
}

// try tries a log-in.
func (p *proving) try(ctx context.Context, node Node, password secret.Value) Seen {
	accepted, err := node.Accepts(ctx, p.User, password)
	switch {
	case err != nil:
		p.miss(node.Place().Address, "a log-in could not be tried: "+err.Error(), fixAsk)
		return Unseen
	case accepted:
		return SeenYes
	}
	return SeenNo
}

func negate(seen Seen) Seen {
	switch seen {
	case SeenYes:
		return SeenNo
	case SeenNo:
		return SeenYes
	case Unseen:
	}
	return Unseen
}

// lookAtStored compares the passwords that a server has of the user with that of the address, by their digests.
func (p *proving) lookAtStored(where string, facts Facts) Seen {
	switch user := facts.User; {
	case !facts.HasACL:
		p.miss(where, "it knows no users or does not let them be listed, so which passwords it has stored could not be looked at", "see what stands for requirepass in the file that starts it: nothing shows it from here")
		return Unseen
	case lacks(facts, RightGetUser):
		p.miss(where, "the user "+facts.Login+" may not ask which passwords it has stored", "ACL SETUSER "+facts.Login+" "+string(RightGetUser))
		return Unseen
	case !user.Exists:
		p.find(where, "it has no user "+p.User, fixStored)
	case user.NoPassword:
		p.find(where, "the user "+p.User+" takes any password (nopass)", fixStored)
	case !slices.Contains(user.Digests, DigestOf(p.stored.current())):
		p.find(where, "the user "+p.User+" does not have the password of "+NameAddress+" stored", fixStored)
	case len(user.Digests) > 1:
		p.find(where, "the user "+p.User+" has another password stored beside that of "+NameAddress, fixOthers)
	default:
		return SeenYes
	}
	return SeenNo
}

// lookAtProcess looks whether another process answers than at the end of the change.
func (p *proving) lookAtProcess(now Process) Seen {
	at := slices.IndexFunc(p.before, func(one Process) bool { return one.Address == now.Address && one.Sentinel == now.Sentinel })
	switch {
	case now.RunID == "":
		p.miss(describe(now), "it does not tell its run ID, so whether it has restarted is not known", "give the user of ocmt the right "+string(RightInfo)+", where the log-in works")
	case len(p.before) == 0:
		// takeKept has said it once for all servers.
	case slices.ContainsFunc(p.before, func(one Process) bool { return one.RunID == now.RunID }):
		p.miss(describe(now), "not restarted yet: the process of the change is still the one that answers", fixWait)
		return SeenNo
	case at < 0 || p.before[at].RunID == "":
		p.miss(describe(now), "its process at the change is not in the record, so whether it has restarted since is not known", fixUnkept)
	default:
		return SeenYes
	}
	return Unseen
}

// describe names a process.
func describe(process Process) string {
	if process.Sentinel {
		return "Sentinel " + process.Address
	}
	return process.Address
}

// lookAtWatcher looks at a Sentinel that logged in as the user at the change.
func (p *proving) lookAtWatcher(ctx context.Context, watcher Watcher) {
	process := Process{Address: watcher.Address(), Sentinel: true}
	if !slices.ContainsFunc(p.before, func(one Process) bool { return one.Sentinel && one.Address == process.Address }) {
		return // it logs in as another user or as none, or what is kept of the change is not known, which is said
	}
	runID, reaches, err := watcher.Look(ctx)
	process.RunID = runID
	server := ServerProof{Process: process, Accepts: Unseen}
	switch {
	case err != nil:
		p.miss(describe(process), "it cannot be asked: "+err.Error(), fixAsk)
		server.Restarted = Unseen
		p.Servers = append(p.Servers, server)
		return
	case reaches:
		server.Accepts = SeenYes
	default:
		server.Accepts = SeenNo
		p.find(describe(process), "it does not reach the primary", "SENTINEL SET with auth-pass and the password of "+NameAddress+", then SENTINEL FLUSHCONFIG, if the primary is up")
	}
	server.Restarted = p.lookAtProcess(process)
	p.Servers = append(p.Servers, server)
}

// nameMissing names the servers of the change that are not found now.
func (p *proving) nameMissing() {
	for _, one := range p.before {
		if !slices.ContainsFunc(p.Servers, func(server ServerProof) bool { return server.Address == one.Address && server.Sentinel == one.Sentinel }) {
			p.miss(describe(one), "it was there at the change, and is not found now", "bring it up, restart it if it has not restarted since the change, then "+again)
		}
	}
}

// lookAtDoor looks whether the address of the store leads to one of the servers that were looked at.
func (p *proving) lookAtDoor(ctx context.Context) {
	runID, err := p.sources.Enter(ctx, p.stored.text)
	isKnown := runID == "" || slices.ContainsFunc(p.Servers, func(server ServerProof) bool { return server.RunID == "" || server.RunID == runID })
	switch {
	case errors.Is(err, ErrNotAccepted):
		if len(p.Findings) == 0 {
			p.find(NameAddress, "the Redis that it leads to in the store refuses its password", fixStored)
		}
	case err != nil:
		p.miss(NameAddress, "it cannot be tried as the servers use it: "+err.Error(), "run ocmt where the servers run")
	case !isKnown:
		p.miss(NameAddress, "in the store it leads to another Redis than the one that ocmt was given", fixOther)
	}
}

// noteProcesses keeps which processes wrote the password into their files. It asks after they did: one that has
// restarted meanwhile then counts as one that has not, which another look mends.
func (r *run) noteProcesses(ctx context.Context) {
	for _, node := range r.Nodes {
		facts, err := node.node.Look(ctx, r.User)
		if err != nil {
			facts.RunID = ""
		}
		r.result.Processes = append(r.result.Processes, Process{Address: node.Address, RunID: facts.RunID})
	}
	for _, watcher := range r.watchers {
		runID, _, err := watcher.Look(ctx)
		if err != nil {
			runID = ""
		}
		r.result.Processes = append(r.result.Processes, Process{Address: watcher.Address(), RunID: runID, Sentinel: true})
	}
}
