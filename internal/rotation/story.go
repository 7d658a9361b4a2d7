package rotation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// KeyState is where a key version is in its life, as the record has it.
type KeyState string

// The states of a key version. One is active. The others that values may still be under are decrypt-only.
const (
	Pending     KeyState = "pending"      // made, and not known to be in place
	Active      KeyState = "active"       // new values are written under it
	DecryptOnly KeyState = "decrypt-only" // only read with; values may still be under it
	Retired     KeyState = "retired"      // no server has it, or it was never in place
	Compromised KeyState = "compromised"  // as decrypt-only, and somebody else may have it
	// Unknown is of no record: it could not be read.
	Unknown KeyState = "unknown"
)

// RecordedKey is a key version as the record has it.
type RecordedKey struct {
	Version     int
	Fingerprint string    // "" where another tool made the entry
	State       KeyState  // a word of another tool stays as it is
	Created     time.Time // the zero time where the record does not say
	// Proven is since when it is proven that nothing in the database is under the version; the zero time where
	// it is not, or where a run has found values under it since.
	Proven time.Time
	// Compromised is when it was recorded that somebody else may have the key; the zero time where it was not. A version
	// that is active or retired keeps its state then.
	Compromised time.Time
	Begun       *Begun // nil where ocmt rotate begin did not make it
	// BackupsUntil is the last day on which a backup of the database may need the key, as ocmt rotate finish was
	// told; "" where it was not finished.
	BackupsUntil string
	Escrow       *KeyEscrow // what was known then of a copy of the key; nil where it was not finished
}

// Begun is how a key version came to be.
type Begun struct {
	From int `json:"from_version"` // the version before it
	// FromFingerprint is of the key of that version, whatever the record calls it.
	FromFingerprint string `json:"from_fingerprint"`
	Operator        string `json:"operator"`
	Host            string `json:"host"`
	Store           string `json:"store"`  // the place that the key was to be put in
	Escrow          string `json:"escrow"` // the file of the offline copy, EscrowOutput, or "" for none
	// Baseline is what stood in the database before the key was in place.
	Baseline Look `json:"baseline"`
}

// EscrowOutput stands for an offline copy that went to standard output.
const EscrowOutput = "-"

// Look is one look at the labels of the encrypted values of a database. All of it is of one snapshot.
type Look struct {
	At       time.Time        `json:"at"` // by the clock of the server
	Database migrate.Identity `json:"database"`
	Standby  bool             `json:"standby"`
	// Oldest is the oldest transaction that was running, and Next the one to come, as numbers of 32 bits.
	// What Next and later ones write, the look has not seen.
	Oldest  uint32       `json:"oldest_transaction"`
	Next    uint32       `json:"next_transaction"`
	WAL     string       `json:"wal"` // position in the log
	Columns []LabelCount `json:"columns"`
	Gaps    []Gap        `json:"gaps"`
}

// LabelCount counts the values of a column by the version that their label names.
type LabelCount struct {
	migrate.Place
	Labels map[int]int64 `json:"versions"`
	Other  int64         `json:"unlabelled"` // plaintext, and what is no ciphertext
}

// Gap is what could not be looked at, and why.
type Gap struct {
	What   string         `json:"what"`
	Reason finding.Reason `json:"reason"`
}

// Labels returns how many values are labelled with each version.
func (l Look) Labels() map[int]int64 {
	sum := map[int]int64{}
	for _, column := range l.Columns {
		for version, values := range column.Labels {
			sum[version] += values
		}
	}
	return sum
}

// LabelReader looks at the labels of the values of a database.
type LabelReader interface {
	Look(ctx context.Context, tables []migrate.Table) (*Look, error)
}

// KeyRecord is the record of key versions. A version that it has keeps its number for ever. Each change
// also makes an entry in the tool's own record.
type KeyRecord interface {
	// KeyStates returns the versions in their order; none where there is no record yet. The error is *UnreadableError where
	// the account may not read it.
	KeyStates(ctx context.Context) ([]RecordedKey, error)
	// RecordPending records a version that was made, and the one before it as active. The error is
	// ErrNotExpected where the record has the version, or another pending one.
	RecordPending(ctx context.Context, made, before RecordedKey) error
	// RecordInPlace records that a place has the key of a version, and that the version is active. The error
	// is ErrNotExpected where the version is neither pending nor active.
	RecordInPlace(ctx context.Context, version int, place string) error
	// RecordAbandoned records that a pending version is given up. The error is ErrNotExpected where it is
	// not pending.
	RecordAbandoned(ctx context.Context, version int) error
	// RecordPutBack records that a place has an older version again as the one to write with.
	RecordPutBack(ctx context.Context, version int, place string) error
}

// ErrNotExpected says that the record of key versions is not as it was a moment ago: somebody else has
// changed it.
var ErrNotExpected = errors.New("the record of key versions has changed meanwhile")

// UnreadableError says that the account may not read the record of key versions.
type UnreadableError struct{ Reason finding.Reason }

// Error says who may not read what.
func (e *UnreadableError) Error() string { return e.Reason.Text }

// KeyOf returns the key of a version, or nil.
func KeyOf(keys []RecordedKey, version int) *RecordedKey {
	if at := slices.IndexFunc(keys, func(k RecordedKey) bool { return k.Version == version }); at >= 0 {
		return &keys[at]
	}
	return nil
}

// NewestIn returns the newest key in a state, or nil.
func NewestIn(keys []RecordedKey, state KeyState) *RecordedKey {
	for _, key := range slices.Backward(keys) {
		if key.State == state {
			return &key
		}
	}
	return nil
}
