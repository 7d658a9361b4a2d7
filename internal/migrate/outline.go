package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Outline is what a plan was made for, and what it would cost. A later run can be
// held to it.
type Outline struct {
	From     *int           `json:"from_version"` // null: every older one
	To       int            `json:"to_version"`
	Database Identity       `json:"database"`
	Keys     []KeyPrint     `json:"keys"`
	Tables   []TableOutline `json:"tables"`
	Slots    []string       `json:"replication_slots"` // logical ones, which carry every write
	// Unaudited says why a run will leave no entry in OCMT's audit log; "" where it
	// will.
	Unaudited string `json:"unaudited"`
}

// Identity tells one database from another.
type Identity struct {
	Name   string `json:"name"`
	System string `json:"system_identifier"` // of the server's files; "" where the account may not ask
}

// KeyPrint is a key of the ring by its fingerprint.
type KeyPrint struct {
	Version     int    `json:"version"`
	Fingerprint string `json:"fingerprint"`
}

// TableOutline is a table of a plan.
type TableOutline struct {
	Schema       string          `json:"schema"`
	Table        string          `json:"table"`
	Key          string          `json:"key"`
	KeyType      string          `json:"key_type"`
	Columns      []ColumnOutline `json:"columns"`
	Values       int64           `json:"values"`
	RowsToWrite  int64           `json:"rows_to_write"`
	RowsEstimate int64           `json:"rows_estimate"` // the server's own
	HeapBytes    int64           `json:"heap_bytes"`
	WALBytes     int64           `json:"wal_bytes_estimate"`
	Seconds      float64         `json:"seconds_estimate"`
	Triggers     []string        `json:"triggers"`     // that a run would fire
	Publications []string        `json:"publications"` // that would carry the writes
	RowSecurity  bool            `json:"row_security"`
}

// String returns schema.table.
func (t TableOutline) String() string { return t.Schema + "." + t.Table }

// ColumnOutline is an encrypted column of a plan.
type ColumnOutline struct {
	Column  string   `json:"column"`
	Type    string   `json:"type"`
	Indexes []string `json:"indexes"` // that every write would have to keep
}

// Survey is what the database says of itself and of the tables of a plan.
type Survey struct {
	Database Identity
	Tables   []TableOutline // in the order of the tables asked for, without counts
	Slots    []string
	// Unaudited says why a run will leave no entry in OCMT's audit log.
	Unaudited string
	// Recorded is how many values the record of runs has, by table.column.
	Recorded map[string]int64
}

// What a run costs, as make bench shows it: rows a second with two workers on two
// cores, and the bytes of WAL beside the row that an update of it takes.
const (
	usualRowsPerSecond = 50_000
	walPerRow          = 120
)

// estimate says what writing the rows costs. The first write to a page after a
// checkpoint logs the page, and each write the new row.
func (t *TableOutline) estimate(maxRowsPerSecond int) {
	if t.RowsToWrite == 0 {
		return
	}
	rows := max(t.RowsEstimate, t.RowsToWrite)
	rowBytes := t.HeapBytes / rows
	t.WALBytes = min(t.HeapBytes, t.RowsToWrite*pageBytes) + t.RowsToWrite*(rowBytes+walPerRow)
	rate := usualRowsPerSecond
	if maxRowsPerSecond > 0 {
		rate = min(rate, maxRowsPerSecond)
	}
	t.Seconds = float64(t.RowsToWrite) / float64(rate)
}

const pageBytes = 8192

// outline puts together what the plan was made for.
func (p *Plan) outline(ring *crypto.Keyring, survey *Survey, rows []int64) Outline {
	o := Outline{From: p.Request.From, To: p.Request.To, Database: survey.Database, Slots: survey.Slots, Unaudited: survey.Unaudited,
		Tables: survey.Tables, Keys: []KeyPrint{}}
	for _, version := range ring.Versions() {
		key, _ := ring.Key(version)
		o.Keys = append(o.Keys, KeyPrint{version, key.Fingerprint()})
	}
	for i := range rows {
		table := &o.Tables[i]
		table.RowsToWrite = rows[i]
		for j := range table.Columns {
			table.Values += p.Census[p.firstCensus(i)+j].Values
		}
		table.estimate(p.Request.MaxRowsPerSecond)
	}
	return o
}

// firstCensus is where the censuses of a table begin.
func (p *Plan) firstCensus(table int) (first int) {
	for _, before := range p.Tables[:table] {
		first += len(before.Columns)
	}
	return first
}

// valuesByTable counts the values of each table, by its name.
func (p *Plan) valuesByTable() map[string]int64 {
	values := map[string]int64{}
	for _, census := range p.Census {
		values[census.Table] += census.Values
	}
	return values
}

// emptied finds tables that hold no value now and did when a run was recorded, and
// a whole database that holds none: it is hardly the one that is meant. It goes by
// name, as the record does: the name may have moved to another schema.
func emptied(request Request, tables []Table, now, recorded map[string]int64) []Obstacle {
	var found []Obstacle
	var all int64
	for _, table := range tables {
		all += now[table.Name]
		var before int64
		for _, column := range table.Columns {
			before = max(before, recorded[table.Name+"."+column.Name])
		}
		if before > 0 && now[table.Name] == 0 {
			found = append(found, emptyTable(table.Schema+"."+table.Name, before, "the record of an earlier run has"))
		}
	}
	if whole := len(request.Tables) == 0 && len(request.Columns) == 0; whole && all == 0 && len(tables) > 0 && len(found) == 0 {
		found = append(found, Obstacle{Code: codeEmptyDatabase, Where: "database",
			Message: fmt.Sprintf("none of the %d tables that hold encrypted values has any", len(tables)),
			Fix:     "check that DATABASE_URL names the database that is meant; if it is a new one, add --allow-empty"})
	}
	return found
}

