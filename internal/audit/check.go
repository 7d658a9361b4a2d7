package audit

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// Area groups checks by what they look at.
type Area string

// The areas. The ID of a check has a short form of its area: OCMT-PG-001 is about PostgreSQL.
const (
	Encryption Area = "encryption"
	Tokens     Area = "tokens"
	PostgreSQL Area = "postgresql"
	Redis      Area = "redis"
	Files      Area = "files"
	Git        Area = "git"
	Containers Area = "containers"
	Processes  Area = "processes"
	Logs       Area = "logs"
	Endpoints  Area = "endpoints"
	Lifecycle  Area = "lifecycle"
)

// areas lists the areas in the order of reports, with their short forms.
var areas = []struct {
	short string
	area  Area
}{
	{"ENC", Encryption}, {"TOK", Tokens}, {"PG", PostgreSQL}, {"RDS", Redis}, {"FIL", Files}, {"GIT", Git},
	{"DOC", Containers}, {"PRC", Processes}, {"LOG", Logs}, {"END", Endpoints}, {"LIF", Lifecycle},
}

// Areas returns all areas in the order of reports.
func Areas() []Area {
	list := make([]Area, len(areas))
	for i, one := range areas {
		list[i] = one.area
	}
	return list
}

// Check is one question about a deployment.
type Check struct {
	ID       string   // stays the same for ever: OCMT-ENC-001
	Severity Severity // of a fault that says nothing else
	Title    string   // the fault in one line: "A value that no configured key opens"
	Why      string   // what an operator loses
	LooksAt  string   // what is read
	Right    string   // the least right that is needed
	NotFault string   // what looks like a fault and is none, and how it is told apart
	Fix      string   // what to do; commands that exist
	Source   string   // a standard, a section of a document; may be empty

	look func(context.Context, *Sources) (Seen, error)
}

// Area returns the area, by the ID.
func (c Check) Area() Area {
	short, _, _ := strings.Cut(strings.TrimPrefix(c.ID, "OCMT-"), "-")
	for _, one := range areas {
		if one.short == short {
			return one.area
		}
	}
	return ""
}

// Seen is what a check saw. With neither faults nor gaps nor Absent it passes.
type Seen struct {
	Faults []Fault
	Gaps   []Gap  // what could not be looked at
	Absent string // what shows that the check does not apply; "" where it does
	Looked string // what was looked at: "12,400 values in 9 columns"
}

// Fault is one thing that is wrong. Faults of one Cause become one finding.
type Fault struct {
	// Object names the thing in a way that stays the same when it moves within its place:
	// "public.users.gateway_token", "role ocmt", ".env ADMIN_TOKEN". Never a line, a commit or a position. With
	// the ID of the check it is what an accepted fault is known by.
	Object string
	// Cause groups faults: the API keys of one table that do not expire are one finding. "" for Object.
	Cause    string
	Severity Severity // 0 for that of the check
	Message  string   // what is wrong: "does not expire". It is read behind the cause
	Expected string   // evidence: never a secret, never a digest of what can be guessed
	Actual   string
	Count    int64    // how many things; 0 for one
	Places   []string // where: "public.api_keys id 7". At most MaxPlaces are kept
	Fix      string   // "" for that of the check
	File     string   // the file that configures the thing, relative to the folder it was given as; "" for none
}

// MaxPlaces is how many places of a finding are told.
const MaxPlaces = 10

// placesLeft returns how many things have a place that is not among Places. Where there are fewer places than a check
// keeps, each of them stands for several things, and none is left.
func (f Fault) placesLeft() int64 {
	if len(f.Places) < MaxPlaces {
		return 0
	}
	return max(f.Count-int64(len(f.Places)), 0)
}

// Gap is something that a check could not look at.
type Gap struct {
	What    string `json:"what"`            // what was not looked at: "public.user_mfa"
	Reason  string `json:"reason"`          // "the account may not read it"
	Missing string `json:"missing"`         // the right by name: "SELECT on public.user_mfa"; "" where it is no right
	Grant   string `json:"grant,omitempty"` // the statement or command that cures it; "" where there is none
	// Rights are the rights of an account of PostgreSQL that Grant gives; none where it gives no such right.
	Rights []finding.Right `json:"-"`
}

// IsSame reports whether another gap says the same.
func (g *Gap) IsSame(other Gap) bool {
	return g.What == other.What && g.Reason == other.Reason && g.Missing == other.Missing && g.Grant == other.Grant
}

// Source is something that checks look at.
type Source[T any] struct {
	it     T
	there  bool
	absent string
	gap    Gap
}

// Available returns a source that is there.
func Available[T any](it T) Source[T] { return Source[T]{it: it, there: true} }

// It returns the source, and whether it is there.
func (s Source[T]) It() (it T, there bool) { return s.it, s.there }

// Absent returns a source that is not there. The reason shows it: "DATABASE_URL is not set".
func Absent[T any](reason string) Source[T] { return Source[T]{absent: reason} }

// Unanswered returns a source that is there, and does not answer.
func Unanswered[T any](gap Gap) Source[T] { return Source[T]{gap: gap} }

// with returns the look of a check that needs one source. Where the source is not there, the check is
// not applicable; where it does not answer, the check could not look.
func with[T any](source func(*Sources) Source[T], look func(context.Context, *Sources, T) (Seen, error)) func(context.Context, *Sources) (Seen, error) {
	return func(ctx context.Context, sources *Sources) (Seen, error) {
		switch s := source(sources); {
		case s.there:
			return look(ctx, sources, s.it)
		case s.gap.What != "":
			return Seen{Gaps: []Gap{s.gap}}, nil
		case s.absent != "":
			return Seen{Absent: s.absent}, nil
		default:
			return Seen{Absent: "it was not asked for"}, nil
		}
	}
}

// A GapError says that a check could not look. An adapter returns it where a right is missing.
type GapError struct{ Gap Gap }

// Error returns what was not looked at, and why.
func (e *GapError) Error() string { return "looking at " + e.Gap.What + ": " + e.Gap.Reason }
