package migrate

import (
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rowkey"
)

// Table is a table of the catalogue as the database has it.
type Table struct {
	Schema, Name string
	Key          string // the column that identifies a row
	KeyType      string // its type as the database writes it, such as uuid
	// KeyBase and KeyOperators are the type and the schema of the operators that compare keys, where they are not
	// PostgreSQL's own.
	KeyBase, KeyOperators string
	KeyIsUUID             bool // the keys of rows are 16 bytes each, not text
	Columns               []Column
	Leaves                []Leaf // the heaps that contain the rows: the table itself, or its partitions
	ByKey                 bool   // the server reads rows in the order of the key without sorting them
	// Triggers are the identifiers of those that an UPDATE fires, which may change what is written. Where there is
	// another one by then, nothing is written: it may run code of a role that is not trusted.
	Triggers  []string
	OutOfLine int64 // bytes that the server keeps apart from the rows, where values are long
	// MostBytes is how many bytes the values of a row may have to be read; 0 where no row can have
	// more. Request.describe sets it.
	MostBytes int64
	Spread    *Spread // nil where the rows lie on the server that is asked
}

// Spread says how the rows of a table lie on the servers of a cluster. The numbers of transactions that wrote
// them are those of several servers, and compare with no other.
type Spread struct {
	// Part is the column whose value says on which server a row lies, and PartType its type. It is "" where
	// one server has all of the rows, or each of them has.
	Part, PartType string
	Shards         int   // parts that the rows lie in
	Pages          int64 // of the largest part
}

// isScattered reports whether the rows lie in parts on several servers.
func (t Table) isScattered() bool { return t.Spread != nil && t.Spread.Part != "" }

// String returns schema.name.
func (t Table) String() string { return t.Schema + "." + t.Name }

// ShownKey returns the key of a row for people, as rowkey.Show does.
func (t Table) ShownKey(key []byte) string { return rowkey.Show(t.Key, t.KeyText(key)) }

// KeyText returns the key of a row as the database writes it.
func (t Table) KeyText(key []byte) string {
	if !t.KeyIsUUID || len(key) != 16 {
		return string(key)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", key[:4], key[4:6], key[6:8], key[8:10], key[10:])
}

// LargeRow is how many bytes of values make a row large. A value of 50 MB needs some 270 MB while it
// is sealed again, so one large row at a time is in hand.
const LargeRow = 4 << 20

// What a row may take of the memory.
const (
	rowShare   = 6         // while it is sealed again and written, a row takes some five times its size
	mostOfRow  = 256 << 20 // the server's own messages have at most 1 GiB, with the old values and the new
	anyRowFits = 1 << 20   // a row of so many bytes is always read
)

// MostRowBytes returns how many bytes of values a row may have in a process that may use so much
// memory; 0 stands for as much as it likes.
func MostRowBytes(memory int64) int64 {
	if memory == 0 {
		return mostOfRow
	}
	return min(mostOfRow, max(anyRowFits, memory/rowShare))
}

// leastOutOfLine is less than what any large row takes apart from its table: the server keeps at most
// 8 KiB of a row in the table itself, and its methods make a text at most 255 times shorter.
const leastOutOfLine = 8 << 10

// MayBeLarge reports whether there can be rows of more than LargeRow bytes.
func (t Table) MayBeLarge() bool { return t.OutOfLine >= leastOutOfLine }

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
	// Node is the server of a cluster that has the heap, "" for the one that is asked for everything else.
	Node string
}

// Description is a catalogue as the database has it.
type Description struct {
	Tables   []Table
	Absent   []string          // what the database lacks, as table or table.column
	Findings []finding.Finding // what is there and cannot be worked on
	SameName []string          // tables of any schema that have a name of the catalogue, as schema.name
	Nodes    []Node            // the other servers of a cluster, where tables lie on them
}

// Node is another server of a cluster, as host:port.
type Node struct {
	Name    string
	Problem string // why it is not reached, so that its rows are moved through the server that is; "" where it is
}
