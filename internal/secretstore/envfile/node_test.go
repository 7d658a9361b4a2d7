package envfile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/secretstore/storetest"
)

// dotenvVersions are the versions of dotenv that servers may have, and the file that each is entered by.
var dotenvVersions = map[string]string{"16.6.1": "lib/main.js", "17.4.2": "lib/main.js", "18.0.10": "dist/index.cjs"}

// readWithNode is a program for Node that reads texts with one dotenv.
const readWithNode = `const {parse} = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map(text => parse(Buffer.from(text)))));`

// nodeFile is a file that was changed, and what it must read as.
type nodeFile struct {
	text string
	want map[string]string
}

// If this fails, the servers read another secret from the file than was put there.
func TestNodeReadsItBack(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"npm", "node", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	files := changedFiles(t)
	texts := make([]string, len(files))
	for i, file := range files {
		texts[i] = file.text
	}
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	for version, entry := range dotenvVersions {
		program := exec.CommandContext(t.Context(), "node", "-e", readWithNode, filepath.Join(fetchDotenv(t, version), entry))
		program.Stdin = strings.NewReader(string(input))
		program.Stderr = os.Stderr
		output, err := program.Output()
		if err != nil {
			t.Fatal(err)
		}
		var read []map[string]string
		if err := json.Unmarshal(output, &read); err != nil || len(read) != len(files) {
			t.Fatalf("%d answers, %v", len(read), err)
		}
		for i, file := range files {
			for name, want := range file.want {
				if read[i][name] != want {
					t.Errorf("dotenv %s reads %s from %q as %q, want %q", version, name, file.text, read[i][name], want)
				}
			}
			if len(read[i]) != len(file.want) {
				t.Errorf("dotenv %s reads %d names from %q", version, len(read[i]), file.text)
			}
		}
		t.Logf("dotenv %s read %d files", version, len(files))
	}
}

// fetchDotenv gets one version of dotenv, and returns its folder.
func fetchDotenv(t *testing.T, version string) string {
	t.Helper()
	folder := t.TempDir()
	pack := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "dotenv@"+version)
	pack.Dir = folder
	if output, err := pack.CombinedOutput(); err != nil {
		t.Skipf("npm has no dotenv %s here: %v, %s", version, err, output)
	}
	unpack := exec.CommandContext(t.Context(), "tar", "-xzf", "dotenv-"+version+".tgz")
	unpack.Dir = folder
	if output, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v, %s", err, output)
	}
	return filepath.Join(folder, "package")
}

// changedFiles puts short texts of characters that mean something into files of several kinds: all of two
// parts, and some of three.
func changedFiles(t *testing.T) (files []nodeFile) {
	t.Helper()
	parts := []string{"", "a", " ", "'", `"`, "`", `\`, "#", "\n", "=", "$", `\n`, `\r`, "\r", "é", "\ufeff"}
	begins := []string{"", "T=old # c\r\nB='1'\r\n", "B=1\nT=\"old\" # \"c\"\n# T='x'\nC=\"two\nlines\"", "T='old'\nB=`1`#c\n"}
	refused, tried := 0, 0
	for _, first := range parts {
		for _, second := range parts {
			for _, third := range parts {
				value := first + second + third
				begin := begins[(len(files)+refused)%len(begins)]
				if tried++; value == "" || third != "" && tried%9 != 0 { // each takes some milliseconds
					continue
				}
				path := writeFile(t, begin, 0o600)
				old := readAll(begin)
				err := open(path).Apply(t.Context(), storetest.Put("T", old["T"], value))
				if err != nil {
					refused++
					continue
				}
				old["T"] = value
				files = append(files, nodeFile{readFile(t, path), old})
			}
		}
	}
	if len(files) < 10*refused {
		t.Error(fmt.Sprint("too many texts are refused: ", refused, " of ", len(files)))
	}
	t.Logf("%d texts were put, %d refused", len(files), refused)
	return files
}
