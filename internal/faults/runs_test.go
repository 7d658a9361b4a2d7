package faults_test

import "testing"

// If this fails, two operators, or a script that is started twice, rotate one
// database at once and are told numbers that are not true.
func TestSecondAndThirdRun(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(3000, 0)
	first := d.rotate("--max-rows-per-second", slowly)
	first.untilMoved()
	second, third := d.rotate(), d.rotate()
	second.ends(5, "another run is at work", "nothing was written")
	third.ends(5, "another run is at work", "nothing was written")
	first.hurry()
	first.ends(0)
	d.allMoved()
	d.goOn()
}
