// Package ui is everything between ocmt and the person or the script that runs
// it. Its rules:
//
//   - Standard output is the result and nothing else: text, or with --output
//     json one JSON document. A pipe receives what was asked for.
//   - Everything else goes to standard error: notes, warnings, progress,
//     questions, errors.
//   - On a terminal there is colour and a live progress line. Elsewhere, and on
//     a terminal that takes no control sequences (TERM=dumb), there are plain
//     lines, one every few seconds.
//   - On a terminal nothing is wider than it is at that moment: sentences break
//     between words, and what a table cannot show beside each other goes under
//     its row. A path, a key or a command stays whole. In a pipe or a file
//     nothing is broken or cut.
//   - Questions are asked only where standard input is a terminal. They are
//     shown on standard error, and where that is none, on /dev/tty. What was typed before a question does not answer it. Question
//     and answer stay on the screen. No answer, or one that nobody understands,
//     is no.
//   - Text from outside, such as a row key, cannot steer the terminal: control
//     characters are made visible.
//   - No secret is printed, except the one that keygen was asked for.
package ui
