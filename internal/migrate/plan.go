package migrate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Plan is what a run would do, and what would keep it from starting.
type Plan struct {
	Request   Request
	Tables    []Table
	Absent    []string // of the catalogue, as table or table.column
	Census    []Census
	Obstacles []Obstacle
	Outline   Outline
	Discovery *Discovery // nil where the catalogue's own tables could not be read
}

// Pending returns how many values the run would move.
func (p *Plan) Pending() (count int64) {
	for _, census := range p.Census {
		for version, values := range census.ByVersion {
			if version != p.Request.To && p.Request.Leaves(version) {
				count += values
			}
		}
	}
	return count
}

// Refusal returns a *RefusedError where there are obstacles, else nil.
func (p *Plan) Refusal() error {
	if len(p.Obstacles) == 0 {
		return nil
	}
	return &RefusedError{Obstacles: p.Obstacles}
}

// MakePlan looks at the database and at the keys, and writes nothing. What it
// finds wrong is in the plan's Obstacles; an error means that it could not look.
// The keyring's current version must be request.To. However narrow the request is,
// it looks through the whole database for values that the catalogue does not list:
// a key is retired for all of it.
func MakePlan(ctx context.Context, store Store, ring *crypto.Keyring, request Request, reporter Reporter) (*Plan, error) {
	if err := request.Check(); err != nil {
		return nil, err
	}
	selected, err := request.selected()
	if err != nil {
		return nil, err
	}
	plan := &Plan{Request: request}
	var discovery *Discovery
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		request := DiscoverRequest{Catalogue: request.Catalogue, Known: request.Known}
		discovery, err = Discover(ctx, store, ring, request, quietly{reporter})
		return err
	})
	group.Go(func() error { return plan.look(ctx, store, ring, selected, reporter) })
	switch err := group.Wait(); {
	case errors.Is(err, errUnreadable): // what the search found or met meanwhile is beside the point
		return plan, nil
	case err != nil:
		return nil, err
	}
	plan.Discovery = discovery
	plan.Obstacles = append(plan.Obstacles, discovery.unlisted(ring)...)
	return plan, nil
}

// errUnreadable ends the search of the database where the tables of the request
// cannot be read: the plan says why.
var errUnreadable = errors.New("the tables cannot be read")

// look fills in what the tables of the request are and hold. The error is
// errUnreadable where they cannot be read; what keeps them from it is in the
// obstacles then, and is all that there is to say.
func (p *Plan) look(ctx context.Context, store Store, ring *crypto.Keyring, selected []ocmt.Table, reporter Reporter) error {
	found, err := store.Describe(ctx, selected)
	if err != nil {
		return err
	}
	p.Tables, p.Absent = found.Tables, found.Absent
	obstacles, err := store.Obstacles(ctx, p.Tables)
	if err != nil {
		return err
	}
	p.Obstacles = append(p.Request.unknown(found.Obstacles), obstacles...)
	if len(p.Tables) == 0 {
		p.Obstacles = append(p.Obstacles, Obstacle{Code: "no_tables", Where: "database",
			Message: "none of the tables that hold encrypted values is here",
			Fix:     "check that DATABASE_URL names the OCMT database, and the search path of its account"})
	}
	if unreadable(p.Obstacles) {
		survey, err := store.Survey(ctx, p.Tables)
		if err != nil {
			return err
		}
		p.Outline = p.outline(ring, survey, nil)
		return errUnreadable
	}
	var survey *Survey
	var recorded map[int]string
	var rows []int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if survey, err = store.Survey(ctx, p.Tables); err == nil {
			recorded, err = store.RecordedKeys(ctx)
		}
		return err
	})
	group.Go(func() (err error) {
		reporter.Phase("reading")
		p.Census, rows, err = takeCensus(ctx, store, ring, p.Request, p.Tables, reporter)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	p.Outline = p.outline(ring, survey, rows)
	if !p.Request.AllowEmpty {
		p.Obstacles = append(p.Obstacles, emptied(p.Request, p.Tables, p.valuesByTable(), survey.Recorded)...)
	}
	if unopened := canary(p.Request, ring, p.Census); len(unopened) > 0 {
		p.Obstacles = append(p.Obstacles, unopened...)
	} else {
		// Where keys do not open what they should, that the record has others adds
		// nothing, and to name one by its fingerprint would be wrong advice.
		p.Obstacles = append(p.Obstacles, otherKeyRecorded(p.Request, ring, recorded)...)
	}
	p.Obstacles = append(p.Obstacles, narrow(p.Request, p.Tables, p.Census)...)
	p.Obstacles = append(p.Obstacles, backwards(p.Request, p.Census)...)
	return nil
}

// quietly is a Reporter for work beside the one that is reported.
type quietly struct{ Reporter }

func (quietly) Phase(string)          {}
func (quietly) Progress(int64, int64) {}

// unreadable reports whether an obstacle keeps the values from being read.
func unreadable(obstacles []Obstacle) bool {
	for _, obstacle := range obstacles {
		if obstacle.Code == "missing_select" || obstacle.Code == "row_security" {
			return true
		}
	}
	return false
}

// otherKeyRecorded finds that earlier runs brought values to the version under
// another key.
func otherKeyRecorded(request Request, ring *crypto.Keyring, recorded map[int]string) []Obstacle {
	key, _ := ring.Key(request.To)
	fingerprint, there := recorded[request.To]
	if !there || fingerprint == key.Fingerprint() || request.KeyConfirmed {
		return nil
	}
	return []Obstacle{{Code: "recorded_key", Where: "key version " + strconv.Itoa(request.To),
		Message: fmt.Sprintf("encryption_keys has the fingerprint %s for it, and the key that is set has %s: two keys under one version number", fingerprint, key.Fingerprint()),
		Fix:     "find out which of the two the servers have; if it is this one, and nothing is under the other, give its fingerprint as --expect-key"}}
}

// backwards finds that most values carry a newer version than the one to reach:
// then it is the settings of this machine that are old, and not the values.
func backwards(request Request, census []Census) []Obstacle {
	var newer, all int64
	for _, counted := range census {
		for version, values := range counted.ByVersion {
			all += values
			if version > request.To {
				newer += values
			}
		}
	}
	if request.AllowDowngrade || newer*2 <= all {
		return nil
	}
	return []Obstacle{{Code: "downgrade", Where: "key version " + strconv.Itoa(request.To),
		Message: fmt.Sprintf("%d of %d values carry a newer version: this would go backwards", newer, all),
		Fix:     "check ENCRYPTION_KEY_VERSION; add --allow-downgrade if going back is meant"}}
}

// narrow finds columns in which a value would no longer fit.
func narrow(request Request, tables []Table, census []Census) []Obstacle {
	var found []Obstacle
	index := 0
	for _, table := range tables {
		for _, column := range table.Columns {
			counted := census[index]
			index++
			needed := 0
			for version, of := range counted.versions {
				if request.Leaves(version) {
					needed = max(needed, sealedLength(request.To, of.longest))
				}
			}
			if column.MaxLength > 0 && needed > column.MaxLength {
				found = append(found, Obstacle{Code: "narrow_column", Where: table.String() + "." + column.Name,
					Message: fmt.Sprintf("holds %d characters at most and the longest value needs %d", column.MaxLength, needed),
					Fix:     "widen the column first: ALTER TABLE … ALTER COLUMN … TYPE varchar(" + strconv.Itoa(needed) + ")"})
			}
		}
	}
	return found
}
