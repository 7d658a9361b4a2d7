package migrate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ocmt/ocmt/internal/visible"
)

// The words of orders.
const (
	OrderPause  = "pause"
	OrderResume = "resume"
	OrderSet    = "set"
	OrderAbort  = "abort"
)

// Orders are what operators ask of a run while it is at work.
type Orders struct {
	Number           int64  `json:"number"` // goes up with each order
	Paused           bool   `json:"paused"`
	Abort            bool   `json:"abort"`
	MaxRowsPerSecond *int   `json:"max_rows_per_second"` // nil for the limit that the run was started with
	Pace             Pace   `json:"pace"`                // "" for the pace that the run was started with
	By               string `json:"by"`
	Host             string `json:"host"` // the machine that the last order was given on
	// Word is the last order, "" where an older version of this tool gave it. At is when it was given, by the
	// clock of the database server; the zero time where that is not known.
	Word string    `json:"order"`
	At   time.Time `json:"at"`
	// Before is the order before it, nil for none.
	Before *OrderNote `json:"before"`
}

// OrderNote says which order was given, by whom and when.
type OrderNote struct {
	Word string    `json:"order"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Note returns the last order, nil for none.
func (o Orders) Note() *OrderNote {
	if o.Word == "" {
		return nil
	}
	return &OrderNote{Word: o.Word, By: o.By, At: o.At}
}

// aborted returns an AbortedError where the orders ask the run to end, else nil.
func (o Orders) aborted() error {
	switch before := o.Before; {
	case !o.Abort:
		return nil
	case o.Word == OrderAbort:
		return AbortedError{By: o.By}
	case before != nil && before.Word == OrderAbort:
		return AbortedError{By: before.By}
	}
	return AbortedError{}
}

// OrdersError says that what stands in the place of orders is none.
type OrdersError struct{ Problem string } // cleaned for a terminal

// Error says what is wrong.
func (e *OrdersError) Error() string { return "the orders to the run are malformed: " + e.Problem }

// The bounds of orders.
const (
	// MaxOrdersLength is how many bytes orders have at most, as JSON. The longest that this tool writes have half
	// of that.
	MaxOrdersLength = 4096
	// MaxOperatorLength is how many characters the name of an operator has in orders.
	MaxOperatorLength = 200
	maxOrderRate      = 1<<30 - 1
	// maxOrderNumber is the last number that the record takes, and that every reader of JSON has exactly.
	maxOrderNumber = 1<<53 - 1
)

// NextOrder returns the number of an order after two others: that which stands in the record, and that which the run
// follows. The first number comes after the last, so that a number that somebody wrote by hand takes no order away.
func NextOrder(standing, followed int64) int64 {
	last := standing
	if IsFollowed(standing, followed) {
		last = followed
	}
	return last%maxOrderNumber + 1
}

// IsFollowed reports whether a run that follows the orders of a number has seen others: their number is the same, or
// comes before. Of two numbers that one comes before which is less than half of all numbers behind the other.
func IsFollowed(number, followed int64) bool {
	ahead := (followed - number + maxOrderNumber) % maxOrderNumber
	return ahead <= maxOrderNumber/2
}

// OperatorName returns the name of an operator as orders have it.
func OperatorName(name string) string {
	runes := []rune(visible.Text(name))
	return string(runes[:min(len(runes), MaxOperatorLength)])
}

// ParseOrders reads orders from JSON, which somebody may have written by hand. The error is an *OrdersError.
func ParseOrders(text []byte) (orders Orders, err error) {
	if len(text) > MaxOrdersLength {
		return Orders{}, &OrdersError{fmt.Sprintf("more than %d bytes", MaxOrdersLength)}
	}
	var at string
	var before json.RawMessage
	problem := readMembers(text, []member{
		{"number", &orders.Number}, {"paused", &orders.Paused}, {"abort", &orders.Abort}, {"max_rows_per_second", &orders.MaxRowsPerSecond},
		{"pace", &orders.Pace}, {"by", &orders.By}, {"host", &orders.Host}, {"order", &orders.Word}, {"at", &at}, {"before", &before}})
	if problem == "" {
		problem = orders.problem()
	}
	if problem == "" {
		orders.At, problem = readTime(at)
	}
	if problem == "" && len(before) > 0 && string(before) != "null" {
		orders.Before, problem = readNote(before)
	}
	if problem != "" {
		return Orders{}, &OrdersError{problem}
	}
	return orders, nil
}

// member is a member of a JSON object, and where its value goes.
type member struct {
	name string
	into any
}

// readMembers reads the members of a JSON object. It returns what is wrong, "" for nothing.
func readMembers(text []byte, members []member) (problem string) {
	if !utf8.Valid(text) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return "they are no JSON object"
	}
	var found map[string]json.RawMessage
	if err := json.Unmarshal(text, &found); err != nil {
		return "they are no JSON object"
	}
	for _, one := range members {
		value, there := found[one.name]
		delete(found, one.name)
		if there && json.Unmarshal(value, one.into) != nil {
			return one.name + " has a value of the wrong kind"
		}
	}
	if unknown := slices.Sorted(maps.Keys(found)); len(unknown) > 0 {
		return fmt.Sprintf("there is no %q in orders", shorten(unknown[0]))
	}
	return ""
}

// problem says what is wrong with the values, "" for nothing.
func (o Orders) problem() string {
	switch {
	case o.Number < 1 || o.Number > maxOrderNumber:
		return "number is missing, or no number of an order"
	case o.MaxRowsPerSecond != nil && (*o.MaxRowsPerSecond < 0 || *o.MaxRowsPerSecond > maxOrderRate):
		return fmt.Sprintf("max_rows_per_second is %d", *o.MaxRowsPerSecond)
	case o.Pace != "" && !o.Pace.IsKnown():
		return fmt.Sprintf("there is no pace %q", shorten(string(o.Pace)))
	}
	if problem := noteProblem("", o.Host); problem != "" {
		return "host" + strings.TrimPrefix(problem, "by")
	}
	return noteProblem(o.Word, o.By)
}

// noteProblem says what is wrong with a word and the name of an operator, "" for nothing.
func noteProblem(word, by string) string {
	switch {
	case word != "" && !slices.Contains([]string{OrderPause, OrderResume, OrderSet, OrderAbort}, word):
		return fmt.Sprintf("there is no order %q", shorten(word))
	case utf8.RuneCountInString(by) > MaxOperatorLength:
		return fmt.Sprintf("by has more than %d characters", MaxOperatorLength)
	case by != visible.Text(by):
		return fmt.Sprintf("by has characters that are not visible: %q", shorten(by))
	}
	return ""
}

// readNote reads the order before the last.
func readNote(text []byte) (*OrderNote, string) {
	var note OrderNote
	var at string
	problem := readMembers(text, []member{{"order", &note.Word}, {"by", &note.By}, {"at", &at}})
	if problem == "" {
		problem = noteProblem(note.Word, note.By)
	}
	if problem == "" {
		note.At, problem = readTime(at)
	}
	if problem != "" {
		return nil, "before: " + problem
	}
	return &note, ""
}

// readTime reads a time, "" for the zero time.
func readTime(text string) (at time.Time, problem string) {
	if text == "" {
		return time.Time{}, ""
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, "at is no time"
	}
	return at, ""
}

// shownLength is how many characters of a foreign text a message shows.
const shownLength = 40

// shorten returns the beginning of a foreign text.
func shorten(text string) string {
	runes := []rune(text)
	if len(runes) > shownLength {
		return string(runes[:shownLength]) + "…"
	}
	return text
}
