package runbook

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Occasion is why secrets are changed together.
type Occasion string

// The occasions.
const (
	Routine  Occasion = "routine"  // the quarter
	Incident Occasion = "incident" // after an incident
)

// Sessions is the name of the one task that is about no kind of secret: ending every session and locking every vault.
const Sessions = "sessions"

// State is how far a task is.
type State string

// The states.
const (
	Open       State = "open"       // a step is to be carried out
	Waiting    State = "waiting"    // a step has come as far as it can before the servers have restarted, or has not proven its change
	Done       State = "done"       // the record has the change
	Blocked    State = "blocked"    // a step cannot begin
	Failed     State = "failed"     // a step was begun in this run, and did not come to its end
	Unrecorded State = "unrecorded" // a step came to its end, and the record does not have the change
	Elsewhere  State = "elsewhere"  // no step changes it: the operator does, or a maker, or another command
	NotSet     State = "not_set"    // the deployment does not have it, as far as could be seen
)

// IsLeft reports whether something is still to be done.
func (s State) IsLeft() bool { return s != Done && s != NotSet }

// Outcome is what a step has come to.
type Outcome int

// The outcomes.
const (
	Changed Outcome = iota // the step is at its end
	Awaits                 // the servers must restart before it goes on
)

// Step changes the secret of one kind.
type Step struct {
	Kind string // the name of the kind
	// Needs says what is missing to carry it out, such as a flag; "" for nothing.
	Needs string
	// Proves says that the change is in the record before the servers have restarted, and that the task waits from then
	// on until the record has the proof too that they take the new secret and refuse the old one.
	Proves bool
	// Check looks whether it could be carried out, and changes nothing. It may be nil.
	Check func(ctx context.Context) error
	// Run carries it out, or goes on with it. It adds the change to the record. Carried out twice before the servers
	// have restarted, it changes nothing the second time. restarted says that they have since it returned Awaits, or
	// since the change that a step which proves has made: then it proves, and is not carried out before.
	Run func(ctx context.Context, restarted bool) (Outcome, error)
}

// Task is one line of the list.
type Task struct {
	Name  string      // of the kind, or Sessions
	Kind  secret.Kind // the zero Kind for Sessions
	Step  *Step       // nil where no step changes it
	State State
	// Err is why a step is blocked, has failed, or is not wholly well though the record has the change.
	Err error
	// Changed is when the record has it changed last; zero for never.
	Changed time.Time
	// unproven says that the change counts, and that its step has not proven it.
	unproven bool
}

// order are kinds in the order in which they are changed. It makes one restart serve all that need one, and ends nothing
// before its time:
//
//   - Redis takes the old and the new password until the servers have restarted.
//   - Tokens, and what others issue, stand in settings, and count from the restart on.
//   - Gateway tokens of users and sessions end while the old password of the database is still good to end them with.
//   - PostgreSQL keeps one password for a role, so its old one ends at once, shortly before the restart.
//   - The encryption key is a story of its own, with its own restart, and values move to it while all else is settled.
//
// A kind that is not listed comes before the gateway tokens of users.
var order = []string{"redis-password", "agent-token", "internal-admin-token", "admin-token", "gateway-token", "group-vault-token", "admin-password",
	"csrf-secret", "session-secret", anyOther, "gateway-tokens", "signing-key", Sessions, "database-password", "encryption"}

// anyOther stands in order for what is not listed there.
const anyOther = ""

// rank returns the place of a task in order.
func rank(name string) int {
	if at := slices.Index(order, name); at >= 0 {
		return at
	}
	return slices.Index(order, anyOther)
}

// list returns the tasks of an occasion in their order, without their states.
func list(occasion Occasion) (tasks []Task) {
	for _, kind := range secret.Kinds() {
		if occasion == Routine && kind.Quarterly || occasion == Incident && kind.AfterIncident {
			tasks = append(tasks, Task{Name: kind.Name, Kind: kind})
		}
	}
	if occasion == Incident {
		tasks = append(tasks, Task{Name: Sessions})
	}
	slices.SortStableFunc(tasks, func(a, b Task) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
	return tasks
}
