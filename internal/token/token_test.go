package token_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/envfile"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/pkg/secret"
)

const (
	before = "old-token-of-this-test-0123456789"
	fresh  = "new-token-of-this-test-9876543210"
	third  = "one-token-of-nobody-123456789012"
)

// fingerprint names the tokens of these tests.
func fingerprint(text string) string {
	if text == "" {
		return ""
	}
	return "f-" + text[:3]
}

// faulty is a store that fails, or that somebody else writes to, at an Apply.
type faulty struct {
	token.Store
	at    func(change secretstore.Change) error // called before a change; an error fails it
	after func() error                          // called behind a change that was made
}

func (f *faulty) Apply(ctx context.Context, changes ...secretstore.Change) error {
	if f.at != nil {
		if err := f.at(changes[0]); err != nil {
			return err
		}
	}
	err := f.Store.Apply(ctx, changes...)
	if err == nil && f.after != nil {
		err = f.after()
	}
	return err
}

// places makes an env file for each token, and returns their holders.
func places(t *testing.T, tokens ...string) (holders []token.Holder) {
	t.Helper()
	folder := t.TempDir()
	for i, text := range tokens {
		path := filepath.Join(folder, string(rune('a'+i)))
		if err := os.WriteFile(path, []byte("T="+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		holders = append(holders, token.Holder{Store: envfile.New(path, envfile.Options{}), Setting: "T"})
	}
	return holders
}

// held returns what each place holds.
func held(t *testing.T, holders []token.Holder) (list []string) {
	t.Helper()
	for _, holder := range holders {
		value, err := holder.Store.Get(t.Context(), holder.Setting)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, value.Reveal())
	}
	return list
}

func generate() (string, error) { return fresh, nil }

func mustPlan(t *testing.T, holders []token.Holder) *token.Plan {
	t.Helper()
	plan, err := token.MakePlan(t.Context(), token.Request{Holders: holders}, generate, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// If this fails, a failure at one place leaves some places with a token that others lack, or says that it does not.
func TestPutsBack(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is full")
	for at := range 3 {
		holders := places(t, before, before, before)
		plan := mustPlan(t, holders)
		holders[at].Store = &faulty{Store: holders[at].Store, at: func(secretstore.Change) error { return failure }}
		err := plan.Write(t.Context())
		var failed *token.WriteError
		if !errors.As(err, &failed) || !errors.Is(err, failure) || !failed.Undone || !slices.Equal(held(t, holders), []string{before, before, before}) {
			t.Errorf("place %d fails: %v; undone %v", at, err, failed != nil && failed.Undone)
		}
	}
}

// closed is a store that takes no change.
type closed struct{ token.Store }

func (*closed) Try(context.Context, ...secretstore.Change) error { return secretstore.ErrReadOnly }

// If this fails, an operator learns only after the first place was written that the last one takes no token, or a preview
// says that it would get one.
func TestTriesEveryPlace(t *testing.T) {
	t.Parallel()
	for at := range 3 {
		holders := places(t, before, before, before)
		holders[at].Store = &closed{holders[at].Store}
		var trial *secretstore.TrialError
		if _, err := token.MakePlan(t.Context(), token.Request{Holders: holders}, generate, fingerprint); !errors.As(err, &trial) || !errors.Is(err, secretstore.ErrReadOnly) {
			t.Errorf("place %d takes nothing: %v", at, err)
		}
	}
	// A place that has the new token already is not written, and so not tried.
	for at, refused := range []bool{false, true} {
		holders := places(t, fresh, before)
		holders[at].Store = &closed{holders[at].Store}
		request := token.Request{Holders: holders, Resume: true, Begun: []token.Begun{{OldFingerprint: "f-old", NewFingerprint: "f-new"}}}
		if _, err := token.MakePlan(t.Context(), request, generate, fingerprint); (err != nil) != refused {
			t.Errorf("resuming, place %d takes nothing: %v", at, err)
		}
	}
}

// If this fails, a place whose write was made and then failed keeps the new token unseen.
func TestPutsBackWhatWasMade(t *testing.T) {
	t.Parallel()
	holders := places(t, before, before)
	plan := mustPlan(t, holders)
	made := false
	holders[1].Store = &faulty{Store: holders[1].Store, after: func() error {
		if made {
			return nil
		}
		made = true
		return &secretstore.PartialError{Done: []string{"T"}, Err: errors.New("the folder could not be flushed")}
	}}
	var failed *token.WriteError
	if err := plan.Write(t.Context()); !errors.As(err, &failed) || !failed.Undone || !slices.Equal(held(t, holders), []string{before, before}) {
		t.Errorf("%v: %v", err, failed)
	}
}

// If this fails, an operator is told that all is as it was, while one place has the new token.
func TestSaysWhatCouldNotBePutBack(t *testing.T) {
	t.Parallel()
	holders := places(t, before, before)
	plan := mustPlan(t, holders)
	back := errors.New("it is read-only now")
	holders[0].Store = &faulty{Store: holders[0].Store, at: func(change secretstore.Change) error {
		if change.New.Reveal() == before {
			return back
		}
		return nil
	}}
	holders[1].Store = &faulty{Store: holders[1].Store, at: func(secretstore.Change) error { return errors.New("the disk is full") }}
	err := plan.Write(t.Context())
	var failed *token.WriteError
	if !errors.As(err, &failed) || failed.Undone || !slices.Equal(failed.Now, []token.Content{token.New, token.Old}) ||
		!strings.Contains(err.Error(), "/a\" has the new token") || !strings.Contains(err.Error(), "/b\" has the old token") || strings.Contains(err.Error(), fresh) {
		t.Errorf("%v", err)
	}
	// A later run goes on from there.
	holders[1].Store = places(t, before)[0].Store
	plan, err = token.MakePlan(t.Context(), token.Request{Holders: holders, Resume: true, Begun: []token.Begun{{}, {OldFingerprint: "f-old", NewFingerprint: "f-new"}}}, generate, fingerprint)
	if err != nil || plan.Write(t.Context()) != nil || !slices.Equal(held(t, holders), []string{fresh, fresh}) {
		t.Errorf("resuming: %v", err)
	}
}

// If this fails, what somebody else puts in meanwhile is overwritten, by the change or by what puts it back.
func TestKeepsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	holders := places(t, before, before)
	plan := mustPlan(t, holders)
	inner := holders[0].Store
	holders[0].Store = &faulty{Store: inner, after: func() error { return nil }}
	holders[1].Store = &faulty{Store: holders[1].Store, at: func(secretstore.Change) error {
		if err := inner.Apply(context.Background(), secretstore.Change{Name: "T", Old: secret.NewValue(fresh), New: secret.NewValue(third)}); err != nil {
			return err
		}
		return errors.New("the disk is full")
	}}
	err := plan.Write(t.Context())
	var failed *token.WriteError
	if !errors.As(err, &failed) || !failed.Undone || !slices.Equal(held(t, holders), []string{third, before}) || !strings.Contains(err.Error(), "has another token") {
		t.Errorf("%v", err)
	}
}

// If this fails, a change begins from places that do not agree, or a token is taken for new by a guess.
func TestMakePlan(t *testing.T) {
	t.Parallel()
	begun := []token.Begun{{OldFingerprint: "f-old", NewFingerprint: "f-new"}}
	var differ *token.DifferError
	var unset *token.UnsetError
	var unfinished *token.UnfinishedError
	for _, c := range []struct {
		name    string
		tokens  []string
		request token.Request
		want    any
	}{
		{"the same", []string{before, before}, token.Request{}, nil},
		{"different", []string{before, third}, token.Request{}, &differ},
		{"different, and the record knows", []string{before, fresh}, token.Request{Begun: begun}, &unfinished},
		{"different, and resumed", []string{before, fresh}, token.Request{Begun: begun, Resume: true}, nil},
		{"a third", []string{before, fresh, third}, token.Request{Begun: begun, Resume: true}, &differ},
		{"not the recorded old one", []string{third, fresh}, token.Request{Begun: begun, Resume: true}, &differ},
		{"all new, and not recorded as ended", []string{fresh, fresh}, token.Request{Begun: begun}, &unfinished},
		{"begun and never written", []string{before, before}, token.Request{Begun: begun}, nil},
		{"unset", []string{before, ""}, token.Request{}, &unset},
		{"unset, and resumed", []string{fresh, ""}, token.Request{Begun: begun, Resume: true}, &unset},
	} {
		c.request.Holders = places(t, c.tokens...)
		plan, err := token.MakePlan(t.Context(), c.request, generate, fingerprint)
		if c.want == nil && (err != nil || plan.New.Reveal() != fresh) || c.want != nil && !errors.As(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), before) || strings.Contains(err.Error(), third)) {
			t.Errorf("%s: the error has a token in it", c.name)
		}
	}
	holders := places(t, before, before)
	if _, err := token.MakePlan(t.Context(), token.Request{Holders: holders}, func() (string, error) { return before, nil }, fingerprint); !errors.Is(err, token.ErrSame) {
		t.Errorf("the same token again: %v", err)
	}
	if _, err := token.MakePlan(t.Context(), token.Request{Holders: holders, Begun: begun, Resume: true}, generate, fingerprint); !errors.Is(err, token.ErrNothingBegun) {
		t.Errorf("resuming nothing: %v", err)
	}
}

