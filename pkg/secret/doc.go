// Package secret knows the kinds of secret that an OCMT deployment has: in which
// settings each stands, how it is made, and what makes one valid. Each kind has a file of
// its own with its Kind; Kinds lists them.
//
// A check takes the text of a setting and returns what is wrong with it as findings. No
// finding repeats any of the text, nor says more of a weak key than which kind of weakness
// it has: reports go to logs, and a weak key may still be in use while it is replaced.
package secret
