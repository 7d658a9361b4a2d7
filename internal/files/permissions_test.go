package files_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/files"
)

// If this fails, an operator is warned of an env file that only its owner reads, or of an example.
func TestEnvFileOfOwnerPasses(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-001", audit.NotApplicable)
	d.write(".env", "ADMIN_TOKEN=1\n", 0o600)
	d.write("agent/.env.production", "ADMIN_TOKEN=1\n", 0o400)
	d.write(".env.example", "ADMIN_TOKEN=1\n", 0o644)
	d.write("web/.env", "PORT=3000\nADMIN_TOKEN=\nPUBLIC_URL=https://example.org\n", 0o644)
	d.write("node_modules/x/.env", "ADMIN_TOKEN=1\n", 0o644)
	d.wantOutcome("OCMT-FIL-001", audit.Pass)
}

// If this fails, every account of the machine reads all secrets, and the audit says that all is well.
func TestEnvFileForOthersIsFound(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.write(".env", "ADMIN_TOKEN=1\n", 0o644)
	d.write("agent/agent.env", "ADMIN_TOKEN=1\n", 0o640)
	d.write("secret/value", "ADMIN_TOKEN=1\n", 0o602)
	if err := os.Symlink("../secret/value", filepath.Join(d.dir, "agent/.env")); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-001", ".env is not kept from others: every account of this machine can read it; the group", "agent/agent.env is not kept from others: the group",
		"agent/.env is not kept from others: every account of this machine can change it | mode 0602")
	info, err := os.Stat(filepath.Join(d.dir, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	d.options.Groups = []string{groupOf(t, info)}
	if err := os.Chmod(filepath.Join(d.dir, ".env"), 0o640); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-001", "agent/.env is not kept from others")
}

// If this fails, an ACL lets an account in that the mode does not show, and nobody knows.
func TestACLIsFound(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.write(".env", "ADMIN_TOKEN=1\n", 0o600)
	entries := []struct {
		tag, may uint16
		id       uint32
	}{{1, 6, 1<<32 - 1}, {2, 4, 54321}, {4, 0, 1<<32 - 1}, {0x10, 4, 1<<32 - 1}, {0x20, 0, 1<<32 - 1}}
	value := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range entries {
		value = binary.LittleEndian.AppendUint16(value, entry.tag)
		value = binary.LittleEndian.AppendUint16(value, entry.may)
		value = binary.LittleEndian.AppendUint32(value, entry.id)
	}
	err := unix.Setxattr(filepath.Join(d.dir, ".env"), "system.posix_acl_access", value, 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("the file system has no ACLs")
	}
	if err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-001", "high: .env is not kept from others: its ACL lets user 54321 in")
}

// If this fails, an env file that a stranger owns, and can change, passes.
func TestForeignOwnerIsFound(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	d := newDeployment(t)
	d.write(".env", "ADMIN_TOKEN=1\n", 0o600)
	if err := os.Chown(filepath.Join(d.dir, ".env"), 54321, 0); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-001", "it belongs to 54321")
	if err := os.Chown(d.dir, 54321, 0); err != nil {
		t.Fatal(err)
	}
	d.wantOutcome("OCMT-FIL-001", audit.Pass)
}

// If this fails, an env file that cannot be read, or a folder of which a part was left out, is a pass.
func TestEnvFileThatCannotBeLookedAt(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.loop(filepath.Join(d.dir, ".env"))
	d.wantOutcome("OCMT-FIL-001", audit.Unchecked)
	d.wantOutcome("OCMT-FIL-002", audit.Unchecked)
	d = newDeployment(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		d.write(name, "", 0o600)
	}
	d.options.Limits = files.Limits{Files: 3}
	d.wantOutcome("OCMT-FIL-001", audit.Unchecked)
	d.wantOutcome("OCMT-FIL-008", audit.Unchecked)
}

// If this fails, any account can put its own env file in the place of the server's.
func TestParents(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-002", audit.NotApplicable)
	d.write("deep/er/.env", "ADMIN_TOKEN=1\n", 0o600)
	d.wantOutcome("OCMT-FIL-002", audit.Pass) // although the temporary folder above has the sticky bit
	if err := os.Chmod(filepath.Join(d.dir, "deep"), 0o777); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-002", "high: deep is a folder in which every account can replace what is there | mode 0777")
	if err := os.Chmod(filepath.Join(d.dir, "deep"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(d.dir, "deep/er"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-002", "medium: deep/er is a temporary folder")
}

// If this fails, a link to a file in a temporary folder hides where the secrets are.
func TestParentsOfLinkTarget(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.write("a/b/.env", "ADMIN_TOKEN=1\n", 0o600)
	d.write("a/real", "ADMIN_TOKEN=1\n", 0o600)
	if err := os.Symlink("a/real", filepath.Join(d.dir, ".env")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(d.dir, "a"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-002", "medium: a is a temporary folder")
	if err := os.Remove(filepath.Join(d.dir, ".env")); err != nil {
		t.Fatal(err)
	}
	d.wantOutcome("OCMT-FIL-002", audit.Pass)
	d.write("a/z.env", "ADMIN_TOKEN=1\n", 0o600) // it is looked at behind a/b/.env
	d.wantFindings("OCMT-FIL-002", "medium: a is a temporary folder")
}

// If this fails, the private key of SAML or of the database's client lies open.
func TestKeyFiles(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-003", audit.NotApplicable)
	d.write("saml.key", "key", 0o600)
	d.write("db.key", "key", 0o600)
	d.settings.texts["SAML_PRIVATE_KEY_PATH"] = "saml.key"
	d.settings.texts["DATABASE_URL"] = "postgresql://a@b/c?sslkey=" + filepath.Join(d.dir, "db.key")
	d.wantOutcome("OCMT-FIL-003", audit.Pass)
	d.write("saml.key", "key", 0o604)
	d.write("db.key", "key", 0o640)
	d.wantFindings("OCMT-FIL-003", "saml.key is not kept", "db.key is not kept")
	d.settings.texts = map[string]string{"SAML_PRIVATE_KEY_PATH": "elsewhere.key"}
	d.wantOutcome("OCMT-FIL-003", audit.Unchecked)
}

// packed returns a text as gzip has it.
func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, err := writer.Write([]byte(text))
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const (
	dumpHead = "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE a (b text);\n"
	dumpRows = "COPY public.a (b) FROM stdin;\nx\n\\.\n"
)

// If this fails, migrations and encrypted dumps are faults, and the operator stops to read the audit.
func TestDumpsThatPass(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.write("migrations/001.sql", "CREATE TABLE a (b text);\nINSERT INTO a VALUES (1);\n", 0o644)
	d.write("schema.sql", dumpHead, 0o644)
	d.write("pictures.tar.gz", packed(t, "x"), 0o644)
	d.wantOutcome("OCMT-FIL-008", audit.NotApplicable)
	d.write("all.dump", "PGDMP\x01\x0e", 0o600)
	d.write("all.sql.gz.age", "age-encryption.org/v1\n-> X25519", 0o644)
	d.write("all.dump.gpg", "\x85\x02\x0c\x03abcdefgh", 0o644)
	d.write("new.dump.gpg", "\xc1\x4c\x03abcdefgh", 0o644)
	d.wantOutcome("OCMT-FIL-008", audit.Pass)
}

// If this fails, the dumps of forty nights are forty lines, among which nobody sees another fault; or one who accepts
// some of them accepts the next.
func TestDumpsOfOneJobAreOneFinding(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	for night := range 40 {
		d.write(fmt.Sprintf("backups/%02d.dump", night), "PGDMP\x01\x0e", 0o644)
	}
	d.wantFindings("OCMT-FIL-008", "dumps and backups in backups with mode 0644 are not kept from others")
	found := d.ask("OCMT-FIL-008").Findings[0]
	if found.Count != 40 || len(found.Places) != audit.MaxPlaces || found.PlacesLeft != 30 || !strings.HasPrefix(found.Places[0], "backups/00.dump: every account of this machine can read it; the group ") {
		t.Errorf("found %d, %d left, at %q", found.Count, found.PlacesLeft, found.Places)
	}
	if objects := slices.Compact(slices.Sorted(slices.Values(found.Objects))); len(objects) != 40 {
		t.Errorf("%d of 40 files can be accepted alone", len(objects))
	}
}

// If this fails, a dump with every session and ciphertext can be read by every account.
func TestDumpsForOthersAreFound(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.write("a.dump", "PGDMP\x01\x0e", 0o644)
	d.write("b.sql", dumpHead+dumpRows, 0o640)
	d.write("c.sql.gz", packed(t, dumpHead+"INSERT INTO public.a VALUES ('x');\n"), 0o644)
	d.write("dump.rdb", "REDIS0011", 0o644)
	d.write("openclaw-config.zip", "PK\x03\x04", 0o644)
	d.wantFindings("OCMT-FIL-008", "dumps and backups in . with mode 0644 are not kept", "dumps and backups in . with mode 0640 are not kept")
	d = newDeployment(t)
	d.options.BackupDirs = []files.Folder{{Path: filepath.Join(d.dir, "tenants"), Name: "tenants"}}
	d.write("tenants/17.json", "{}", 0o644)
	d.wantFindings("OCMT-FIL-008", "dumps and backups in tenants with mode 0644 are not kept")
	d.options.BackupDirs[0].Path = filepath.Join(d.dir, "gone")
	d.wantOutcome("OCMT-FIL-008", audit.Unchecked)
}
