package migrate

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Plan is what a run would do, and what would keep it from starting.
type Plan struct {
	Request  Request
	Tables   []Table
	Absent   []string      // what the database lacks of the catalogue, as table or table.column
	Columns  []ColumnCount // the columns of all tables, one table after the other
	Nodes    []Node        // the other servers of a cluster
	Findings []finding.Finding
	// Counted reports whether values were counted. Where a table cannot be read, none are.
	Counted bool
	// Uncounted are those of Findings that say of what no values were counted.
	Uncounted []finding.Finding
	Accepted  []Accepted // values that are accepted as lost
	Emptied   []Place    // columns that held values and hold none, as the operator says rightly
	Outline   Outline
	// Oldest is the oldest transaction that ran when the plan was made, as a number of 32
	// bits; nil where nothing could be read.
	Oldest    *uint32
	Discovery *discover.Report // nil where the tables of the catalogue could not be read
}

// Pending returns how many values the run would move, of those that were counted.
func (p *Plan) Pending() (count int64) {
	for _, column := range p.Columns {
		for version, values := range column.ByVersion {
			if version != p.Request.To && p.Request.Leaves(version) {
				count += values
			}
		}
	}
	return count
}

// Refusal returns a *RefusedError where there are findings, else nil.
func (p *Plan) Refusal() error {
	if len(p.Findings) == 0 {
		return nil
	}
	return &RefusedError{Findings: p.Findings}
}

// PlanSources is what a plan reads from.
type PlanSources struct {
	Tables    TableReader
	Conns     Connector
	Record    PlanRecord
	Searchers discover.Opener
	Trier     Trier     // nil: nothing is tried
	Random    io.Reader // a cryptographic source, for what is tried
	Pacing    *Pacing   // holds back the reading; nil for full speed
}

// TableReader describes tables for a plan.
type TableReader interface {
	Describer
	Surveyor
}

// MakePlan looks at the database and at the keys, and writes nothing. What it finds
// wrong is in the plan's Findings; an error means that it could not look. The
// current version of the keyring must be request.To. Even for a narrow request it
// searches the whole database for values that the catalogue does not list, because
// a key is retired for the whole database.
func MakePlan(ctx context.Context, sources PlanSources, ring *crypto.Keyring, request Request, reporter Reporter) (*Plan, error) {
	if err := request.Check(); err != nil {
		return nil, err
	}
	if _, err := request.selectTables(); err != nil {
		return nil, err
	}
	sources.Conns = sources.Pacing.PaceConns(sources.Conns)
	reporter.Phase("planning: looking at the tables")
	planner := &planner{sources: sources, ring: ring, reporter: reporter, beside: &besideReporter{reporter: reporter}, plan: &Plan{Request: request}}
	var discovery *discover.Report
	group, ctx := crash.WithContext(ctx)
	group.Go(func() (err error) {
		discovery, err = planner.search(ctx)
		return err
	})
	group.Go(func() error {
		defer planner.beside.takeOver()
		return planner.readTables(ctx)
	})
	switch err := group.Wait(); {
	case errors.Is(err, errUnreadable): // the result of the search does not matter then
		return planner.plan, nil
	case err != nil:
		return nil, err
	}
	plan := planner.plan
	plan.Discovery = discovery
	plan.Findings = append(plan.Findings, withoutWrongType(discovery.Findings(ring), plan.Findings)...)
	return plan, nil
}

// withoutWrongType leaves out the columns that a search has found and that the tables' description names already, as of a
// type that holds no ciphertexts: they are listed, and what is to be done is said there.
func withoutWrongType(found, described []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(found, func(one finding.Finding) bool {
		return one.Code == finding.UnlistedColumn && slices.ContainsFunc(described, func(other finding.Finding) bool {
			return other.Code == finding.WrongType && other.Where == one.Where
		})
	})
}

// planner is the state of one MakePlan.
type planner struct {
	sources  PlanSources
	ring     *crypto.Keyring
	reporter Reporter
	beside   *besideReporter // of the search
	plan     *Plan
}

// search looks for values that the catalogue does not list.
func (p *planner) search(ctx context.Context) (*discover.Report, error) {
	request := discover.Request{Catalogue: p.plan.Request.Catalogue, Labels: labelsOf(p.ring, p.plan.Request), Known: p.plan.Request.Known, Depth: discover.Sample}
	return discover.Search(ctx, p.sources.Pacing.PaceSearchers(p.sources.Searchers), p.ring, request, p.beside)
}

// errUnreadable ends the search of the database where the tables of the request
// cannot be read. The plan's findings say why.
var errUnreadable = errors.New("the tables cannot be read")

