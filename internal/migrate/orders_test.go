package migrate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/visible"
)

// longest returns orders that are as long as this tool writes them.
func longest() migrate.Orders {
	rate := 1<<30 - 1
	by := migrate.OperatorName(strings.Repeat("\u00e9\x1b", migrate.MaxOperatorLength))
	at := time.Date(2026, 3, 1, 4, 30, 0, 123456000, time.UTC)
	return migrate.Orders{Number: 1 << 52, Paused: true, Abort: true, MaxRowsPerSecond: &rate, Pace: migrate.PaceGentle, By: by, Word: migrate.OrderPause, At: at,
		Before: &migrate.OrderNote{Word: migrate.OrderResume, By: by, At: at}}
}

// If this fails, an order that an operator gave is taken for malformed, and a run that suffers is not held back.
func TestOrdersAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []migrate.Orders{{Number: 1}, longest()} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := migrate.ParseOrders(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	// Earlier versions of this tool write these members.
	if _, err := migrate.ParseOrders([]byte(`{"number": 3, "paused": true, "abort": false, "max_rows_per_second": null, "pace": "", "by": "ann"}`)); err != nil {
		t.Error(err)
	}
}

// If this fails, a run follows what somebody wrote by hand into the record, or a terminal does.
func TestMalformedOrdersAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                         "no JSON object",
		`"{\"number\": 1}"`:                        "no JSON object",
		`[]`:                                       "no JSON object",
		`null`:                                     "no JSON object",
		`{"number": 1`:                             "no JSON object",
		"{\"number\": 1, \"by\": \"\xff\"}":        "no JSON object",
		`{}`:                                       "number is missing",
		`{"paused": true}`:                         "number is missing",
		`{"number": -1}`:                           "number is missing",
		`{"number": 1.5}`:                          "number has a value of the wrong kind",
		`{"number": "1"}`:                          "number has a value of the wrong kind",
		`{"number": 1, "paused": "yes"}`:           "paused has a value of the wrong kind",
		`{"number": 1, "Paused": true}`:            `there is no "Paused"`,
		`{"number": 1, "pauzed": true}`:            `there is no "pauzed"`,
		"{\"number\": 1, \"\\u001b[31m\": 1}":      `there is no "\x1b[31m"`,
		`{"number": 1, "pace": "slow"}`:            `there is no pace "slow"`,
		`{"number": 1, "order": "stop"}`:           `there is no order "stop"`,
		`{"number": 1, "at": "yesterday"}`:         "at is no time",
		`{"number": 1, "before": {"order": 1}}`:    "before: order has a value of the wrong kind",
		`{"number": 1, "before": []}`:              "before: they are no JSON object",
		`{"number": 1, "max_rows_per_second": -5}`: "max_rows_per_second is -5",
		`{"number": 1, "max_rows_per_second": 99999999999}`:              "max_rows_per_second is 99999999999",
		`{"number": 1, "by": "x\u001b[2J"}`:                              "not visible",
		`{"number": 1, "by": "` + strings.Repeat("x", 300) + `"}`:        "more than 200 characters",
		`{"number": 1, "by": "` + strings.Repeat("x", 1<<20) + `"}`:      "more than 4096 bytes",
		`{"number": 1, "order": "` + strings.Repeat("\u202e", 99) + `"}`: "there is no order",
	} {
		_, err := migrate.ParseOrders([]byte(text))
		var malformed *migrate.OrdersError
		switch {
		case !errors.As(err, &malformed):
			t.Errorf("%.60q is taken for orders: %v", text, err)
		case !strings.Contains(malformed.Problem, want):
			t.Errorf("%.60q: %q, want %q", text, malformed.Problem, want)
		case malformed.Problem != visible.Text(malformed.Problem) || len(malformed.Problem) > 300:
			t.Errorf("%.60q: %q is not for a terminal", text, malformed.Problem)
		}
	}
}

// FuzzParseOrders looks for a text that ends the program, that is read and not written back alike, or whose problem
// would act on a terminal.
func FuzzParseOrders(f *testing.F) {
	text, err := json.Marshal(longest())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), `{"number": 1}`, `{"number": 1, "before": {"order": "set"}}`, `[]`, "{\"\\u001b\": 1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		orders, err := migrate.ParseOrders(text)
		if err != nil {
			if problem := err.Error(); problem != visible.Text(problem) {
				t.Errorf("%q", problem)
			}
			return
		}
		again, err := json.Marshal(orders)
		if err != nil {
			return // a year that RFC 3339 does not have
		}
		if got, err := migrate.ParseOrders(again); err != nil || !cmp.Equal(got, orders) {
			t.Errorf("%s is read as %+v: %v", again, got, err)
		}
	})
}