// server answers the new and the old token with verdicts, round by round.
type server struct {
	answers [][2]token.Verdict
	round   int
}

func (*server) Name() string { return "server" }

func (s *server) Try(_ context.Context, value secret.Value) (token.Answer, error) {
	now := s.answers[min(s.round, len(s.answers)-1)]
	if value.Reveal() == fresh {
		return token.Answer{Verdict: now[0]}, nil
	}
	s.round++
	return token.Answer{Verdict: now[1]}, nil
}

// If this fails, a token is called dead that a server still takes, or that it was never asked about.
func TestProve(t *testing.T) {
	t.Parallel()
	const A, R, U = token.Accepted, token.Refused, token.Unknown
	for name, c := range map[string]struct {
		answers [][2]token.Verdict
		old     string
		err     error
		proven  bool
	}{
		"restarts":      {[][2]token.Verdict{{R, A}, {U, U}, {A, R}}, before, nil, true},
		"takes both":    {[][2]token.Verdict{{A, A}}, before, token.ErrTimeout, false},
		"takes neither": {[][2]token.Verdict{{R, R}}, before, token.ErrTimeout, false},
		"says nothing":  {[][2]token.Verdict{{U, U}}, before, token.ErrTimeout, false},
		"takes the new one, and leaves the other open": {[][2]token.Verdict{{A, U}}, before, token.ErrTimeout, false},
		"breaks in between":                            {[][2]token.Verdict{{A, R}, {U, U}}, before, token.ErrTimeout, false},
		"old one not known":                            {[][2]token.Verdict{{R, A}, {A, R}}, "", token.ErrTimeout, false},
		"old one not known, new one taken":             {[][2]token.Verdict{{A, R}}, "", nil, false},
		"the same":                                     {[][2]token.Verdict{{A, A}}, fresh, token.ErrSame, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prover := token.Prover{Endpoints: []token.Endpoint{&server{answers: c.answers}}, New: secret.NewValue(fresh), Old: secret.NewValue(c.old), Period: time.Millisecond}
			proofs, err := prover.Prove(t.Context(), 100*time.Millisecond)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || proofs[0].IsProven() != c.proven {
				t.Errorf("%+v, %v", proofs, err)
			}
		})
	}
}
