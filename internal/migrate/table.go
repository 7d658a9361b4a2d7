package migrate

import (
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
)

// Table is a table of the catalogue as the database has it.
type Table struct {
	Schema, Name string
	Key          string // the column that identifies a row
	KeyType      string // its type as the database writes it, such as uuid
	KeyIsUUID    bool   // the keys of rows are 16 bytes each, not text
	Columns      []Column
	Leaves       []Leaf // the heaps that contain the rows: the table itself, or its partitions
	ByKey        bool   // the server reads rows in the order of the key without sorting them
	Triggers     bool   // an UPDATE fires triggers, which may change what is written
}

// String returns schema.name.
func (t Table) String() string { return t.Schema + "." + t.Name }

// ShownKey returns the key of a row for people, hidden where it could be a secret: the rows of a
// table of tokens are named by them.
func (t Table) ShownKey(key []byte) string { return shownKey(t.KeyText(key)) }

// KeyText returns the key of a row as the database writes it.
func (t Table) KeyText(key []byte) string {
	if !t.KeyIsUUID || len(key) != 16 {
		return string(key)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", key[:4], key[4:6], key[6:8], key[8:10], key[10:])
}

// Column is an encrypted column of a Table.
type Column struct {
	Name             string
	PlaintextAllowed bool
	MaxLength        int // in characters; 0 where there is no limit
}

// Leaf is a heap of pages that can be read by page ranges.
type Leaf struct {
	Schema, Name string
	Pages        int64
	ByPages      bool // the server reads a page range without reading the rest
}

// Description is a catalogue as the database has it.
type Description struct {
	Tables   []Table
	Absent   []string          // what the database lacks, as table or table.column
	Findings []finding.Finding // what is there and cannot be worked on
	SameName []string          // tables of any schema that have a name of the catalogue, as schema.name
}