// readTables fills in what the tables of the request are and what they contain. The
// error is errUnreadable where they cannot be read; the findings are then all that
// the plan says.
func (p *planner) readTables(ctx context.Context) error {
	plan := p.plan
	found, err := plan.Request.describe(ctx, p.sources.Tables)
	if err != nil {
		return err
	}
	plan.Tables, plan.Absent, plan.Nodes = found.Tables, found.Absent, found.Nodes
	if plan.Findings, err = p.checkAccess(ctx, found); err != nil {
		return err
	}
	plan.Uncounted = findUncounted(plan.Findings)
	if slices.ContainsFunc(plan.Findings, func(f finding.Finding) bool { return f.Code == finding.CitusWorker }) {
		return errUnreadable // of its tables nothing more is to be asked
	}
	if isUnreadable(plan.Findings) {
		survey, unaudited, err := p.survey(ctx)
		if err != nil {
			return err
		}
		plan.Outline = plan.makeOutline(p.ring, survey, unaudited, nil)
		return errUnreadable
	}
	return p.countValues(ctx)
}

// checkAccess returns what keeps the tables or the record from being used.
func (p *planner) checkAccess(ctx context.Context, found *Description) ([]finding.Finding, error) {
	list := p.plan.Request.WithoutKnown(found.Findings)
	access, err := p.sources.Tables.CheckAccess(ctx, found.Tables)
	if err != nil {
		return nil, err
	}
	list = append(list, access...)
	if !slices.ContainsFunc(access, func(f finding.Finding) bool {
		return f.Code == finding.Standby || f.Code == finding.ReadOnly || f.Code == finding.CitusWorker
	}) {
		record, err := p.sources.Record.CheckRecord(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, record...)
	}
	if len(found.Tables) == 0 {
		list = append(list, finding.Finding{Code: finding.NoTables, Severity: finding.Error, Where: "database",
			Message: "none of the tables that hold encrypted values is here",
			Fix:     "check that DATABASE_URL names the OCMT database, and the search path of its account"})
	}
	return list, nil
}

func (p *planner) survey(ctx context.Context) (*Survey, finding.Reason, error) {
	survey, err := p.sources.Tables.Survey(ctx, p.plan.Tables)
	if err != nil {
		return nil, finding.Reason{}, err
	}
	unaudited, err := p.sources.Record.ExplainUnaudited(ctx)
	return survey, unaudited, err
}

// countValues counts the values, opens samples of them, and compares both with the
// record.
func (p *planner) countValues(outer context.Context) error {
	plan := p.plan
	var survey *Survey
	var unaudited finding.Reason
	var recordedKeys map[int]string
	var recordedValues map[Place]int64
	var counted *counter
	group, ctx := crash.WithContext(outer)
	group.Go(func() (err error) {
		if survey, unaudited, err = p.survey(ctx); err != nil {
			return err
		}
		if recordedValues, err = p.sources.Record.RecordedValues(ctx); err != nil {
			return err
		}
		if recordedKeys, err = p.sources.Record.RecordedKeys(ctx); err != nil {
			return err
		}
		plan.Accepted, err = p.sources.Record.AcceptedValues(ctx)
		return err
	})
	group.Go(func() (err error) {
		p.reporter.Phase("planning: counting the values")
		counted, err = countTables(ctx, p.sources, p.ring, plan.Request, plan.Tables, p.reporter)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	plan.Columns, plan.Counted = counted.columns, true
	plan.Outline = plan.makeOutline(p.ring, survey, unaudited, counted)
	plan.Oldest = &survey.Oldest
	if plan.Request.AllowEmpty {
		plan.Emptied = emptiedPlaces(plan.Request, plan.Tables, plan.valuesByTable(), recordedValues)
	} else {
		plan.Findings = append(plan.Findings, findEmptied(plan.Request, plan.Tables, plan.valuesByTable(), recordedValues)...)
	}
	if unfit := checkKeys(plan.Request, p.ring, plan.Columns); len(unfit) > 0 {
		plan.Findings = append(plan.Findings, unfit...)
	} else {
		// Where the keys do not open what they should, another key in the record adds
		// nothing, and the advice to confirm the key by its fingerprint would be wrong.
		plan.Findings = append(plan.Findings, findOtherKey(plan.Request, p.ring, recordedKeys)...)
	}
	plan.Findings = append(plan.Findings, findOtherVersion(plan.Request, p.ring, recordedKeys, plan.Columns)...)
	plan.Findings = append(plan.Findings, findNarrowColumns(plan.Request, plan.Tables, plan.Columns)...)
	plan.Findings = append(plan.Findings, findDowngrade(plan.Request, plan.Columns)...)
	p.reporter.Phase("planning: trying whether rows can be written")
	return p.tryWrites(outer, counted.examples)
}
