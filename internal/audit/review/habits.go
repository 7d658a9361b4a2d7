package review

import (
	"fmt"
	"time"
)

// habitsOf is what one user did in the baseline.
type habitsOf struct {
	rows      int64
	addresses map[string]bool
	hours     [24]bool
}

// baseline is what users did, by their ids.
type baseline map[string]*habitsOf

// add takes one more habit of a user.
func (b baseline) add(habit Habit) {
	of := b[habit.User]
	if of == nil {
		of = &habitsOf{addresses: map[string]bool{}}
		b[habit.User] = of
	}
	of.rows += habit.Rows
	of.addresses[plainAddress(habit.Address)] = true
	if habit.Hour >= 0 && habit.Hour < len(of.hours) {
		of.hours[habit.Hour] = true
	}
}

// lookAtHabits finds entries from an address, or at an hour, that is new for their user. Each is told
// once.
func (f *finder) lookAtHabits(entries []Entry, known baseline, report *Report) {
	for _, of := range known {
		report.BaselineRows += of.rows
	}
	unknown := map[string]bool{}
	for _, entry := range entries {
		if entry.User == "" || entry.Outcome == Failed || entry.Tool {
			continue
		}
		of := known[entry.User]
		if of == nil || of.rows < AddressMinimum {
			unknown[entry.User] = true
			continue
		}
		f.lookAtHabit(entry, of)
	}
	report.WithoutBaseline = len(unknown)
}

// lookAtHabit compares an entry with what its user did before.
func (f *finder) lookAtHabit(entry Entry, of *habitsOf) {
	if address := plainAddress(entry.Address); address != "" && !of.addresses[address] && f.isFirst(NewAddress, entry.User, address) {
		f.add(NewAddress, fmt.Sprintf("an address that none of the user's %d entries of the %d days before came from", of.rows, BaselineDays), []Entry{entry})
	}
	at, err := time.Parse(time.RFC3339Nano, entry.Time)
	if err != nil || of.rows < HourMinimum || of.hours[at.Hour()] || !f.isFirst(NewHour, entry.User, fmt.Sprint(at.Hour())) {
		return
	}
	f.add(NewHour, fmt.Sprintf("between %02d:00 and %02d:59 UTC, when none of the user's %d entries of the %d days before was made", at.Hour(), at.Hour(), of.rows, BaselineDays), []Entry{entry})
}

// isFirst reports whether something of a user is told for the first time.
func (f *finder) isFirst(rule Rule, user, what string) bool {
	key := string(rule) + " " + user + " " + what
	first := !f.told[key]
	f.told[key] = true
	return first
}
