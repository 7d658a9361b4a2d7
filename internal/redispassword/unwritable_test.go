package redispassword_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/redispassword"
)

// startMovable starts a Redis whose files lie in a folder of their own, and returns what takes that folder away and
// gives it back: without it no file can be written, whoever Redis runs as.
func startMovable(t *testing.T, withUsers bool) (s *server, hide, show func()) {
	t.Helper()
	s = &server{t: t, folder: filepath.Join(t.TempDir(), "files"), port: freePort(t)}
	if err := os.Mkdir(s.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsave \"\"\n", s.port, t.TempDir())
	if withUsers {
		writeFile(t, s.folder+"/users.acl", "user default on >old-password ~* &* +@all\n")
		text += "aclfile " + s.folder + "/users.acl\n"
	} else {
		text += "requirepass old-password\n"
	}
	s.begin(text)
	move := func(from, to string) func() {
		return func() {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s, move(s.folder, s.folder+"-away"), move(s.folder+"-away", s.folder)
}

// If this fails, a Redis that cannot write its file takes a new password that it cannot keep, and there is no way
// forward and none back.
func TestFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, withUsers := range []bool{false, true} {
		t.Run(fmt.Sprintf("file of users %t", withUsers), func(t *testing.T) {
			t.Parallel()
			s, hide, show := startMovable(t, withUsers)
			d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
			d.options.OldClients = true
			hide()
			if obstacles := d.refused(); len(obstacles) != 1 || !strings.Contains(obstacles[0].String(), "--allow-unsaved") {
				t.Errorf("%+v", obstacles)
			}
			for _, way := range []string{"forward", "back"} {
				d.options.Unsaved = true
				d.begin()
				if way == "back" {
					if _, err := redispassword.Back(context.Background(), d.sources(), d.plan()); err != nil {
						t.Fatalf("back: %v", err)
					}
				}
				if result := d.finish(); !result.Done || !slices.Equal(result.Unsaved, []string{s.address()}) {
					t.Errorf("%s: what is not saved is not said: %+v", way, result)
				}
				d.expect(way, d.password(), "")
			}
			d.options.Unsaved = false
			show()
			d.begin()
			hide()
			_, err := redispassword.Finish(context.Background(), d.sources(), d.plan(), d.options)
			if !errors.Is(err, redispassword.ErrUnwritable) {
				t.Fatalf("a file that could not be written is passed over: %v", err)
			}
			d.expect("in the middle", d.password(), "")
			show()
			gone := d.store.get(redispassword.NamePrevious)
			if result := d.finish(); !result.Done || len(result.Unsaved) > 0 {
				t.Errorf("it does not go on once the file can be written: %+v", result)
			}
			s.restart()
			d.expect("after a restart of Redis", d.password(), gone)
		})
	}
}
