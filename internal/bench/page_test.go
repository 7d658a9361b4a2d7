package main

import (
	"os"
	"strings"
	"testing"
)

// If this fails, a second run replaces more of the page than the figures of the first.
func TestPageKeepsWhatIsAroundTheFigures(t *testing.T) {
	t.Parallel()
	page := "before\n" + figuresBegin + "old\n" + figuresEnd + "after\n"
	first, err := replaceFigures(page, sampleReport().markdown())
	if err != nil {
		t.Fatal(err)
	}
	second, err := replaceFigures(first, "new\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(page, "old", "new", 1); second != want {
		t.Errorf("the page became %q, want %q", second, want)
	}
	if !strings.Contains(first, "| rows/s against row at a time | at least 50 times | 50 times | yes |") {
		t.Errorf("the page lacks what is promised:\n%s", first)
	}
}

// If this fails, a page without marks, which was written by hand, is overwritten.
func TestPageWithoutMarksIsRefused(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"", "text\n", figuresBegin, figuresEnd, figuresEnd + figuresBegin} {
		if got, err := replaceFigures(page, "new"); err == nil {
			t.Errorf("%q became %q", page, got)
		}
	}
}

// If this fails, a missing mark is noticed only after minutes of measuring.
func TestPageOfTheRepositoryHasTheMarks(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/bench/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replaceFigures(string(page), ""); err != nil {
		t.Error(err)
	}
}
