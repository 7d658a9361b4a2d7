package pgchain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/chain"
)

// If this fails, somebody with the right to write can change what an entry says without being found:
// every byte of every column of every entry is changed.
func TestEachByteOfTheTableIsProven(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	store := newStore(t, d.url)
	fill(t, store, 3)
	d.exec("create table kept as table ocmt.record; alter table ocmt.record drop constraint record_pkey, drop constraint record_previous_key, drop constraint record_hash_key, drop constraint record_sequence_check")
	tried := 0
	check := func(sequence int, change string) {
		t.Helper()
		tried++
		d.exec(fmt.Sprintf("update ocmt.record set %s where sequence = %d", change, sequence))
		if report := mustVerify(t, store, ""); report.Break == nil {
			t.Errorf("entry %d, %s: nothing was found", sequence, change)
		} else if at := report.Break.Sequence; at != int64(sequence) && !strings.HasPrefix(change, "sequence") {
			t.Errorf("entry %d, %s: %+v", sequence, change, report.Break)
		}
		d.exec("truncate ocmt.record; insert into ocmt.record table kept")
	}
	for sequence := 1; sequence <= 3; sequence++ {
		for _, column := range []string{"operator", "host", "command", "action", "subject", "details", "previous", "hash"} {
			length := len([]rune(d.text(fmt.Sprintf("select %s from kept where sequence = %d", column, sequence))))
			for at := 1; at <= length; at++ {
				check(sequence, fmt.Sprintf("%[1]s = overlay(%[1]s placing chr(ascii(substr(%[1]s, %[2]d, 1)) # 1) from %[2]d)", column, at))
			}
			check(sequence, column+" = "+column+" || ' '")
			check(sequence, column+" = ''")
		}
		// An eight-byte number each: every bit that the column can hold.
		for bit := range 62 {
			check(sequence, fmt.Sprintf("sequence = sequence # (1::bigint << %d)", bit))
		}
		for bit := range 50 {
			check(sequence, fmt.Sprintf("at = at + (1::bigint << %d) * interval '1 microsecond'", bit))
		}
		for _, at := range []string{"'infinity'", "at - interval '4052 years'", "at + interval '10000 years'"} {
			check(sequence, "at = "+at)
		}
	}
	t.Logf("%d changes", tried)
}

// If this fails, an entry can be taken out, put elsewhere or added, or the end cut off.
func TestRowsAreProven(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	store := newStore(t, d.url)
	fill(t, store, 5)
	report := mustVerify(t, store, "")
	if report.Break != nil || report.Count != 5 {
		t.Fatalf("%+v", report)
	}
	d.exec("create table kept as table ocmt.record; alter table ocmt.record drop constraint record_pkey, drop constraint record_previous_key, drop constraint record_hash_key, drop constraint record_sequence_check")
	for _, c := range []struct {
		name, sql, kept string
		fault           chain.Fault
		sequence        int64
	}{
		{"deleted", "delete from ocmt.record where sequence = 3", "", chain.FaultGap, 3},
		{"deleted, and renumbered", "delete from ocmt.record where sequence = 3; update ocmt.record set sequence = sequence - 1 where sequence > 3", "", chain.FaultChanged, 3},
		{"first deleted", "delete from ocmt.record where sequence = 1", "", chain.FaultGap, 1},
		{"swapped", "update ocmt.record set sequence = 5 - sequence where sequence in (2, 3)", "", chain.FaultChanged, 2},
		{"twice", "insert into ocmt.record select * from kept where sequence = 4", "", chain.FaultExtra, 4},
		{"inserted before the first", "insert into ocmt.record select 0, at, operator, host, command, action, subject, details, previous, hash from kept where sequence = 1", "", chain.FaultChanged, 1},
		{"inserted at the end", "insert into ocmt.record select 6, at, operator, host, command, action, subject, details, previous, hash from kept where sequence = 5", "", chain.FaultChanged, 6},
		{"details in another spelling", `update ocmt.record set details = replace(details, ':', ': ') where sequence = 2`, "", chain.FaultChanged, 2},
		{"the end cut off", "delete from ocmt.record where sequence = 5", report.Head, chain.FaultCut, 5},
		{"all cut off", "delete from ocmt.record", report.Head, chain.FaultCut, 1},
		{"the table dropped", "drop table ocmt.record", report.Head, chain.FaultCut, 1},
	} {
		d.exec(c.sql)
		found := mustVerify(t, store, c.kept)
		if found.Break == nil || found.Break.Fault != c.fault || found.Break.Sequence != c.sequence {
			t.Errorf("%s: %+v", c.name, found.Break)
		}
		d.exec("drop table if exists ocmt.record; create table ocmt.record as table kept")
	}
	// Hashed anew by somebody who knows how: the entry behind it shows it, and at the end the head.
	forged := "with f as (select '" + forge(t, 2) + "' as hash) update ocmt.record set action = 'forged', hash = f.hash from f where sequence = 2"
	d.exec(forged)
	if found := mustVerify(t, store, ""); found.Break == nil {
		t.Error("an entry that was replaced was not found")
	}
}

// forge returns a hash that is none of the chain's.
func forge(t *testing.T, n int) string {
	t.Helper()
	entry, err := chain.Next(chain.Link{Sequence: int64(n)}, moment, author, chain.Event{Action: "forged"})
	if err != nil {
		t.Fatal(err)
	}
	return entry.Hash()
}

// If this fails, a head in an old ticket says nothing.
func TestKeptHead(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	store := newStore(t, d.url)
	fill(t, store, 2)
	head := mustVerify(t, store, "").Head
	for after := range 2 {
		if report := mustVerify(t, store, head); report.Break != nil || report.After != int64(after) {
			t.Errorf("%+v", report)
		}
		fill(t, store, 1)
	}
}
