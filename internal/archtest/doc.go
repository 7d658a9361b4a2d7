// Package archtest has no code. Its tests ask the go command what each package of this module
// depends on, and fail where a layer depends on what it must not know. The linters check the
// import lines; these tests see through other packages as well. They also compare the pages of
// the repository with its files.
package archtest
