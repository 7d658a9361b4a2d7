package runbook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/runbook"
	"github.com/ocmt/ocmt/pkg/secret"
)

var (
	errKilled = errors.New("killed")
	errFault  = errors.New("fault")
)

// world is a deployment with its record, which outlives the processes that work on it.
type world struct {
	now     time.Time
	entries []chain.Entry
	placed  map[string]bool // kinds that wait for a restart
	calls   []string        // what steps were carried out
	fails   map[string]bool // kinds whose step fails
	blocked map[string]bool // kinds whose step cannot begin
	unset   map[string]bool // kinds whose settings are not set
	lost    bool            // the record keeps nothing
	// budget is after how many changes of the world the process is killed; below zero for never.
	budget int
	runs   int
}

func newWorld() *world {
	return &world{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), placed: map[string]bool{}, fails: map[string]bool{}, blocked: map[string]bool{}, unset: map[string]bool{}, budget: -1}
}

// change counts a change of the world, or kills the process before it.
func (w *world) change() error {
	if w.budget == 0 {
		return errKilled
	}
	w.budget--
	w.now = w.now.Add(time.Minute)
	return nil
}

func (w *world) add(action, subject string, details map[string]any) {
	text, _ := json.Marshal(details)
	w.now = w.now.Add(time.Second)
	w.entries = append(w.entries, chain.Entry{Sequence: int64(len(w.entries) + 1), At: w.now, Action: action, Subject: subject, Details: text})
}

// Add keeps entries.
func (w *world) Add(_ context.Context, events ...chain.Event) error {
	for _, event := range events {
		if err := w.change(); err != nil {
			return err
		}
		if !w.lost {
			w.add(event.Action, event.Subject, event.Details)
		}
	}
	return nil
}

// Entries returns entries, newest first.
func (w *world) Entries(_ context.Context, query chain.Query) (list []chain.Entry, there bool, err error) {
	for _, entry := range slices.Backward(w.entries) {
		if query.Takes(entry) && (query.Limit == 0 || len(list) < query.Limit) {
			list = append(list, entry)
		}
	}
	return list, len(w.entries) > 0, nil
}

// step returns a step that changes a kind; one that waits takes two goes, with a restart between them.
func (w *world) step(kind string, waits bool) runbook.Step {
	return runbook.Step{Kind: kind,
		Check: func(context.Context) error {
			if w.blocked[kind] {
				return errFault
			}
			return nil
		},
		Run: func(_ context.Context, restarted bool) (runbook.Outcome, error) {
			if err := w.change(); err != nil {
				return runbook.Changed, err
			}
			if w.fails[kind] {
				return runbook.Changed, errFault
			}
			if waits && !restarted {
				if !w.placed[kind] {
					w.calls = append(w.calls, kind+" placed")
				}
				w.placed[kind] = true
				return runbook.Awaits, nil
			}
			w.calls = append(w.calls, kind)
			if waits && !w.placed[kind] {
				return runbook.Changed, errors.New("nothing is under way")
			}
			w.placed[kind] = false
			found, _ := secret.Lookup(kind)
			subject := found.Setting
			if subject == "" {
				subject = found.Name
			}
			w.add(chain.ActionSecretRotated, subject, map[string]any{})
			return runbook.Changed, nil
		}}
}

func (w *world) sources() runbook.Sources {
	return runbook.Sources{Record: w, Steps: []runbook.Step{w.step("database-password", false), w.step("gateway-tokens", false), w.step("redis-password", true), w.step("admin-token", true), w.step("agent-token", true)},
		IsSet: func(kind secret.Kind) bool { return !w.unset[kind.Name] }, Now: func() time.Time { return w.now },
		NewID: func() (string, error) { w.runs++; return fmt.Sprint("run ", w.runs), nil },
		Stopped: func() error {
			if w.budget == 0 {
				return errKilled
			}
			return nil
		}}
}

type quiet struct{}

func (quiet) StepBegins(runbook.Task) {}
func (quiet) StepEnds(runbook.Task)   {}

