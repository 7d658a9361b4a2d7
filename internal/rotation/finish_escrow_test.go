package rotation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
)

// If this fails, the last copy of a key is taken away that backups need, and every backup is lost.
func TestFinishKeepsACopy(t *testing.T) {
	t.Parallel()
	other, err := makeKey()
	if err != nil {
		t.Fatal(err)
	}
	unnamed := func(r *rotation.FinishRequest) { r.Escrow = "" }
	atBegin := func(file string) func(*ending) {
		return func(e *ending) { e.find(0).Begun = &rotation.Begun{Escrow: file, Host: "b"} }
	}
	for name, test := range map[string]struct {
		prepare func(*ending)
		request func(*rotation.FinishRequest)
		want    rotation.KeyEscrow
		code    finding.Code // of the refusal; "" for none
	}{
		"nothing is said":                  {nil, unnamed, rotation.KeyEscrow{}, finding.NoCopy},
		"its copy went to standard output": {atBegin("-"), unnamed, rotation.KeyEscrow{}, finding.NoCopy},
		"begun without a copy":             {atBegin(""), unnamed, rotation.KeyEscrow{}, finding.NoCopy},
		"a new file":                       {nil, nil, rotation.KeyEscrow{State: rotation.EscrowWritten, File: "/media/old", Host: "a"}, ""},
		"a file that holds it": {func(e *ending) { e.files["/media/old"] = e.texts["ENCRYPTION_KEY_V0"] }, nil,
			rotation.KeyEscrow{State: rotation.EscrowCompared, File: "/media/old", Host: "a"}, ""},
		"a file with another key": {func(e *ending) { e.files["/media/old"] = other.Reveal() }, nil, rotation.KeyEscrow{}, finding.OtherKey},
		"a file without a key":    {func(e *ending) { e.files["/media/old"] = "notes" }, nil, rotation.KeyEscrow{}, finding.OtherKey},
		"kept elsewhere":          {nil, func(r *rotation.FinishRequest) { r.Escrow, r.NoEscrow = "", true }, rotation.KeyEscrow{State: rotation.EscrowElsewhere}, ""},
		"written at begin":        {atBegin("/begun"), unnamed, rotation.KeyEscrow{State: rotation.EscrowAtBegin, File: "/begun", Host: "b"}, ""},
		"written at begin, and not to be read here": {func(e *ending) { atBegin("/begun")(e); e.files["/begun"] = "unreadable" }, unnamed,
			rotation.KeyEscrow{State: rotation.EscrowAtBegin, File: "/begun", Host: "b"}, ""},
		"written at begin, and here": {func(e *ending) { atBegin("/begun")(e); e.files["/begun"] = e.texts["ENCRYPTION_KEY_V0"] }, unnamed,
			rotation.KeyEscrow{State: rotation.EscrowCompared, File: "/begun", Host: "a"}, ""},
		"written at begin, and another key here": {func(e *ending) { atBegin("/begun")(e); e.files["/begun"] = other.Reveal() }, unnamed, rotation.KeyEscrow{}, finding.OtherKey},
		"no backup needs it after today": {nil, func(r *rotation.FinishRequest) { r.Escrow, r.BackupsUntil = "", begunAt.Truncate(24*time.Hour) },
			rotation.KeyEscrow{State: rotation.EscrowNotNeeded}, ""},
		"backups need it until tomorrow": {nil, func(r *rotation.FinishRequest) {
			r.Escrow, r.BackupsUntil = "", begunAt.Truncate(24*time.Hour).AddDate(0, 0, 1)
		}, rotation.KeyEscrow{}, finding.NoCopy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnding(t)
			if test.prepare != nil {
				test.prepare(e)
			}
			old := e.texts["ENCRYPTION_KEY_V0"]
			finished, err := e.finish(test.request)
			if test.code != "" {
				var refused *rotation.RefusedError
				if !errors.As(err, &refused) || refused.Finding.Code != test.code || (refused.Or == "") != (test.code != finding.NoCopy) || e.calls > 0 || e.asked+e.proofs > 0 {
					t.Errorf("%v, %d changes, %d proofs", err, e.calls, e.proofs)
				}
				if strings.Contains(err.Error(), other.Reveal()) || strings.Contains(err.Error(), old) {
					t.Error("the refusal holds a key")
				}
				return
			}
			if err != nil || finished.Evidence.Escrow != test.want || e.evidence[0].Escrow != test.want || e.texts["ENCRYPTION_KEY_V0"] != "" {
				t.Fatalf("%+v, %v", finished, err)
			}
			if test.want.State == rotation.EscrowWritten && e.files["/media/old"] != old {
				t.Error("the file does not hold the old key")
			}
		})
	}
}

// If this fails, one more store loses the last copy of a key that an earlier version of this program took away without
// asking, or a key that is gone is said to be written into a file.
func TestFinishKeepsACopyOfARetiredKey(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	old := e.texts["ENCRYPTION_KEY_V0"]
	if _, err := e.finish(nil); err != nil {
		t.Fatal(err)
	}
	var refused *rotation.RefusedError
	if _, err := e.finish(func(r *rotation.FinishRequest) { r.Escrow = "/new" }); !errors.As(err, &refused) || e.files["/new"] != "" {
		t.Errorf("the key is gone, and is said to be written: %v", err)
	}
	unasked := e.evidence[0]
	unasked.Escrow = rotation.KeyEscrow{}
	e.evidence[0], e.texts["ENCRYPTION_KEY_V0"] = unasked, old
	if _, err := e.finish(func(r *rotation.FinishRequest) { r.Escrow = "" }); !errors.As(err, &refused) || refused.Finding.Code != finding.NoCopy || e.texts["ENCRYPTION_KEY_V0"] == "" {
		t.Errorf("nobody was asked: %v", err)
	}
	if _, err := e.finish(func(r *rotation.FinishRequest) { r.Escrow = "/new" }); err != nil || e.files["/new"] != old || e.evidence[0].Escrow.State != rotation.EscrowWritten {
		t.Errorf("a new file: %+v, %v", e.evidence[0].Escrow, err)
	}
}