// The codes of obstacles that tell of a database with all the tables and no value,
// and of one table that held values before.
const (
	codeEmptyDatabase = "empty_database"
	codeEmptyTable    = "empty_table"
)

func emptyTable(table string, before int64, who string) Obstacle {
	return Obstacle{Code: codeEmptyTable, Where: table,
		Message: fmt.Sprintf("%s %d values in it, and now it has none", who, before),
		Fix:     "check that this is the database that is meant, and that nothing hides its rows; if it was emptied, add --allow-empty"}
}

// HoldTo makes obstacles of what differs from an earlier plan. How many values
// there are may have changed; that a table has none any more may not, unless the
// request allows it.
func (p *Plan) HoldTo(before Outline) {
	allowEmpty := p.Request.AllowEmpty || p.Census == nil // nothing was counted
	for _, found := range driftOf(before, p.Outline, allowEmpty) {
		told := slices.ContainsFunc(p.Obstacles, func(o Obstacle) bool {
			return found.Code == codeEmptyTable && o.Code == found.Code && o.Where == found.Where
		})
		if !told {
			p.Obstacles = append(p.Obstacles, found)
		}
	}
}

func driftOf(before, now Outline, allowEmpty bool) []Obstacle {
	d := &drift{}
	if before.Database.Name != now.Database.Name {
		d.add("database", "the plan is for database %q, and this is %q", before.Database.Name, now.Database.Name)
	}
	if before.Database.System != now.Database.System && before.Database.System != "" && now.Database.System != "" {
		d.add("database", "the plan is for the server with identifier %s, and this is %s", before.Database.System, now.Database.System)
	}
	if before.To != now.To || versionText(before.From) != versionText(now.From) {
		d.add("key versions", "the plan goes from %s to version %d, and this run from %s to version %d",
			versionText(before.From), before.To, versionText(now.From), now.To)
	}
	d.keys(before.Keys, now.Keys)
	for _, table := range before.Tables {
		at := slices.IndexFunc(now.Tables, func(t TableOutline) bool { return t.String() == table.String() })
		if at < 0 {
			d.add(table.String(), "the plan has this table, and this run does not")
			continue
		}
		d.table(table, now.Tables[at])
		if table.Values > 0 && now.Tables[at].Values == 0 && !allowEmpty {
			d.list = append(d.list, emptyTable(table.String(), table.Values, "the plan has"))
		}
	}
	for _, table := range now.Tables {
		if !slices.ContainsFunc(before.Tables, func(t TableOutline) bool { return t.String() == table.String() }) {
			d.add(table.String(), "the plan does not have this table, and this run does")
		}
	}
	return d.list
}

func versionText(version *int) string {
	if version == nil {
		return "every older version"
	}
	return fmt.Sprintf("version %d", *version)
}

// drift collects differences.
type drift struct{ list []Obstacle }

func (d *drift) add(where, format string, args ...any) {
	d.list = append(d.list, Obstacle{Code: "drifted", Where: where, Message: fmt.Sprintf(format, args...),
		Fix: "find out why; if it is meant, make a new plan with ocmt migrate plan --out and look at it"})
}

func (d *drift) keys(before, now []KeyPrint) {
	prints := func(list []KeyPrint) (map[int]string, []int) {
		m, versions := map[int]string{}, []int{}
		for _, key := range list {
			m[key.Version] = key.Fingerprint
			versions = append(versions, key.Version)
		}
		return m, versions
	}
	was, versions := prints(before)
	is, more := prints(now)
	versions = append(versions, more...)
	slices.Sort(versions)
	for _, version := range slices.Compact(versions) {
		where := fmt.Sprintf("key version %d", version)
		switch {
		case is[version] == "":
			d.add(where, "the plan has the key with fingerprint %s, and none is set", was[version])
		case was[version] == "":
			d.add(where, "the plan has no key of it, and that with fingerprint %s is set", is[version])
		case was[version] != is[version]:
			d.add(where, "the plan has the key with fingerprint %s, and that with %s is set", was[version], is[version])
		}
	}
}

func (d *drift) table(before, now TableOutline) {
	if before.Key != now.Key || before.KeyType != now.KeyType {
		d.add(now.String(), "the plan names its rows by %s (%s), and now that is %s (%s)", before.Key, before.KeyType, now.Key, now.KeyType)
	}
	types := func(columns []ColumnOutline) map[string]string {
		m := map[string]string{}
		for _, column := range columns {
			m[column.Column] = column.Type
		}
		return m
	}
	was, is := types(before.Columns), types(now.Columns)
	for _, column := range before.Columns {
		switch {
		case is[column.Column] == "":
			d.add(now.String()+"."+column.Column, "the plan has this column, and this run does not")
		case is[column.Column] != column.Type:
			d.add(now.String()+"."+column.Column, "the plan has it as %s, and it is %s", column.Type, is[column.Column])
		}
	}
	for _, column := range now.Columns {
		if was[column.Column] == "" {
			d.add(now.String()+"."+column.Column, "the plan does not have this column, and this run does")
		}
	}
	var fresh []string
	for _, trigger := range now.Triggers {
		if !slices.Contains(before.Triggers, trigger) {
			fresh = append(fresh, trigger)
		}
	}
	if len(fresh) > 0 {
		d.add(now.String(), "triggers that the plan does not have would fire at every row: %s", strings.Join(fresh, ", "))
	}
}