// plan makes a plan in a new process.
func (w *world) plan(t *testing.T, request runbook.Request) *runbook.Plan {
	t.Helper()
	plan, err := runbook.MakePlan(context.Background(), w.sources(), request)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// run does what one process does.
func (w *world) run(t *testing.T, request runbook.Request, restarted bool) (*runbook.Plan, error) {
	t.Helper()
	plan, sources := w.plan(t, request), w.sources()
	if err := runbook.Check(context.Background(), sources, plan); err != nil {
		return plan, err
	}
	return plan, runbook.Run(context.Background(), sources, plan, restarted, quiet{})
}

var routine = runbook.Request{Occasion: runbook.Routine}

func states(plan *runbook.Plan) string {
	var list []string
	for _, task := range plan.Tasks {
		list = append(list, task.Name+"="+string(task.State))
	}
	return strings.Join(list, " ")
}

// If this fails, an operator restarts the servers more often than needed, or ends something before its time.
func TestOrder(t *testing.T) {
	t.Parallel()
	plan := newWorld().plan(t, routine)
	if got, want := states(plan), "redis-password=open agent-token=open admin-token=open database-password=open"; got != want {
		t.Errorf("the quarter is %s", got)
	}
	plan = newWorld().plan(t, runbook.Request{Occasion: runbook.Incident})
	place := map[string]int{}
	for i, task := range plan.Tasks {
		place[task.Name] = i
	}
	for _, kind := range secret.Kinds() {
		if _, there := place[kind.Name]; there != kind.AfterIncident {
			t.Errorf("%s is in the list after an incident: %v", kind.Name, there)
		}
	}
	for _, pair := range [][2]string{{"redis-password", "agent-token"}, {"github-client-secret", "gateway-tokens"}, {"gateway-tokens", "database-password"},
		{runbook.Sessions, "database-password"}, {"database-password", "encryption"}} {
		if place[pair[0]] >= place[pair[1]] {
			t.Errorf("%s comes after %s", pair[0], pair[1])
		}
	}
	if place["encryption"] != len(plan.Tasks)-1 {
		t.Error("the encryption key is not the last")
	}
	if got := runbook.Restart(plan.Tasks[:2]); len(got) < 3 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Errorf("restart %v", got)
	}
}

