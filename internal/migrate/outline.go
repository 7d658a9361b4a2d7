package migrate

import (
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Outline is what a plan was made for, and what the run would cost. A later run can
// be compared with it.
type Outline struct {
	From     *int             `json:"from_version"` // null: every older one
	To       int              `json:"to_version"`
	Database Identity         `json:"database"`
	Keys     []KeyFingerprint `json:"keys"`
	Tables   []TableOutline   `json:"tables"`
	Slots    []string         `json:"replication_slots"` // logical slots, which carry every write
	// Unaudited says why a run will leave no entry in OCMT's audit log. It is not set where it
	// will leave one.
	Unaudited finding.Reason `json:"unaudited"`
}

// Identity tells one database from another.
type Identity struct {
	Name   string `json:"name"`
	System string `json:"system_identifier"` // system identifier of the server; "" where the account may not ask
}

// KeyFingerprint names a key of the ring by its fingerprint.
type KeyFingerprint struct {
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
	*TableCount                  // nil where nothing was counted
	RowsEstimate int64           `json:"rows_estimate"` // of the server's statistics
	HeapBytes    int64           `json:"heap_bytes"`
	Triggers     []string        `json:"triggers"`     // triggers that a run would fire
	Publications []string        `json:"publications"` // publications that would carry the writes
	RowSecurity  bool            `json:"row_security"`
}

// TableCount is what was counted in a table, and what a run would cost by that.
type TableCount struct {
	Values      int64   `json:"values"`
	RowsToWrite int64   `json:"rows_to_write"`
	WALBytes    int64   `json:"wal_bytes_estimate"`
	Seconds     float64 `json:"seconds_estimate"`
}

// String returns schema.table.
func (t TableOutline) String() string { return t.Schema + "." + t.Table }

// ColumnOutline is an encrypted column of a plan.
type ColumnOutline struct {
	Column  string   `json:"column"`
	Type    string   `json:"type"`
	Indexes []string `json:"indexes"` // indexes that depend on the column
}

// Survey is what the database says of itself and of the tables of a plan.
type Survey struct {
	Database Identity
	Oldest   uint32         // the oldest transaction that runs, as a number of 32 bits
	Tables   []TableOutline // in the order of the tables asked for, without counts
	Slots    []string
}

// The cost of a run as make bench measures it: rows a second with two workers on two
// cores, and the bytes of WAL that an update takes in addition to its row.
const (
	typicalRowsPerSecond = 50_000
	walBytesPerRow       = 120
	// gentleRowsPerSecond is the rate beside live servers.
	gentleRowsPerSecond = 20_000
	// longestInline is about how many bytes of a value the server keeps in the row. What is longer stands in the TOAST
	// table, and is moved at a rate of its own: TestPlanTellsWhatLargeValuesCost logs it.
	longestInline         = 2_000
	typicalBytesPerSecond = 30 << 20
)

// Cost is what a whole run would cost. It is an estimate, save Rows.
type Cost struct {
	Rows          int64   `json:"rows_to_write"`
	WALBytes      int64   `json:"wal_bytes_estimate"`
	Seconds       float64 `json:"seconds_estimate"`        // at full speed
	GentleSeconds float64 `json:"gentle_seconds_estimate"` // while the run gives way to others all the time
}

// Cost returns what a run would cost, by what was counted.
func (o Outline) Cost() (cost Cost) {
	for _, table := range o.Tables {
		if table.TableCount == nil {
			continue
		}
		cost.Rows, cost.WALBytes, cost.Seconds = cost.Rows+table.RowsToWrite, cost.WALBytes+table.WALBytes, cost.Seconds+table.Seconds
	}
	cost.GentleSeconds = max(cost.Seconds, float64(cost.Rows)/gentleRowsPerSecond)
	return cost
}

// estimate fills in what writing the rows costs. The first write to a page after a
// checkpoint logs the whole page, and each write logs the new row. Of what stands beside the table, the new bytes are
// logged with a tenth for their chunks, and the pages of the old ones.
func (t *TableOutline) estimate(maxRowsPerSecond int, bytesAside int64) {
	if t.RowsToWrite == 0 {
		return
	}
	rows := max(t.RowsEstimate, t.RowsToWrite)
	rowBytes := t.HeapBytes / rows
	t.WALBytes = min(t.HeapBytes, t.RowsToWrite*pageBytes) + t.RowsToWrite*(rowBytes+walBytesPerRow) + bytesAside + bytesAside/10 + bytesAside
	rate := typicalRowsPerSecond
	if maxRowsPerSecond > 0 {
		rate = min(rate, maxRowsPerSecond)
	}
	t.Seconds = float64(t.RowsToWrite)/float64(rate) + float64(bytesAside)/typicalBytesPerSecond
}

// makeOutline puts together what the plan was made for. With nil nothing
// was counted.
func (p *Plan) makeOutline(ring *crypto.Keyring, survey *Survey, unaudited finding.Reason, counted *counter) Outline {
	o := Outline{From: p.Request.From, To: p.Request.To, Database: survey.Database, Slots: survey.Slots, Unaudited: unaudited,
		Tables: survey.Tables, Keys: []KeyFingerprint{}}
	for _, version := range ring.Versions() {
		key, _ := ring.Key(version)
		o.Keys = append(o.Keys, KeyFingerprint{version, key.Fingerprint()})
	}
	if counted == nil {
		return o
	}
	for i, rows := range counted.rowsToWrite {
		table := &o.Tables[i]
		table.TableCount = &TableCount{RowsToWrite: rows}
		for j := range table.Columns {
			table.Values += p.Columns[p.firstColumn(i)+j].Values
		}
		table.estimate(p.Request.MaxRowsPerSecond, counted.bytesAside[i])
	}
	return o
}

// firstColumn returns the index in Columns of the first column of a table.
func (p *Plan) firstColumn(table int) (first int) {
	for _, before := range p.Tables[:table] {
		first += len(before.Columns)
	}
	return first
}
