package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/rowkey"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Accepted is a value that no key opens, or that was sealed twice, and that the operator has accepted as lost. It keeps no
// key any more, as long as its stored text is the one that was accepted.
type Accepted struct {
	Place
	Key       string    `json:"key"` // of the row, as rowkey.Show has it
	KeyDigest string    `json:"key_digest"`
	Digest    string    `json:"digest"` // SHA-256 of the stored text, in hexadecimal
	Operator  string    `json:"operator"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

// AcceptedRecord keeps values that were accepted as lost.
type AcceptedRecord interface {
	// AcceptedValues returns what is accepted.
	AcceptedValues(ctx context.Context) ([]Accepted, error)
	// Accept records a value. It takes the place of an earlier record of the same row.
	Accept(ctx context.Context, value Accepted) error
	// Withdraw takes the record of a row back, and reports whether there was one.
	Withdraw(ctx context.Context, place Place, keyDigest string) (bool, error)
}

// RowReader reads one row.
type RowReader interface {
	// ReadRow returns the row with a key, as the database writes it, and reports whether
	// there is one.
	ReadRow(ctx context.Context, table Table, key string) (Row, bool, error)
	// FindKeys returns the keys of rows, as the database writes them, whose digest begins with
	// these digits (rowkey.ParseDigest): at most two.
	FindKeys(ctx context.Context, table Table, digits string) ([]string, error)
}

// digestOf returns the SHA-256 of a text in hexadecimal.
func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// AcceptSources is what accepting a value needs.
type AcceptSources struct {
	Tables Describer
	Rows   RowReader
	Record AcceptedRecord
	Clock  Clock
}

// AcceptRequest names a value.
type AcceptRequest struct {
	Request         // one table and one column
	Key      string // of the row, or what rowkey.Show shows in its place
	Operator string
	Reason   string
}

// The reasons not to accept a value.
var (
	ErrNoRow       = errors.New("there is no such row, or it has no value")
	ErrOneColumn   = errors.New("one column of one table is needed")
	ErrNotAccepted = errors.New("that row was not accepted")
)

// OpensError says that a value is not lost.
type OpensError struct {
	Version int
	Inside  bool // something stands around the ciphertext, so that no run moves it
}

// Error says which key opens it.
func (e *OpensError) Error() string {
	if e.Inside {
		return fmt.Sprintf("the value contains a ciphertext that opens with the key of version %d, so that it is not lost", e.Version)
	}
	return fmt.Sprintf("the value opens with the key of version %d, so that it is not lost", e.Version)
}

// FindLost looks at a value, and returns what would be recorded of it. It writes nothing. Errors:
// ErrOneColumn, ErrNoRow, *OpensError, *UnknownNameError.
func FindLost(ctx context.Context, sources AcceptSources, ring *crypto.Keyring, request AcceptRequest) (Accepted, error) {
	table, err := request.oneColumn(ctx, sources.Tables)
	if err != nil {
		return Accepted{}, err
	}
	row, err := readNamed(ctx, sources.Rows, table, request.Key)
	if err != nil {
		return Accepted{}, err
	}
	opener := crypto.NewResealer(ring, nil)
	if c, err := opener.Parse(row.Values[0]); err == nil {
		plaintext, err := opener.Open(c)
		if err != nil {
			if opens, ok := openingKey(ring, opener, c); ok {
				return Accepted{}, &OpensError{Version: opens.Version}
			}
		} else if findInside(ring, plaintext, c.Version) == nil {
			return Accepted{}, &OpensError{Version: c.Version}
		}
	} else if version, opens := discover.OpenInside(ring, row.Values[0]); opens { // it is quoted, or behind a word
		return Accepted{}, &OpensError{Version: version, Inside: true}
	}
	return Accepted{Place: table.Place(table.Columns[0]), Key: table.ShownKey(row.Key), KeyDigest: digestOf([]byte(table.KeyText(row.Key))),
		Digest: digestOf(row.Values[0]), Operator: request.Operator, Reason: request.Reason, At: sources.Clock()}, nil
}

// readNamed reads a row that has a value, by its key or by what is shown in its place.
func readNamed(ctx context.Context, rows RowReader, table Table, name string) (Row, error) {
	row, there, err := rows.ReadRow(ctx, table, name)
	if digits, isDigest := rowkey.ParseDigest(name); err == nil && !there && isDigest {
		var keys []string
		if keys, err = rows.FindKeys(ctx, table, digits); err == nil && len(keys) == 1 {
			row, there, err = rows.ReadRow(ctx, table, keys[0])
		}
	}
	switch {
	case err != nil:
		return Row{}, err
	case row.TooLarge != nil:
		return Row{}, tooLarge(table, row)
	case !there || len(row.Values[0]) == 0:
		return Row{}, ErrNoRow
	}
	return row, nil
}

// Withdraw takes the acceptance of a row back. Errors: ErrOneColumn, ErrNotAccepted,
// *UnknownNameError.
func Withdraw(ctx context.Context, sources AcceptSources, request AcceptRequest) (Place, error) {
	table, err := request.oneColumn(ctx, sources.Tables)
	if err != nil {
		return Place{}, err
	}
	place := table.Place(table.Columns[0])
	digest, err := recordedDigest(ctx, sources.Record, place, request.Key)
	if err != nil {
		return place, err
	}
	there, err := sources.Record.Withdraw(ctx, place, digest)
	if err == nil && !there {
		err = ErrNotAccepted
	}
	return place, err
}

// recordedDigest returns the digest by which the record knows a row, whose name is its key or what is shown in its
// place. The row itself may be gone.
func recordedDigest(ctx context.Context, record AcceptedRecord, place Place, name string) (string, error) {
	digits, isDigest := rowkey.ParseDigest(name)
	if !isDigest {
		return digestOf([]byte(name)), nil
	}
	known, err := record.AcceptedValues(ctx)
	if err != nil {
		return "", err
	}
	for _, one := range known {
		if one.Place == place && strings.HasPrefix(one.KeyDigest, digits) {
			return one.KeyDigest, nil
		}
	}
	return digestOf([]byte(name)), nil
}

// oneColumn returns the one table, with the one column, that the request names.
func (r AcceptRequest) oneColumn(ctx context.Context, tables Describer) (Table, error) {
	found, err := r.describe(ctx, tables)
	if err != nil {
		return Table{}, err
	}
	if len(found.Tables) != 1 || len(found.Tables[0].Columns) != 1 {
		return Table{}, ErrOneColumn
	}
	return found.Tables[0], nil
}

// acceptedValues finds accepted values again. It computes a digest only in columns that have
// any.
type acceptedValues map[Place]map[string]Accepted // by digest of the row's key

func newAcceptedValues(list []Accepted) acceptedValues {
	values := acceptedValues{}
	for _, one := range list {
		if values[one.Place] == nil {
			values[one.Place] = map[string]Accepted{}
		}
		values[one.Place][one.KeyDigest] = one
	}
	return values
}

// find returns the acceptance of a value.
func (a acceptedValues) find(table Table, column Column, row Row, text []byte) (Accepted, bool) {
	if len(a) == 0 {
		return Accepted{}, false
	}
	of := a[table.Place(column)]
	if of == nil {
		return Accepted{}, false
	}
	one, known := of[digestOf([]byte(table.KeyText(row.Key)))]
	return one, known && one.Digest == digestOf(text)
}
