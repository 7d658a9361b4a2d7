package pgaudit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timelinePredicate is a condition on a row t, with its parameters as texts.
type timelinePredicate struct {
	terms  []string
	params []string
}

// timelineTerm is a condition with one parameter, for which %s stands. The zero term is none.
type timelineTerm struct{ sql, param string }

// add adds a term, in which %s stands for each parameter.
func (p *timelinePredicate) add(term string, params ...string) {
	p.terms = append(p.terms, "("+p.insert(term, params...)+")")
}

// insert adds parameters, and returns the text with their numbers.
func (p *timelinePredicate) insert(text string, params ...string) string {
	numbers := make([]any, len(params))
	for i, param := range params {
		p.params = append(p.params, param)
		numbers[i] = "$" + strconv.Itoa(len(p.params))
	}
	return fmt.Sprintf(text, numbers...)
}

// any adds that one of some terms is true. Without any, no row matches.
func (p *timelinePredicate) any(terms ...timelineTerm) {
	var parts []string
	for _, term := range terms {
		if term.sql != "" {
			parts = append(parts, p.insert(term.sql, term.param))
		}
	}
	if len(parts) == 0 {
		parts = []string{"false"}
	}
	p.terms = append(p.terms, "("+strings.Join(parts, " or ")+")")
}

// sql returns the condition.
func (p *timelinePredicate) sql() string {
	if len(p.terms) == 0 {
		return "true"
	}
	return strings.Join(p.terms, " and ")
}

// values returns the parameters as the driver takes them.
func (p *timelinePredicate) values() [][]byte {
	values := make([][]byte, len(p.params))
	for i, param := range p.params {
		values[i] = []byte(param)
	}
	return values
}

// timeText returns a time as the server reads it.
func timeText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
