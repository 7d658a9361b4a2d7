package review

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
)

// RecordReader returns the entries of the tool's own record, and whether there is one.
type RecordReader func(context.Context, chain.Query) (entries []chain.Entry, there bool, err error)

// WithRecord returns the audit tables of a database with a record beside them that is kept outside of it. The
// table of the record, where there is one, is not read.
func WithRecord(database Database, read RecordReader) Database {
	return &recordedDatabase{Database: database, record: read}
}

// recordedDatabase is a database whose record is elsewhere.
type recordedDatabase struct {
	Database
	record RecordReader
}

// Describe implements Database.
func (d *recordedDatabase) Describe(ctx context.Context) (*Description, error) {
	found, err := d.Database.Describe(ctx)
	if err != nil {
		return nil, err
	}
	described := *found
	described.States = slices.DeleteFunc(slices.Clone(found.States), func(s State) bool { return s.Source == Record })
	state := recordState()
	switch _, there, err := d.record(ctx, chain.Query{Limit: 1}); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		state.Unread.Text = err.Error()
	case !there:
		state.Absent, state.Unread.Text = true, "there is no such file"
	}
	described.States = append(described.States, state)
	return &described, nil
}

// recordState says what entries tell.
func recordState() State {
	state := State{Source: Record, Lacking: []string{}, Order: BySort}
	for _, field := range []Field{Time, ID, Action, Object, Origin, Details} {
		state.Has[field] = true
	}
	return state
}

// Read implements Database.
func (d *recordedDatabase) Read(ctx context.Context, filter Filter, after Cursor, most int) (batches []Batch, err error) {
	if tables, some := withoutRecord(filter); some {
		if batches, err = d.Database.Read(ctx, tables, after, most); err != nil {
			return nil, err
		}
	}
	rows, err := d.rows(ctx, filter)
	if err != nil || len(rows) == 0 {
		return batches, err
	}
	if position, begun := after[Record]; begun {
		if !isRecordPosition(position) {
			return nil, ErrCursor
		}
		rows = slices.DeleteFunc(rows, func(row *Row) bool {
			return compareRecordRows(row.Own, string(row.Fields[ID]), position.Time, position.ID) <= 0
		})
	}
	batch := Batch{Source: Record, More: len(rows) > most}
	for _, row := range rows[:min(most, len(rows))] {
		batch.Rows = append(batch.Rows, NewEntry(row))
	}
	return append(batches, batch), nil
}

// Undated implements Database. Each entry of the record has a time.
func (d *recordedDatabase) Undated(ctx context.Context, filter Filter, most int) ([]Undated, error) {
	tables, some := withoutRecord(filter)
	if !some {
		return nil, nil
	}
	return d.Database.Undated(ctx, tables, most)
}

// Stream implements Database.
func (d *recordedDatabase) Stream(ctx context.Context, filter Filter, visit func(*Row) error) error {
	if tables, some := withoutRecord(filter); some {
		if err := d.Database.Stream(ctx, tables, visit); err != nil {
			return err
		}
	}
	rows, err := d.rows(ctx, filter)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

// Habits implements Database. The record tells no user.
func (d *recordedDatabase) Habits(ctx context.Context, filter Filter, from, to time.Time, visit func(Habit)) error {
	tables, some := withoutRecord(filter)
	if !some {
		return nil
	}
	return d.Database.Habits(ctx, tables, from, to, visit)
}

// rows returns the entries that a filter takes, the newest first. A record that cannot be read has none: its
// State says so.
func (d *recordedDatabase) rows(ctx context.Context, filter Filter) (rows []*Row, err error) {
	if !filter.Takes(Record) || recordState().CannotAnswer(filter) != "" {
		return nil, nil
	}
	entries, _, err := d.record(ctx, chain.Query{})
	if err != nil {
		return nil, ctx.Err()
	}
	for _, entry := range entries {
		if row := recordRow(entry); takesRecordRow(filter, entry.At, row) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b *Row) int {
		return compareRecordRows(a.Own, string(a.Fields[ID]), b.Own, string(b.Fields[ID]))
	})
	return rows, nil
}

// recordTime is how a position writes the time of an entry: its texts compare as the times do.
const recordTime = "2006-01-02 15:04:05.000000"

// recordRow returns an entry as the table of the record would have it.
func recordRow(entry chain.Entry) *Row {
	row := &Row{Source: Record, Own: entry.At.UTC().Format(recordTime)}
	for field, text := range map[Field]string{
		Time: entry.At.UTC().Format("2006-01-02 15:04:05.999999"), ID: strconv.FormatInt(entry.Sequence, 10),
		Action: entry.Action, Object: entry.Subject, Origin: entry.Operator, Details: string(entry.Details),
	} {
		row.Fields[field] = []byte(text)
	}
	return row
}

// takesRecordRow reports whether a filter that the record can answer takes an entry.
func takesRecordRow(filter Filter, at time.Time, row *Row) bool {
	action := string(row.Fields[Action])
	prefix, is := filter.ActionPrefix()
	switch {
	case !filter.Since.IsZero() && at.Before(filter.Since), !filter.Until.IsZero() && !at.Before(filter.Until):
		return false
	case is && !strings.HasPrefix(action, prefix), !is && filter.Action != "" && action != filter.Action:
		return false
	}
	return !filter.Failed || outcomeOf(row) == Failed
}

// compareRecordRows orders by time and number, the newest first.
func compareRecordRows(ownA, idA, ownB, idB string) int {
	return cmp.Or(cmp.Compare(ownB, ownA), cmp.Compare(len(idB), len(idA)), cmp.Compare(idB, idA))
}

// isRecordPosition reports whether a page of a record outside of the database may end at a position.
func isRecordPosition(position Position) bool {
	_, err := time.Parse(recordTime, position.Time)
	return err == nil && isNumber(position.ID)
}

// withoutRecord returns a filter for the tables alone, and whether it takes any.
func withoutRecord(filter Filter) (tables Filter, some bool) {
	sources := filter.Sources
	if len(sources) == 0 {
		sources = Sources()
	}
	filter.Sources = slices.DeleteFunc(slices.Clone(sources), func(s Source) bool { return s == Record })
	return filter, len(filter.Sources) > 0
}
