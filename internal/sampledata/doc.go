// Package sampledata fills an OCMT database with invented users and secrets, and imitates
// the servers that go on writing them. The demo and the benchmark use it.
package sampledata
