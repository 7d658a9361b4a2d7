package report_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npmPackage is a package that a test needs. It is fetched by npm, which knows the registry that this
// machine is to use, and stays packed in .tools.
type npmPackage struct {
	name, version string
	sum           string // SHA-512 of the packed file
}

var (
	sarifPackage = npmPackage{"@microsoft/jest-sarif", "1.0.0-beta.0",
		"0357ce84f77a21ce620e4e05f583f0d6a341e1717eefe22f891ef197caf617a433424c7972963d2ec1a4dab1318852047016e3a559d29b058606e9004a4890f4"}
	playwrightPackage = npmPackage{"playwright-core", "1.65.1",
		"86a3e9cfb6e548c3f1595768784d728814b35ec2a254e77693e9230af994cb00f618f3b60ddf477dc5a7abd34dd061db3590c5819f497c116bf97e7f04ba34ab"}
	axePackage = npmPackage{"axe-core", "4.14.1",
		"1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"}
)

// unpack unpacks the package into a folder of the test, as node_modules/NAME of it.
func (p npmPackage) unpack(t *testing.T, folder string) {
	t.Helper()
	file, err := os.Open(p.fetch(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		inside := strings.TrimPrefix(header.Name, "package/")
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(inside) {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "node_modules", filepath.FromSlash(p.name), filepath.FromSlash(inside))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// fetch returns the packed file in .tools. It asks npm where the file is not there yet. It fails the test
// where the file cannot be had, or is another one than it should be.
func (p npmPackage) fetch(t *testing.T) string {
	t.Helper()
	tools, err := filepath.Abs("../../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(tools, strings.NewReplacer("@", "", "/", "-").Replace(p.name)+"-"+p.version+".tgz")
	if _, err := os.Stat(kept); err != nil {
		p.ask(t, tools, kept)
	}
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha512.Sum512(text); hex.EncodeToString(sum[:]) != p.sum {
		t.Fatalf("%s has another checksum than %s@%s should: remove it", kept, p.name, p.version)
	}
	return kept
}

// ask has npm fetch the package, and moves it to where it is kept.
func (p npmPackage) ask(t *testing.T, tools, kept string) {
	t.Helper()
	if err := os.MkdirAll(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp(tools, "fetch-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	command := exec.CommandContext(t.Context(), "npm", "pack", "--silent", p.name+"@"+p.version)
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("fetching %s@%s with npm: %v (install Node.js with npm)\n%s", p.name, p.version, err, output)
	}
	packed, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("npm pack left %v, %v", packed, err)
	}
	if err := os.Rename(packed[0], kept); err != nil {
		t.Fatal(err)
	}
}
