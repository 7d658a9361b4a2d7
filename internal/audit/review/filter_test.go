package review_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit/review"
)

// If this fails, a time that was mistyped selects another night than the one that is asked about.
func TestParseTime(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-03-31T12:00:00Z")
	for text, want := range map[string]string{
		"2026-01-31T18:00:00Z": "2026-01-31T18:00:00Z", "2026-01-31T18:00:00+02:00": "2026-01-31T16:00:00Z", "90d": "2025-12-31T12:00:00Z", "0.5d": "2026-03-31T00:00:00Z", "90m": "2026-03-31T10:30:00Z", "12h": "2026-03-31T00:00:00Z",
		"": "", "yesterday": "", "2026-01-31": "", "-1d": "", "0d": "", "-5m": "", "NaNd": "", "infd": "", "1e9d": "", "5": "",
	} {
		got, err := review.ParseTime(text, now)
		if want == "" {
			if !errors.Is(err, review.ErrTime) {
				t.Errorf("%q is taken for %v", text, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v (%v), want %s", text, got, err, want)
		}
	}
}

// If this fails, a cursor that somebody has changed reaches the database as something else than values.
func FuzzParseCursor(f *testing.F) {
	f.Add(review.Cursor{review.AuditLog: {Time: "2026-01-01 00:00:00", ID: "1"}}.String())
	f.Add("e30")
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, text string) {
		cursor, err := review.ParseCursor(text)
		if err != nil {
			if !errors.Is(err, review.ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		again, err := review.ParseCursor(cursor.String())
		if err != nil || again.String() != cursor.String() {
			t.Fatalf("%q is read as %q (%v)", text, again, err)
		}
	})
}

// If this fails, a filter that can match nothing reads as a quiet night.
func TestFilterValidate(t *testing.T) {
	t.Parallel()
	early, late := at(t, "2026-01-01T00:00:00Z"), at(t, "2026-01-02T00:00:00Z")
	var unknown *review.UnknownSourceError
	if err := (review.Filter{Since: late, Until: early}).Validate(); !errors.Is(err, review.ErrNoTime) {
		t.Errorf("a time that ends before it begins: %v", err)
	}
	if err := (review.Filter{Action: "a*b"}).Validate(); !errors.Is(err, review.ErrWildcard) {
		t.Errorf("a * in the middle: %v", err)
	}
	if err := (review.Filter{Sources: []review.Source{"sessions"}}).Validate(); !errors.As(err, &unknown) {
		t.Errorf("an unknown source: %v", err)
	}
	if err := (review.Filter{Since: early, Until: late, Action: "a.*", Sources: review.Sources()}).Validate(); err != nil {
		t.Error(err)
	}
}
