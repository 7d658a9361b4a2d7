//go:build !race

package faults_test

// raceDetector says that the tests, and so the program, run with it.
const raceDetector = false
