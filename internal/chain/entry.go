package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Author is who adds an entry, where, and with which command.
type Author struct {
	Operator string `json:"operator"`
	Host     string `json:"host"`
	Command  string `json:"command"` // the words of the command, without its arguments
}

// Event is what an entry is about. It has no secret, no ciphertext, and no digest of what could be
// guessed.
type Event struct {
	Action  string
	Subject string         // what it was done to; "" for nothing in particular
	Details map[string]any // what Canonical takes
}

// Entry is one link of the chain.
type Entry struct {
	Sequence int64     `json:"sequence"` // 1 for the first; there is no gap
	At       time.Time `json:"at"`       // to the microsecond
	Author
	Action   string          `json:"action"`
	Subject  string          `json:"subject"`
	Details  json.RawMessage `json:"details"`  // canonical JSON
	Previous string          `json:"previous"` // the hash of the entry before, or NoHash
}

// Link is a place in the chain. The zero Link stands before the first entry.
type Link struct {
	Sequence int64
	Hash     string // in hexadecimal; "" before the first entry
}

// hashLength is how many characters a hash has.
const hashLength = 2 * sha256.Size

// NoHash is what the first entry holds as the hash of the entry before.
var NoHash = strings.Repeat("0", hashLength)

// The bounds of an entry, in bytes: of its canonical text, and of each text in it but the details. A
// text of control characters is six times as long in JSON.
const (
	maxText  = 64 << 10
	maxField = 1000
)

// Next returns the entry that follows a link. Texts that are too long are cut, and details that are
// too long are left out, because no change may fail for the length of its entry. The error is
// ErrNumber, or that of encoding/json.
func Next(after Link, at time.Time, author Author, event Event) (Entry, error) {
	details := "{}"
	if event.Details != nil {
		var err error
		if details, err = Canonical(event.Details); err != nil {
			return Entry{}, err
		}
	}
	entry := Entry{Sequence: after.Sequence + 1, At: at.UTC().Truncate(time.Microsecond),
		Author: Author{storable(author.Operator), storable(author.Host), storable(author.Command)},
		Action: storable(event.Action), Subject: storable(event.Subject), Details: json.RawMessage(details), Previous: after.hash()}
	if len(entry.Text()) > maxText {
		entry.Details = json.RawMessage(`{"left_out_bytes":` + strconv.Itoa(len(details)) + `}`)
	}
	return entry, nil
}

// hash returns the hash that the entry after the link holds.
func (l Link) hash() string {
	if l.Hash == "" {
		return NoHash
	}
	return l.Hash
}

// storable returns a text without what a column of PostgreSQL cannot hold, and cut to maxField.
func storable(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, string(utf8.RuneError)), "\x00", "")
	if len(text) > maxField {
		text = strings.ToValidUTF8(text[:maxField], "") + "…"
	}
	return text
}

// timeForm is the one spelling of a time in an entry, in UTC.
const timeForm = "2006-01-02T15:04:05.000000Z"

// ParseTime reads a time as an entry spells it.
func ParseTime(text string) (time.Time, error) {
	at, err := time.Parse(timeForm, text)
	if err != nil || at.Format(timeForm) != text {
		return at, errors.New("reading the time of an entry: it is not spelt as one")
	}
	return at, nil
}

// Text returns the canonical JSON of the entry, which is what is hashed.
func (e Entry) Text() string {
	var out bytes.Buffer
	member := func(name, text string) {
		out.WriteString(name)
		writeText(&out, text)
	}
	member(`{"action":`, e.Action)
	member(`,"at":`, e.At.Format(timeForm))
	member(`,"command":`, e.Command)
	out.WriteString(`,"details":`)
	out.Write(e.Details)
	member(`,"host":`, e.Host)
	member(`,"operator":`, e.Operator)
	member(`,"previous":`, e.Previous)
	out.WriteString(`,"sequence":` + strconv.FormatInt(e.Sequence, 10))
	member(`,"subject":`, e.Subject)
	out.WriteByte('}')
	return out.String()
}

// Hash returns the SHA-256 of Text in hexadecimal.
func (e Entry) Hash() string { return hashOf(e.Text()) }

// Link returns the place of the entry.
func (e Entry) Link() Link { return Link{Sequence: e.Sequence, Hash: e.Hash()} }

// hashOf returns the SHA-256 of a text in hexadecimal.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// IsHash reports whether a text is spelt as a hash.
func IsHash(text string) bool {
	return len(text) == hashLength && strings.Trim(text, "0123456789abcdef") == ""
}

// Happened returns when the event was: the time that its operator gave, or that of the entry.
func (e Entry) Happened() time.Time {
	var details struct {
		At string `json:"happened_at"`
	}
	if json.Unmarshal(e.Details, &details) == nil {
		if at, err := ParseTime(details.At); err == nil {
			return at
		}
	}
	return e.At
}

// FormatTime spells a time as an entry does.
func FormatTime(at time.Time) string { return at.UTC().Format(timeForm) }

// parseEntry reads the canonical text of an entry, and refuses every other spelling of it.
func parseEntry(text string) (Entry, error) {
	var entry struct {
		Entry
		At string `json:"at"`
	}
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		return Entry{}, fmt.Errorf("reading an entry: %w", err)
	}
	at, err := ParseTime(entry.At)
	if err != nil {
		return Entry{}, err
	}
	entry.Entry.At = at
	if !entry.isCanonical() || entry.Text() != text {
		return Entry{}, errors.New("reading an entry: it is not spelt as one")
	}
	return entry.Entry, nil
}

// isCanonical reports whether the details are an object in the canonical spelling.
func (e Entry) isCanonical() bool {
	details, err := canonicalise(string(e.Details))
	return err == nil && details == string(e.Details) && strings.HasPrefix(details, "{")
}
