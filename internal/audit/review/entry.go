package review

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Row is a row of an audit table, as its database writes it.
type Row struct {
	Source Source
	// Own is its time in the type of its column, for a Position.
	Own string
	// Fields are nil for NULL. Their bytes may be used until the next row is read.
	Fields [FieldCount][]byte
}

// The outcomes of an entry. An entry that tells none has "".
const (
	Succeeded = "success"
	Failed    = "failure"
)

// Entry is a line of the timeline.
type Entry struct {
	Time     string          `json:"time"` // RFC 3339 in UTC; "" for none
	Source   Source          `json:"source"`
	ID       string          `json:"id"`
	Action   string          `json:"action"`
	Outcome  string          `json:"outcome"` // success, failure, or "" where the row does not tell
	User     string          `json:"user_id"`
	Email    string          `json:"email"` // of the user, "" where none is known
	Target   string          `json:"target_id"`
	Group    string          `json:"group_id"`
	Tenant   string          `json:"tenant_id"`
	Address  string          `json:"address"`
	Error    string          `json:"error"`
	Severity string          `json:"severity"`
	Object   string          `json:"object"` // the name of what was used, never its value
	Agent    string          `json:"user_agent"`
	Origin   string          `json:"origin"` // the component that wrote the row
	Details  json.RawMessage `json:"details"`
	// Tool says that ocmt itself made the entry.
	Tool bool `json:"made_by_ocmt"`
	// Also are rows of other tables that tell the same event.
	Also []Reference `json:"also"`

	own string
}

// Reference names a row of an audit table.
type Reference struct {
	Source Source `json:"source"`
	ID     string `json:"id"`
	Time   string `json:"time"`
	Action string `json:"action"`
}

// Reference returns the name of the entry's row.
func (e Entry) Reference() Reference {
	return Reference{Source: e.Source, ID: e.ID, Time: e.Time, Action: e.Action}
}

// NewEntry copies a row. Values in its details whose names say that they are secrets are hidden.
func NewEntry(row *Row) Entry {
	text := func(field Field) string { return string(row.Fields[field]) }
	entry := Entry{
		Time: string(appendTime(nil, row.Fields[Time])), Source: row.Source, ID: text(ID), Action: text(Action), Outcome: outcomeOf(row),
		User: text(User), Target: text(Target), Group: text(Group), Tenant: text(Tenant), Address: text(Address), Error: text(Error),
		Severity: text(Severity), Object: text(Object), Agent: text(Agent), Origin: text(Origin), Also: []Reference{}, own: row.Own,
	}
	entry.Details = json.RawMessage(appendDetails(nil, row.Fields[Details]))
	if !json.Valid(entry.Details) {
		entry.Details = json.RawMessage(appendString(nil, entry.Details))
	}
	var made struct {
		Tool string `json:"tool"`
	}
	entry.Tool = row.Source == Record || row.Source == AuditLog && json.Unmarshal(entry.Details, &made) == nil && made.Tool == "ocmt"
	return entry
}

// failing are the parts of an action's name that say that it failed.
var failing = []string{"fail", "denied", "reject", "refused", "blocked", "invalid"}

// FailingPattern is a regular expression, in the syntax of PostgreSQL, that matches the actions whose
// names say that they failed.
func FailingPattern() string { return strings.Join(failing, "|") }

// outcomeOf returns what a row says of its outcome: its column success, or the name of its action.
func outcomeOf(row *Row) string {
	switch string(row.Fields[Success]) {
	case "t":
		return Succeeded
	case "f":
		return Failed
	}
	action := bytes.ToLower(row.Fields[Action])
	for _, part := range failing {
		if bytes.Contains(action, []byte(part)) {
			return Failed
		}
	}
	return ""
}

// appendTime adds a time of PostgreSQL's ISO style as RFC 3339 writes it. A time that RFC 3339 cannot
// write, such as infinity, is added as it is.
func appendTime(dst, text []byte) []byte {
	const length, date = len("2006-01-02 15:04:05"), len("2006-01-02")
	if len(text) < length || text[date] != ' ' || text[len(text)-1] == 'C' { // BC
		return append(dst, text...)
	}
	dst = append(dst, text[:date]...)
	dst = append(dst, 'T')
	dst = append(dst, text[date+1:]...)
	return append(dst, 'Z')
}

// second returns the time of an entry up to its second.
func (e Entry) second() string {
	const length = len("2006-01-02T15:04:05")
	return e.Time[:min(length, len(e.Time))]
}

// OwnTime returns the time of the entry in the type of its column, as the database writes it.
func (e Entry) OwnTime() string { return e.own }
