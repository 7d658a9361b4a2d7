package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Scale is ocmt migrate run on a table of another size.
type Scale struct {
	Rows int       `json:"rows"`
	Runs []Figures `json:"ocmt_migrate_run"`
}

// scales is a flag: numbers of rows with commas between them, in any order.
type scales []int

// String implements flag.Value.
func (s *scales) String() string {
	var words []string
	for _, rows := range *s {
		words = append(words, strconv.Itoa(rows))
	}
	return strings.Join(words, ",")
}

// Set implements flag.Value. An empty text means no other size.
func (s *scales) Set(text string) error {
	*s = nil
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		rows, err := strconv.Atoi(word)
		if err != nil || rows < 1 {
			return fmt.Errorf("%q is no number of rows", word)
		}
		*s = append(*s, rows)
	}
	slices.Sort(*s)
	*s = slices.Compact(*s)
	return nil
}

// measureScales measures the sizes in turn, like the contenders. All databases are filled
// before that, and are on the disk at the same time.
func (b *bench) measureScales(ctx context.Context) ([]Scale, error) {
	var templates []database
	for _, rows := range b.scales {
		b.note("filling a database of %d rows", rows)
		db, err := b.createDatabase(ctx, rows)
		if err != nil {
			return nil, err
		}
		templates = append(templates, db)
	}
	found := make([]Scale, len(templates))
	for n := range b.repeats {
		for i, db := range templates {
			b.note("run %d of %d on %d rows", n+1, b.repeats, db.rows)
			f, err := b.measureOnCopy(ctx, db, b.migrateRun)
			if err != nil {
				return nil, fmt.Errorf("measuring ocmt migrate run on %d rows: %w", db.rows, err)
			}
			found[i].Rows, found[i].Runs = db.rows, append(found[i].Runs, f)
		}
	}
	return found, nil
}