// If this fails, a run that was killed changes a secret twice, or never, or loses the one that waits for the servers.
func TestKilledAtEachChange(t *testing.T) {
	t.Parallel()
	for budget := range 20 {
		w := newWorld()
		w.budget = budget
		_, err := w.run(t, routine, false)
		w.budget = -1
		if _, again := w.run(t, routine, false); again != nil {
			t.Fatalf("killed after %d changes, the next run ends with %v", budget, again)
		}
		plan, again := w.run(t, routine, true)
		if again != nil || !plan.Ended || len(plan.Left()) != 0 {
			t.Fatalf("killed after %d changes: %s, %v", budget, states(plan), again)
		}
		if got := strings.Join(w.calls, ", "); got != "redis-password placed, agent-token placed, admin-token placed, database-password, redis-password, agent-token, admin-token" {
			t.Errorf("killed after %d changes: %s", budget, got)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	t.Error("the run never came to its end")
}

// If this fails, a run that was killed after the restart asks for another one, or takes an old secret away twice.
func TestKilledAfterTheRestart(t *testing.T) {
	t.Parallel()
	for budget := range 20 {
		w := newWorld()
		if _, err := w.run(t, routine, false); err != nil {
			t.Fatal(err)
		}
		w.budget = budget
		_, err := w.run(t, routine, true)
		w.budget = -1
		plan, again := w.run(t, routine, true)
		if again != nil {
			t.Fatalf("killed after %d changes: %s, %v", budget, states(plan), again)
		}
		for _, kind := range []string{"redis-password", "agent-token", "admin-token"} {
			if n := strings.Count(strings.Join(w.calls, ",")+",", kind+","); n != 1 {
				t.Errorf("killed after %d changes, %s was changed %d times", budget, kind, n)
			}
		}
		if err == nil {
			return
		}
	}
	t.Error("the run never came to its end")
}

// If this fails, a token passes for changed that no server was seen to take, or is made anew while the servers restart.
func TestChangeThatIsProven(t *testing.T) {
	t.Parallel()
	w := newWorld()
	proof := errFault
	sources := w.sources()
	sources.Steps = []runbook.Step{w.step("database-password", false), w.step("redis-password", true), w.step("agent-token", false),
		{Kind: "admin-token", Proves: true, Run: func(_ context.Context, restarted bool) (runbook.Outcome, error) {
			switch {
			case !restarted:
				w.calls = append(w.calls, "admin-token")
				w.add(chain.ActionSecretRotated, "ADMIN_TOKEN", nil)
			case proof == nil:
				w.add(chain.ActionSecretProven, "ADMIN_TOKEN", nil)
			default:
				return runbook.Changed, proof
			}
			return runbook.Changed, nil
		}}}
	w.add(chain.ActionSecretProven, "ADMIN_TOKEN", nil) // of the quarter before
	run := func(restarted bool, ready int, want string) {
		t.Helper()
		plan, err := runbook.MakePlan(context.Background(), sources, routine)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(plan.Ready(restarted)); got != ready {
			t.Errorf("%d steps are ready, want %d: %s", got, ready, states(plan))
		}
		if err := runbook.Run(context.Background(), sources, plan, restarted, quiet{}); err != nil || states(plan) != want {
			t.Errorf("%s, %v; want %s", states(plan), err, want)
		}
	}
	run(false, 4, "redis-password=waiting agent-token=done admin-token=waiting database-password=done")
	run(false, 1, "redis-password=waiting agent-token=done admin-token=waiting database-password=done")
	run(true, 2, "redis-password=done agent-token=done admin-token=waiting database-password=done")
	proof = nil
	run(true, 1, "redis-password=done agent-token=done admin-token=done database-password=done")
	if got := strings.Count(strings.Join(w.calls, " "), "admin-token"); got != 1 {
		t.Errorf("the token was changed %d times", got)
	}
	run(false, 4, "redis-password=waiting agent-token=done admin-token=waiting database-password=done") // the next quarter
}

// If this fails, one secret that cannot be changed keeps all others from being changed, or passes as changed.
func TestFailureInPart(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fails["agent-token"], w.blocked["redis-password"] = true, true
	plan, err := w.run(t, routine, false)
	if err != nil || plan.Ended || states(plan) != "redis-password=blocked agent-token=failed admin-token=waiting database-password=done" {
		t.Fatalf("%s, %v", states(plan), err)
	}
	for _, task := range plan.In(runbook.Blocked, runbook.Failed) {
		if !errors.Is(task.Err, errFault) {
			t.Errorf("%s: %v", task.Name, task.Err)
		}
	}
	// What failed is begun after the restart, and needs one more; what waited is finished.
	w.fails["agent-token"], w.blocked["redis-password"] = false, false
	plan, err = w.run(t, routine, true)
	if err != nil || states(plan) != "redis-password=waiting agent-token=waiting admin-token=done database-password=done" {
		t.Fatalf("%s, %v", states(plan), err)
	}
	if plan, err = w.run(t, routine, true); err != nil || !plan.Ended {
		t.Fatalf("%s, %v", states(plan), err)
	}
	// The quarter is over, and the next one begins with nothing done.
	if plan = w.plan(t, routine); len(plan.Left()) != 4 || !plan.Begun.IsZero() {
		t.Errorf("the next run: %s", states(plan))
	}
}

// If this fails, what an operator changed by another command is changed once more, or a new beginning takes it for done.
func TestWhatCounts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.add(chain.ActionSecretRotated, "ADMIN_TOKEN", nil) // before the run
	w.fails["redis-password"] = true
	if plan, _ := w.run(t, routine, false); strings.Contains(states(plan), "admin-token=done") {
		t.Errorf("a change before the run counts: %s", states(plan))
	}
	w.add(chain.ActionSecretRotated, "REDIS_URL", nil) // by hand
	plan := w.plan(t, routine)
	if !strings.Contains(states(plan), "redis-password=done") || plan.Begun.IsZero() {
		t.Errorf("a change by hand does not count: %s", states(plan))
	}
	if plan = w.plan(t, runbook.Request{Occasion: runbook.Routine, Anew: true}); len(plan.Left()) != 4 || !plan.Begun.IsZero() {
		t.Errorf("anew: %s", states(plan))
	}
	w.now = w.now.Add(101 * 24 * time.Hour)
	if plan = w.plan(t, routine); len(plan.Left()) != 4 {
		t.Errorf("a run of the quarter before goes on: %s", states(plan))
	}
}

// If this fails, an operator changes after an incident what was changed since, or takes for changed what the attacker had.
func TestIncident(t *testing.T) {
	t.Parallel()
	incident := runbook.Request{Occasion: runbook.Incident}
	state := func(w *world, request runbook.Request, name string) runbook.State {
		plan := w.plan(t, request)
		return plan.Tasks[slices.IndexFunc(plan.Tasks, func(task runbook.Task) bool { return task.Name == name })].State
	}
	w := newWorld()
	w.unset["github-client-secret"] = true
	w.add(chain.ActionSecretRotated, "DATABASE_URL", nil)
	w.add(chain.ActionIncidentOpened, "", nil)
	w.add(chain.ActionSecretRotated, "ADMIN_TOKEN", nil)
	w.add(chain.ActionAccessEnded, chain.SubjectEverybody, map[string]any{"keep_logins": true})
	for name, want := range map[string]runbook.State{"database-password": runbook.Open, "admin-token": runbook.Done, runbook.Sessions: runbook.Elsewhere,
		"github-client-secret": runbook.NotSet, "google-client-secret": runbook.Elsewhere, "encryption": runbook.Elsewhere} {
		if got := state(w, incident, name); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	w.add(chain.ActionAccessEnded, chain.SubjectEverybody, map[string]any{"keep_logins": false})
	if got := state(w, incident, runbook.Sessions); got != runbook.Done {
		t.Errorf("sessions are %s", got)
	}
	if got := state(w, runbook.Request{Occasion: runbook.Incident, Anew: true}, "admin-token"); got != runbook.Open {
		t.Errorf("anew, the admin token is %s", got)
	}
	w.add(chain.ActionIncidentClosed, "", nil)
	if got := state(w, incident, "admin-token"); got != runbook.Open {
		t.Errorf("for an incident that nobody has recorded, a change since the one before counts: %s", got)
	}
}

// If this fails, secrets are changed though nobody could take the run up, or a damaged entry passes for none.
func TestRecordThatKeepsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lost = true
	if _, err := w.run(t, routine, false); !errors.Is(err, runbook.ErrNoRecord) || len(w.calls) > 0 {
		t.Errorf("%v, %v", err, w.calls)
	}
	w = newWorld()
	w.add(chain.ActionRotateAllBegun, string(runbook.Routine), map[string]any{"run": 7})
	if _, err := runbook.MakePlan(context.Background(), w.sources(), routine); err == nil {
		t.Error("a run without a name is taken up")
	}
}
