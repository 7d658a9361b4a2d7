// Package secret knows the kinds of secret that an OCMT deployment holds: how
// each is made, and what makes one valid.
//
// A check takes the text of a setting and returns what is wrong with it as a
// list of Problems. No Problem repeats any of the text, nor says more of a weak
// key than which kind of weakness it has: reports go to logs, and a weak key
// may still be in use while it is being replaced.
//
// Each kind has a file of its own that holds its Kind; Kinds lists them.
package secret
