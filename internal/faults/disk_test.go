package faults_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// smallDiskScript mounts a file system of eight megabytes on a new folder, says where others find
// it, and takes it away when its input ends. Without the right to mount it does so in a user and
// mount namespace of its own, which others with the same account reach through /proc.
const smallDiskScript = `
folder=$(mktemp -d /tmp/ocmt-disk-XXXXXXXXXX) || exit 1
if mount -t tmpfs -o size=8m,mode=0777 tmpfs "$folder"; then
	echo "$folder"
	cat >/dev/null
	umount -l "$folder"
elif [ "$(id -u)" -ne 0 ]; then
	unshare --user --map-root-user --mount sh -c '
		mount -t tmpfs -o size=8m,mode=0777 tmpfs "$1" && echo "/proc/$$/root$1" && cat >/dev/null' sh "$folder"
fi
rmdir "$folder"`

// smallDisk makes a file system of eight megabytes and returns its folder. It goes when the test
// ends, and also when the test is killed.
func smallDisk(t *testing.T) string {
	t.Helper()
	command := exec.Command("/bin/sh", "-c", smallDiskScript)
	said, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var refused strings.Builder
	command.Stderr = &refused
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close(); _ = command.Wait() })
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		_ = command.Wait()
		const missing = "not run: no small disk can be mounted here, so what a full one does is not tried: " +
			"it needs root with the right to mount, or a kernel that lets this account make user namespaces: %v\n%s"
		if os.Getenv("CI") == "true" {
			t.Fatalf(missing, err, refused.String())
		}
		t.Skipf(missing, err, refused.String())
	}
	return strings.TrimSpace(line)
}

// If this fails, a disk that runs full under a rotation, which writes every row
// anew, costs a secret, or leaves an operator who is told something else.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t) // first, so that the server has ended when it goes
	server := startServer(t, false)
	d := newDeployment(t, server)
	space := filepath.Join(folder, "space")
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	if who, err := user.Lookup("postgres"); err == nil && os.Getuid() == 0 {
		if said, err := exec.Command("chown", who.Uid+":"+who.Gid, space).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	d.exec("create tablespace small location '"+space+"'", "alter table secrets set tablespace small")
	d.fill(wideRows, wideSize)
	d.exec("vacuum secrets") // its maps need room too
	ballast := filepath.Join(folder, "ballast")
	fillDisk(t, ballast)
	d.rotate("--max-rows-per-second", "10000").ends(1, "no room left on its disk", "next: make room")
	if moved := d.check(); moved == wideRows {
		t.Error("every row is moved: the disk was not full")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.goOn()
}

// fillDisk writes until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if n, err := io.Copy(file, zeros{}); err == nil || n == 0 {
		t.Fatalf("the disk took %d bytes: %v", n, err)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
