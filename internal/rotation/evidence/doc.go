// Package evidence makes the page that is kept of a key that was taken away: one sheet of paper, for whoever asks
// later what was proven, by whom and when. It takes the evidence as package rotation has put it together.
package evidence
