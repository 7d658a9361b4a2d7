// Package sampledata fills an OCMT database with users and secrets that nobody
// owns, and imitates the servers that go on writing them. The demo and the
// benchmark work on it.
package sampledata
