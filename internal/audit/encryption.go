package audit

import (
	"context"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// ValueReader reads the values of a database that are under ENCRYPTION_KEY. All of it sees the database
// as it was at one moment. Where a right is missing, the error is a *GapError.
type ValueReader interface {
	// Tables returns the tables of a catalogue as the database has them, under both of their names.
	Tables(ctx context.Context, catalogue []ocmt.Table) (ValueTables, error)
	// ReadValues visits every row of a table that has a value, always in the same order.
	ReadValues(ctx context.Context, table ValueTable, visit func(ValueRow) error) error
	// Writes returns how many rows were inserted and updated in each table since the server counts.
	Writes(ctx context.Context, tables []ValueTable) ([]int64, error)
	// RotationAtWork reports whether a run of ocmt holds the lock of the database.
	RotationAtWork(ctx context.Context) (bool, error)
}

// ValueTables is a catalogue as a database has it.
type ValueTables struct {
	Tables []ValueTable
	Absent []string // what the database lacks, as table or table.column
	Gaps   []Gap    // what is there and cannot be read
}

// ValueTable is a table with columns that are under ENCRYPTION_KEY. Its columns can be read.
type ValueTable struct {
	Schema, Name string
	Key          string // the column that names a row; "" where it cannot be read
	KeyIsUUID    bool   // the keys of rows are 16 bytes each, not text
	Columns      []ValueColumn
	// Twin says that the table has its old name, and that one with the new name is there too.
	Twin bool
}

// String returns schema.name.
func (t ValueTable) String() string { return t.Schema + "." + t.Name }

// ValueColumn is a column of a ValueTable.
type ValueColumn struct {
	Name string
	// PlaintextAllowed says that OCMT itself also stores plaintext here.
	PlaintextAllowed bool
}

// ValueRow is a row as it was read. Values has one entry for each column of its table, nil for NULL. All
// bytes are valid until the visit returns.
type ValueRow struct {
	Key    []byte
	Values [][]byte
}

// EncryptionOptions say where values are, and what looking at them may take.
type EncryptionOptions struct {
	Catalogue []ocmt.Table
	Known     []ocmt.Known // columns that look as if they were under ENCRYPTION_KEY, and are not
	// Search finds values in columns that the catalogue does not list. It must only read.
	Search  discover.Opener
	Workers int // goroutines that open values; 0 means one
	// Folder is where the hashes of IVs go that are too many for the memory; "" for the temporary folder.
	Folder string
	// MaxHashes is how many of them are kept in memory, of 8 bytes each; 0 means 8,388,608.
	MaxHashes int
}

// EncryptionSource is what the checks of values look at. All of them share one reading, which the first
// one makes.
type EncryptionSource struct {
	reader  ValueReader
	options EncryptionOptions
	shared  *sharedCensus
}

// NewEncryptionSource returns the values of a database, for one Run.
func NewEncryptionSource(reader ValueReader, options EncryptionOptions) EncryptionSource {
	options.Workers = max(1, options.Workers)
	if options.MaxHashes <= 0 {
		options.MaxHashes = defaultMaxHashes
	}
	return EncryptionSource{reader: reader, options: options, shared: &sharedCensus{}}
}

// encryptionChecks returns the checks about values and their keys.
func encryptionChecks() []Check {
	checks := append(openingChecks(), formChecks()...)
	return sortByID(append(checks, keyChecks()...))
}

// lookAtValues returns the look of a check that judges the census of all values.
func lookAtValues(judge func(*valueCensus) Seen) func(context.Context, *Sources) (Seen, error) {
	return with(func(s *Sources) Source[EncryptionSource] { return s.Encryption },
		func(ctx context.Context, sources *Sources, values EncryptionSource) (Seen, error) {
			census, err := values.census(ctx, sources)
			if err != nil {
				return Seen{}, err
			}
			if absent := census.absent(); absent != "" {
				return Seen{Absent: absent}, nil
			}
			seen := judge(census)
			seen.Gaps = append(seen.Gaps, census.gaps...)
			if seen.Looked == "" {
				seen.Looked = census.looked()
			}
			return seen, nil
		})
}

// lookWithKeys is lookAtValues for a check that needs keys.
func lookWithKeys(judge func(*valueCensus) Seen) func(context.Context, *Sources) (Seen, error) {
	return lookAtValues(func(census *valueCensus) Seen {
		if census.keys.gap != nil {
			return Seen{Gaps: []Gap{*census.keys.gap}}
		}
		return judge(census)
	})
}
