package audit

import (
	"errors"
	"slices"
	"strings"
)

// An AbsentError says that what a check looks at is not there. An adapter returns it with what shows that.
type AbsentError struct {
	What     string // "user_mfa"
	Evidence string // "pg_class has no table user_mfa"
}

// Error returns what is not there.
func (e *AbsentError) Error() string { return e.Evidence }

// parts gathers what a check of several things saw: some are not there, some may not be read.
type parts struct {
	seen   Seen
	looked []string // what was looked at
	absent []string // what shows that the others are not there
}

// add takes the outcome of one thing. It reports whether the thing was looked at. The error is one that is
// neither a gap nor an absence.
func (p *parts) add(what string, err error) (bool, error) {
	var absent *AbsentError
	var gap *GapError
	switch {
	case err == nil:
		p.looked = append(p.looked, what)
		return true, nil
	case errors.As(err, &absent):
		if !slices.Contains(p.absent, absent.Evidence) { // two columns of one table are absent together
			p.absent = append(p.absent, absent.Evidence)
		}
		return false, nil
	case errors.As(err, &gap):
		p.seen.Gaps = append(p.seen.Gaps, gap.Gap)
		return false, nil
	default:
		return false, err
	}
}

// result returns what was seen. Where nothing of it is there, the check does not apply.
func (p *parts) result() Seen {
	if len(p.looked) == 0 && len(p.seen.Gaps) == 0 {
		p.seen.Absent = strings.Join(p.absent, "; ")
		return p.seen
	}
	p.seen.Looked = strings.Join(p.looked, "; ")
	return p.seen
}

// absentOr returns what was seen of one thing. Where the thing is not there, the check does not apply.
func absentOr(seen Seen, err error) (Seen, error) {
	var absent *AbsentError
	if errors.As(err, &absent) {
		return Seen{Absent: absent.Evidence}, nil
	}
	return seen, err
}
