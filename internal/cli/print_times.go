package cli

import "time"

// clockText returns a moment in UTC, as short as it can be told from others at the time now: "20:14" on the same day,
// "24 Nov 20:14" in the same year, else "24 Nov 2025 20:14".
func clockText(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	switch {
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
		return at.Format("15:04")
	case at.Year() == now.Year():
		return at.Format("2 Jan 15:04")
	default:
		return at.Format("2 Jan 2006 15:04")
	}
}

// serverMoment returns a moment that a server tells in UTC, as short as it can be where the time now is not known. A text
// that is no moment stays as it is.
func serverMoment(text string) string {
	if at, is := parseMoment(text); is {
		return at.UTC().Format("2 Jan 15:04 UTC")
	}
	return text
}

// recordedTime returns a moment that the record tells, such as "2026-11-24 20:14:05+01", as clockText does. A text that is
// no moment stays as it is.
func recordedTime(text string, now time.Time) string {
	if at, is := parseMoment(text); is {
		return clockText(at, now)
	}
	return text
}

// parseMoment reads a moment as PostgreSQL writes it.
func parseMoment(text string) (at time.Time, is bool) {
	for _, layout := range []string{"2006-01-02 15:04:05-07", "2006-01-02 15:04:05-07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
